"""Who wants to be told of what, and what they were told: integrators' subscriptions and deliveries in SQLite.

Knows no HTTP. A delivery is written down before it is sent for the first time, so that nothing is lost with the
process; it is sent at least once, and its id tells a repetition.
"""

from __future__ import annotations

import base64
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import msgspec

from rooms_admin.database import Database
from rooms_admin.errors import Conflict, NotFound
from rooms_admin.store import milliseconds

EventKind = Literal["room.live", "interpreter.joined", "interpreter.left", "utterance.final", "room.ended"]
DeliveryState = Literal["pending", "delivered", "failed"]

MOST_SUBSCRIPTIONS = 100
KEPT_DELIVERIES_MS = 7 * 24 * 3600 * 1000
"""How long what was sent is shown; a delivery of a deleted room goes with it."""
SECRET_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class Subscription:
    subscription_id: str
    url: str
    events: tuple[EventKind, ...]
    room_id: str | None
    """Only this room's events; None: every room's."""
    secret: str
    """`whsec_` and base64: what deliveries are signed with. Shown once, when it is made."""
    created_at: datetime

    def wants(self, event: EventKind, room_id: str) -> bool:
        return event in self.events and self.room_id in (None, room_id)


@dataclass(frozen=True, slots=True)
class Event:
    """Something integrators may want to know."""

    kind: EventKind
    room_id: str
    at_ms: int
    data: dict[str, object]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one subscription, and how the sending of it stands."""

    delivery_id: str
    subscription_id: str
    room_id: str
    event: EventKind
    created_ms: int
    due_ms: int
    attempts: int
    state: DeliveryState
    status: int | None
    """Of the last answer."""
    error: str | None
    """Why there was none."""
    body: str


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


_subscription = msgspec.json.Decoder(Subscription)
_COLUMNS = "delivery_id, subscription_id, room_id, event, created_ms, due_ms, attempts, state, status, error, body"


class Subscriptions:
    """Subscriptions and their deliveries. What is subscribed is known without reading, to ask for each event."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now
        self._known: dict[str, Subscription] = {}

    async def load(self) -> None:
        """To be awaited before anything else."""
        rows = await self._database.read(
            lambda connection: connection.execute("SELECT document FROM subscriptions").fetchall()
        )
        self._known = {one.subscription_id: one for one in (_subscription.decode(row[0]) for row in rows)}

    def all(self) -> Sequence[Subscription]:
        """The oldest first."""
        return sorted(self._known.values(), key=lambda one: one.subscription_id)

    def get(self, subscription_id: str) -> Subscription:
        found = self._known.get(subscription_id)
        if found is None:
            raise NotFound("no such subscription")
        return found

    def find(self, subscription_id: str) -> Subscription | None:
        return self._known.get(subscription_id)

    def wanted(self, event: EventKind, room_id: str) -> bool:
        return any(one.wants(event, room_id) for one in self._known.values())

    async def add(self, url: str, events: Sequence[EventKind], room_id: str | None) -> Subscription:
        """`Conflict` if there are too many already."""
        if len(self._known) >= MOST_SUBSCRIPTIONS:
            raise Conflict(f"there are {MOST_SUBSCRIPTIONS} subscriptions already")
        now = self._now()
        subscription_id = f"subscription-{milliseconds(now):012x}{secrets.token_hex(4)}"
        added = Subscription(subscription_id, url, tuple(events), room_id, new_secret(), now)
        document = msgspec.json.encode(added).decode()
        await self._database.write(
            lambda connection: (
                connection.execute(
                    "INSERT INTO subscriptions VALUES (?, ?, ?)", (subscription_id, room_id, document)
                ).rowcount
            )
        )
        self._known[subscription_id] = added
        return added

    async def remove(self, subscription_id: str) -> None:
        """With all its deliveries."""
        self.get(subscription_id)

        def remove(connection: sqlite3.Connection) -> None:
            for table in ("subscriptions", "deliveries"):
                connection.execute(f"DELETE FROM {table} WHERE subscription_id = ?", (subscription_id,))

        await self._database.write(remove)
        self._known.pop(subscription_id, None)

    def forget_room(self, room_id: str) -> None:
        """The room has been deleted, and its subscriptions with it."""
        self._known = {key: one for key, one in self._known.items() if one.room_id != room_id}

    # --- deliveries --------------------------------------------------------------------------------

    async def enqueue(self, events: Sequence[Event]) -> int:
        """Write down a delivery for each event and whoever wants it; how many."""
        deliveries = [
            self._delivery(event, one) for event in events for one in self.all() if one.wants(event.kind, event.room_id)
        ]
        marks = ", ".join("?" * 11)
        # Nothing is said any more of a room that has been deleted in the meantime.
        statement = f"INSERT INTO deliveries ({_COLUMNS}) SELECT {marks} FROM rooms WHERE room_id = ?"
        rows = [(*_row(one), one.room_id) for one in deliveries]
        if rows:
            await self._database.write(lambda connection: connection.executemany(statement, rows).rowcount)
        return len(rows)

    def _delivery(self, event: Event, subscription: Subscription) -> Delivery:
        delivery_id = f"msg_{event.at_ms:012x}{secrets.token_hex(8)}"
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

    async def due(self, limit: int) -> Sequence[Delivery]:
        """Those to be sent by now, the longest due first."""
        query = f"SELECT {_COLUMNS} FROM deliveries WHERE state = 'pending' AND due_ms <= ? ORDER BY due_ms LIMIT ?"
        now = milliseconds(self._now())
        rows = await self._database.read(lambda connection: connection.execute(query, (now, limit)).fetchall())
        return [Delivery(*row) for row in rows]

    async def attempted(
        self, delivery: Delivery, *, status: int | None, error: str | None, again_at_ms: int | None, ok: bool
    ) -> Delivery:
        """Write down how an attempt went; `again_at_ms` None: there will be no other."""
        state: DeliveryState = "delivered" if ok else "failed" if again_at_ms is None else "pending"
        due_ms = delivery.due_ms if again_at_ms is None else again_at_ms
        changed = replace(
            delivery, attempts=delivery.attempts + 1, state=state, status=status, error=error, due_ms=due_ms
        )
        statement = (
            "UPDATE deliveries SET attempts = ?, state = ?, status = ?, error = ?, due_ms = ? WHERE delivery_id = ?"
        )
        values = (changed.attempts, state, status, error, due_ms, delivery.delivery_id)
        await self._database.write(lambda connection: connection.execute(statement, values).rowcount)
        return changed

    async def history(
        self, subscription_id: str, before: str | None, limit: int, state: DeliveryState | None = None
    ) -> Sequence[Delivery]:
        """The youngest first, from the first one before `before` on."""
        self.get(subscription_id)
        conditions, values = ["subscription_id = ?"], [subscription_id]
        if before is not None:
            conditions.append("delivery_id < ?")
            values.append(before)
        if state is not None:
            conditions.append("state = ?")
            values.append(state)
        wanted = " AND ".join(conditions)
        query = f"SELECT {_COLUMNS} FROM deliveries WHERE {wanted} ORDER BY delivery_id DESC LIMIT {limit:d}"
        rows = await self._database.read(lambda connection: connection.execute(query, values).fetchall())
        return [Delivery(*row) for row in rows]

    async def expire(self) -> int:
        """Forget what was sent, or given up on, long ago."""
        oldest = milliseconds(self._now()) - KEPT_DELIVERIES_MS
        statement = "DELETE FROM deliveries WHERE created_ms < ? AND state != 'pending'"
        return await self._database.write(lambda connection: connection.execute(statement, (oldest,)).rowcount)


def _row(one: Delivery) -> tuple[object, ...]:
    return tuple(getattr(one, name) for name in _COLUMNS.split(", "))
