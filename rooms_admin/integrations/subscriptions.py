"""Webhook subscriptions and deliveries, and the protocol of their store. Knows no HTTP.

A delivery is stored before its first attempt, so that none is lost with the process. It is sent at least once;
receivers recognise a repeated one by its id.
"""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, Protocol

import msgspec

from rooms_admin.rooms.room import milliseconds
from storage.documents import Whole

logger = logging.getLogger(__name__)

EventKind = Literal[
    "room.live",
    "interpreter.joined",
    "interpreter.left",
    "interpreter.degraded",
    "interpreter.restored",
    "utterance.final",
    "room.ended",
]
DeliveryState = Literal["pending", "delivered", "failed"]

MOST_SUBSCRIPTIONS = 100
KEPT_DELIVERIES_MS = 7 * 24 * 3600 * 1000
"""Milliseconds that ended deliveries are kept. Deliveries of a deleted room are deleted with it."""
SECRET_PREFIX = "whsec_"
CLAIM_S = 30.0
"""Seconds a claim lasts: longer than an attempt takes, storing its result included. After that the process is dead."""


@dataclass(frozen=True, slots=True)
class Subscription:
    subscription_id: str
    url: str
    events: tuple[EventKind, ...]
    room_id: str | None
    """Only events of this room; None for every room."""
    secret: str
    """`whsec_` and base64: the key of the signatures. Shown once, when it is created."""
    created_at: datetime

    def wants(self, event: EventKind, room_id: str) -> bool:
        return event in self.events and self.room_id in (None, room_id)


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """An event that subscribers may receive."""

    kind: EventKind
    room_id: str
    at_ms: int
    data: dict[str, object]


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event for a subscription, and the state of its delivery."""

    delivery_id: str
    subscription_id: str
    room_id: str
    event: EventKind
    created_ms: Whole
    due_ms: Whole
    attempts: Whole
    state: DeliveryState
    status: Whole | None
    """HTTP status of the last response."""
    error: str | None
    """Why the last attempt got no response."""
    body: str

    def attempted(self, *, status: int | None, error: str | None, again_at_ms: int | None, ok: bool) -> Delivery:
        """Return the delivery after another attempt; `again_at_ms` is None if it is the last one."""
        return replace(
            self,
            attempts=self.attempts + 1,
            state="delivered" if ok else "failed" if again_at_ms is None else "pending",
            status=status,
            error=error,
            due_ms=self.due_ms if again_at_ms is None else again_at_ms,
        )


class SubscriptionStore(Protocol):
    """Stores subscriptions and their deliveries. Methods raise `StoreUnavailable` on failure."""

    def has_subscriber(self, event: EventKind, room_id: str) -> bool:
        """Return whether there may be a subscriber, without asking the store; `enqueue` decides."""

    async def all(self) -> Sequence[Subscription]:
        """Return all subscriptions, oldest first."""

    async def find(self, subscription_id: str) -> Subscription | None: ...

    async def get(self, subscription_id: str) -> Subscription:
        """Return a subscription; `NotFound` if there is none."""

    async def add(self, url: str, events: Sequence[EventKind], room_id: str | None) -> Subscription:
        """Add a subscription; `Conflict` if there are too many already."""

    async def remove(self, subscription_id: str) -> None:
        """Remove a subscription and its deliveries; `NotFound` if there is none."""

    def forget_room(self, room_id: str) -> None:
        """Note that a room was deleted, and its subscriptions with it."""

    async def enqueue(self, events: Sequence[OutgoingEvent]) -> int:
        """Store a delivery for each event and each of its subscribers; return how many."""

    async def due(self, busy: Collection[str] = ()) -> Sequence[Delivery]:
        """Return the delivery that is due longest of each subscription but those in `busy`.

        Several processes never have deliveries of the same subscription at a time: what is returned is claimed until
        `record_attempt`, for `CLAIM_S` at most.
        """

    async def record_attempt(
        self, delivery: Delivery, *, status: int | None, error: str | None, again_at_ms: int | None, ok: bool
    ) -> Delivery:
        """Store the result of an attempt; `again_at_ms` is None if it is the last one."""

    async def history(
        self, subscription_id: str, before: str | None, limit: int, state: DeliveryState | None = None
    ) -> Sequence[Delivery]:
        """Return deliveries older than `before`, newest first; `NotFound` if there is no such subscription."""

    async def expire(self) -> int:
        """Delete old deliveries that have ended; return how many."""


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def new_subscription(url: str, events: Sequence[EventKind], room_id: str | None, now: datetime) -> Subscription:
    """Build a subscription with an id that sorts after earlier ones, and a new secret."""
    subscription_id = f"subscription-{milliseconds(now):012x}{secrets.token_hex(4)}"
    return Subscription(subscription_id, url, tuple(events), room_id, new_secret(), now)


def deliveries_of(events: Iterable[OutgoingEvent], subscriptions: Sequence[Subscription]) -> Iterator[Delivery]:
    """Build the deliveries of events to their subscribers; an event that is no text is logged and left out."""
    for number, event in enumerate(events):
        for one in subscriptions:
            if one.wants(event.kind, event.room_id):
                try:
                    yield delivery_of(event, one, number)
                except ValueError as error:
                    fields = {"room_id": event.room_id, "event": event.kind, "reason": type(error).__name__}
                    logger.error("webhook event dropped", extra=fields)


def delivery_of(event: OutgoingEvent, subscription: Subscription, number: int) -> Delivery:
    """Build the delivery of an event. `number` orders the ids of events of the same millisecond."""
    delivery_id = f"msg_{event.at_ms:012x}{number:04x}{secrets.token_hex(6)}"
    timestamp = datetime.fromtimestamp(event.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    body = {"type": event.kind, "timestamp": timestamp, "data": {"room_id": event.room_id} | event.data}
    return Delivery(
        delivery_id=delivery_id,
        subscription_id=subscription.subscription_id,
        room_id=event.room_id,
        event=event.kind,
        created_ms=event.at_ms,
        due_ms=event.at_ms,
        attempts=0,
        state="pending",
        status=None,
        error=None,
        body=msgspec.json.encode(body).decode(),
    )
