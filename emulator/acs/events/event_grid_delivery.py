"""Delivers the events of one Event Grid subscription: when each is due, repeated, postponed or given up."""

from __future__ import annotations

import asyncio
import heapq
import http
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

from emulator.acs.wire.callback_events import PREFIX
from emulator.acs.wire.grid_event import GridEvent
from emulator.acs.wire.times import event_time
from emulator.clock import monotonic, utc_now
from emulator.randomness import uniform

Schema = Literal["EventGridSchema", "CloudEventSchemaV1_0"]
# Documented: the waits between attempts, the number of attempts, the lifetime of an event.
_WAITS_S = (10, 30, 60, 300, 600, 1800, 3600)
_TRIES = 30
_LIFETIME_S = 1440 * 60
# Documented: the least wait after these statuses; after any other it is 10 s.
_LEAST_WAIT_S = {400: 300, 401: 300, 403: 300, 404: 300, 408: 120, 413: 10, 503: 30}
# Documented: with dead-lettering, these statuses are not repeated.
_DEAD_AT_ONCE = (400, 413)
# "Delayed delivery" of an endpoint that keeps failing is documented, its numbers are not.
_FAILING_AFTER = 10
_PUT_OFF_S = 300.0
# Far more events than a test produces; beyond it the oldest is dropped, with a journal entry.
_WAITING = 10_000
_DEAD_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Subscription:
    """An event subscription: the endpoint and the form of its events.

    Attributes:
        event_types: types that are delivered, with their prefix; none means all.
        max_events: most events in one request.
        audience: audience of the bearer token sent with each request; None sends no token.
        dead_letter: keep undelivered events, and do not repeat after 400 or 413.
    """

    name: str
    endpoint: str
    schema: Schema
    headers: Mapping[str, str] = field(default_factory=dict)
    event_types: Collection[str] = ()
    max_events: int = 1
    audience: str | None = None
    dead_letter: bool = False

    def body(self) -> dict[str, Any]:
        """Return the body of `GET`. Header values may be secrets and are left out."""
        return {
            "name": self.name,
            "endpoint": self.endpoint,
            "schema": self.schema,
            "headers": list(self.headers),
            "included_event_types": list(self.event_types),
            "max_events": self.max_events,
            "audience": self.audience,
            "dead_letter": self.dead_letter,
        }

    def wants(self, event: GridEvent) -> bool:
        """Return whether events of this type are delivered."""
        return not self.event_types or PREFIX + event.kind in self.event_types

    def written(self, event: GridEvent, topic: str) -> dict[str, Any]:
        """Return an event in the schema of this subscription."""
        return event.in_grid_schema(topic) if self.schema == "EventGridSchema" else event.as_cloud_event(topic)


class DeadLetter(NamedTuple):
    """An event that could not be delivered, and why."""

    event: GridEvent
    reason: str
    tries: int
    status: int
    last_try: datetime

    def written(self, subscription: Subscription, topic: str) -> dict[str, Any]:
        """Return the event as it would be stored, in the documented form; CloudEvents take lower-case names only."""
        about = {
            "deadLetterReason": self.reason,
            "deliveryAttempts": self.tries,
            "lastDeliveryOutcome": _outcome(self.status),
            "publishTime": event_time(self.event.time),
            "lastDeliveryAttemptTime": event_time(self.last_try),
        }
        if subscription.schema != "EventGridSchema":
            about = {name.lower(): value for name, value in about.items()}
        return subscription.written(self.event, topic) | about


def _outcome(status: int) -> str:
    """Return the service's word for an attempt that failed with this status; 0 is no answer."""
    documented = {0: "TimedOut", 408: "TimedOut", 503: "Busy"}
    if status in documented:
        return documented[status]
    known = status in {each.value for each in http.HTTPStatus}
    return http.HTTPStatus(status).phrase.title().replace(" ", "") if known else str(status)


def wait_after(status: int, tries: int) -> float:
    """Return the seconds from failed attempt number `tries` (from 1) to the next, without the random offset."""
    return max(_WAITS_S[min(tries, len(_WAITS_S)) - 1], _LEAST_WAIT_S.get(status, 10))


class Sender(Protocol):
    """The part of Event Grid that a delivery needs."""

    @property
    def speed_up(self) -> float:
        """Divisor of every wait."""

    async def send(self, subscription: Subscription, events: Sequence[GridEvent], tries: int) -> int:
        """Post events and return the status, or 0 without an answer."""

    def note(self, kind: str, subscription: Subscription, event: GridEvent, **fields: object) -> None:
        """Add a journal entry about an event."""


class _Waiting(NamedTuple):
    """An entry of the heap; `order` keeps the order of events of the same instant."""

    due: float
    order: int
    tries: int
    since: float
    event: GridEvent


class Delivery:
    """The deliveries to one subscription, until cancelled.

    Attributes:
        dead: events given up while dead-lettering is on, oldest first.
    """

    def __init__(self, sender: Sender, subscription: Subscription) -> None:
        self.subscription = subscription
        self.dead: deque[DeadLetter] = deque(maxlen=_DEAD_KEPT)
        self._sender = sender
        self._order = 0
        # A heap, so that a failing event delays no others.
        self._waiting: list[_Waiting] = []
        self._changed = asyncio.Event()
        self._failures = 0
        self._asleep_until = float("-inf")

    def put(self, event: GridEvent, delay_s: float = 0.0) -> None:
        """Queue an event, due after a delay."""
        now = monotonic()
        self._push(now + delay_s, 0, now, event)

    async def run(self) -> None:
        """Deliver due events until cancelled."""
        while True:
            self._changed.clear()
            if not self._waiting:
                await self._changed.wait()
                continue
            wait = max(self._waiting[0].due, self._asleep_until) - monotonic()
            if wait > 0:
                try:
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                except TimeoutError:
                    pass
                continue
            await self._try(self._due())

    def _due(self) -> list[_Waiting]:
        """Return the events of the next request: the first due one and others of the same attempt."""
        now = monotonic()
        batch = [heapq.heappop(self._waiting)]
        while len(batch) < self.subscription.max_events and self._waiting:
            following = self._waiting[0]
            if following.due > now or following.tries != batch[0].tries:
                break
            batch.append(heapq.heappop(self._waiting))
        return batch

    async def _try(self, batch: list[_Waiting]) -> None:
        status = await self._sender.send(self.subscription, [each.event for each in batch], batch[0].tries)
        if 200 <= status <= 204:
            self._failures = 0
            return
        self._failures += 1
        if self._failures >= _FAILING_AFTER:
            self._failures = 0
            self._asleep_until = monotonic() + _PUT_OFF_S / self._sender.speed_up
            self._sender.note("eventgrid.put_off", self.subscription, batch[0].event)
        for each in batch:
            self._again(each, status)

    def _again(self, tried: _Waiting, status: int) -> None:
        speed_up = self._sender.speed_up
        due = monotonic() + wait_after(status, tried.tries + 1) * uniform(1, 1.1) / speed_up
        tries = tried.tries + 1
        hopeless = self.subscription.dead_letter and status in _DEAD_AT_ONCE
        too_late = due - tried.since > _LIFETIME_S / speed_up
        if hopeless or too_late or tries >= _TRIES:
            self._sender.note("eventgrid.given_up", self.subscription, tried.event)
            if self.subscription.dead_letter:
                reason = "TimeToLiveExceeded" if too_late else "MaxDeliveryAttemptsExceeded"
                self.dead.append(DeadLetter(tried.event, reason, tries, status, utc_now()))
            return
        self._push(due, tries, tried.since, tried.event)

    def _push(self, due: float, tries: int, since: float, event: GridEvent) -> None:
        self._order += 1
        if len(self._waiting) >= _WAITING:
            oldest = min(self._waiting, key=lambda entry: entry.order)
            self._waiting.remove(oldest)
            heapq.heapify(self._waiting)
            self._sender.note("eventgrid.dropped", self.subscription, oldest.event)
        heapq.heappush(self._waiting, _Waiting(due, self._order, tries, since, event))
        self._changed.set()
