"""Webhook subscriptions and deliveries of a single process, in SQLite. The tables are in `migrations.py`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

import msgspec

from http_serving.errors import Conflict, NotFound
from rooms_admin.integrations import subscriptions
from rooms_admin.integrations.subscriptions import (
    KEPT_DELIVERIES_MS,
    Delivery,
    DeliveryState,
    EventKind,
    OutgoingEvent,
    Subscription,
    deliveries_of,
    new_subscription,
)
from rooms_admin.rooms.room import milliseconds
from storage.documents import Documents
from storage.sqlite import SqliteDatabase

_COLUMNS = "delivery_id, subscription_id, room_id, event, created_ms, due_ms, attempts, state, status, error, body"


class SqliteSubscriptions:
    """See SubscriptionStore. Subscriptions are cached, since they are checked for each event."""

    def __init__(self, database: SqliteDatabase, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now
        self._subscriptions = Documents("subscription", Subscription, database.health)
        self._deliveries = Documents("delivery", Delivery, database.health)
        self._known: dict[str, Subscription] = {}

    async def load(self) -> None:
        """Read the subscriptions. Must be awaited before any other method."""
        rows = await self._database.read(
            lambda connection: connection.execute("SELECT subscription_id, document FROM subscriptions").fetchall()
        )
        found = (self._subscriptions.decode(*row) for row in rows)
        self._known = {one.subscription_id: one for one in found if one is not None}

    async def all(self) -> Sequence[Subscription]:
        return sorted(self._known.values(), key=lambda one: one.subscription_id)

    async def get(self, subscription_id: str) -> Subscription:
        found = self._known.get(subscription_id)
        if found is None:
            raise NotFound("no such subscription")
        return found

    async def find(self, subscription_id: str) -> Subscription | None:
        return self._known.get(subscription_id)

    def has_subscriber(self, event: EventKind, room_id: str) -> bool:
        return any(one.wants(event, room_id) for one in self._known.values())

    async def add(self, url: str, events: Sequence[EventKind], room_id: str | None) -> Subscription:
        if len(self._known) >= subscriptions.MOST_SUBSCRIPTIONS:
            raise Conflict(f"there are {subscriptions.MOST_SUBSCRIPTIONS} subscriptions already")
        added = new_subscription(url, events, room_id, self._now())
        document = self._subscriptions.encode(added).decode()
        await self._database.write(
            lambda connection: (
                connection.execute(
                    "INSERT INTO subscriptions VALUES (?, ?, ?)", (added.subscription_id, room_id, document)
                ).rowcount
            )
        )
        self._known[added.subscription_id] = added
        return added

    async def remove(self, subscription_id: str) -> None:
        await self.get(subscription_id)

        def remove(connection: sqlite3.Connection) -> None:
            for table in ("subscriptions", "deliveries"):
                connection.execute(f"DELETE FROM {table} WHERE subscription_id = ?", (subscription_id,))

        await self._database.write(remove)
        self._known.pop(subscription_id, None)

    def forget_room(self, room_id: str) -> None:
        self._known = {key: one for key, one in self._known.items() if one.room_id != room_id}

    # --- deliveries --------------------------------------------------------------------------------

    async def enqueue(self, events: Sequence[OutgoingEvent]) -> int:
        deliveries = deliveries_of(events, await self.all())
        marks = ", ".join("?" * 11)
        # Deliveries of a room deleted meanwhile are left out.
        statement = f"INSERT INTO deliveries ({_COLUMNS}) SELECT {marks} FROM rooms WHERE room_id = ?"
        rows = [(*_row(one), one.room_id) for one in deliveries]
        if rows:
            await self._database.write(lambda connection: connection.executemany(statement, rows).rowcount)
        return len(rows)

    async def due(self, busy: Collection[str] = ()) -> Sequence[Delivery]:
        query = (
            f"SELECT {_COLUMNS} FROM deliveries WHERE subscription_id = ? AND state = 'pending' AND due_ms <= ?"
            " ORDER BY due_ms, delivery_id"
        )
        now = milliseconds(self._now())
        asked = [subscription_id for subscription_id in self._known if subscription_id not in busy]

        def read(connection: sqlite3.Connection) -> list[Delivery]:
            due = (connection.execute(query, (subscription_id, now)) for subscription_id in asked)
            found = (next(filter(None, map(self._delivery, rows)), None) for rows in due)
            return [one for one in found if one is not None]

        return await self._database.read(read)

    async def record_attempt(
        self, delivery: Delivery, *, status: int | None, error: str | None, again_at_ms: int | None, ok: bool
    ) -> Delivery:
        changed = delivery.attempted(status=status, error=error, again_at_ms=again_at_ms, ok=ok)
        statement = (
            "UPDATE deliveries SET attempts = ?, state = ?, status = ?, error = ?, due_ms = ? WHERE delivery_id = ?"
        )
        values = (changed.attempts, changed.state, status, error, changed.due_ms, delivery.delivery_id)
        await self._database.write(lambda connection: connection.execute(statement, values).rowcount)
        return changed

    async def history(
        self, subscription_id: str, before: str | None, limit: int, state: DeliveryState | None = None
    ) -> Sequence[Delivery]:
        await self.get(subscription_id)
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
        return [one for one in map(self._delivery, rows) if one is not None]

    def _delivery(self, row: Sequence[object]) -> Delivery | None:
        try:
            document = msgspec.json.encode(dict(zip(_COLUMNS.split(", "), row, strict=True)))
        except ValueError:  # it is no text
            document = b""
        return self._deliveries.decode(str(row[0]), document)

    async def expire(self) -> int:
        oldest = milliseconds(self._now()) - KEPT_DELIVERIES_MS
        statement = "DELETE FROM deliveries WHERE created_ms < ? AND state != 'pending'"
        return await self._database.write(lambda connection: connection.execute(statement, (oldest,)).rowcount)


def _row(one: Delivery) -> tuple[object, ...]:
    return tuple(getattr(one, name) for name in _COLUMNS.split(", "))
