"""Rooms, in SQLite. The tables are in `migrations.py`, the threads in `storage/sqlite.py`."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cachetools import LRUCache

from rooms_admin.rooms.room import (
    Deletion,
    Glossary,
    JoinCodeTaken,
    Room,
    RoomQuery,
    UnknownRoom,
    folded,
    milliseconds,
)
from rooms_admin.stores.room_locks import RoomLocks
from rooms_admin.stores.sqlite.migrations import OF_A_ROOM
from storage.documents import Documents
from storage.sqlite import SqliteDatabase

_SORTED_BY = {"created_at": "room_id", "name": "name", "valid_until": "valid_until"}


KNOWN_FOR_S = 1.0
"""Seconds a room is cached. Changes of this process are seen at once; those of another process on the same file, such
as the previous version during an update, after this time."""
MOST_KNOWN = 1_000
"""Cached rooms."""


@dataclass(frozen=True, slots=True)
class _Counts:
    """See Deletion."""

    removed: dict[str, int]
    left: dict[str, int]


class SqliteRooms:
    """See RoomStore."""

    def __init__(self, database: SqliteDatabase, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._locks = RoomLocks()
        self._rooms = Documents("room", Room, database.health)
        self._glossaries = Documents("glossary", Glossary, database.health)
        self._proofs = Documents("deletion", _Counts, database.health)
        self._known: LRUCache[str, tuple[Room, float]] = LRUCache(MOST_KNOWN)
        """Cached rooms by id, with the time of reading."""
        self._changes = 0
        """Number of begun and ended changes. A room read while it changed may be outdated."""

    async def add(self, room: Room) -> None:
        def add(connection: sqlite3.Connection) -> None:
            taken = connection.execute(
                "SELECT 1 FROM rooms WHERE join_code = ? AND valid_until > ?",
                (room.join_code, milliseconds(room.created_at)),
            ).fetchone()
            if taken:
                raise JoinCodeTaken(room.join_code)
            self._put(connection, room)

        await self._database.write(add)

    async def get(self, room_id: str) -> Room | None:
        now = self._clock()
        known = self._known.get(room_id)
        if known is not None and now - known[1] < KNOWN_FOR_S:
            return known[0]
        changes = self._changes
        room = await self._database.read(lambda connection: self._get(connection, room_id))
        if changes == self._changes and room is not None:
            self._known[room_id] = room, now
        return room

    def changing(self, room_id: str) -> AbstractAsyncContextManager[None]:
        """Another process on the same file is not excluded: there is one only for a moment, during an update."""
        return self._locks.hold(room_id)

    @contextmanager
    def _outdating(self, room_id: str) -> Iterator[None]:
        """Invalidate the cached room, whether the change succeeds or not."""
        self._changes += 1
        try:
            yield
        finally:
            self._changes += 1
            self._known.pop(room_id, None)

    async def find_by_acs_room(self, acs_room_id: str) -> Room | None:
        query = (
            "SELECT room_id, document FROM acs_rooms JOIN rooms USING (room_id)"
            " WHERE acs_rooms.acs_room_id = ? ORDER BY room_id DESC LIMIT 1"
        )
        return await self._first(query, acs_room_id)

    async def find_by_join_code(self, join_code: str) -> Room | None:
        return await self._youngest("join_code", join_code)

    async def find_by_request(self, request_key: str) -> Room | None:
        return await self._youngest("request_key", request_key)

    async def _youngest(self, column: str, value: str) -> Room | None:
        query = f"SELECT room_id, document FROM rooms WHERE {column} = ? ORDER BY room_id DESC LIMIT 1"
        return await self._first(query, value)

    async def _first(self, query: str, value: str) -> Room | None:
        row = await self._database.read(lambda connection: connection.execute(query, (value,)).fetchone())
        return None if row is None else self._rooms.decode(*row)

    async def update(self, room_id: str, change: Callable[[Room], Room]) -> Room:
        """`change` runs in another thread."""

        def update(connection: sqlite3.Connection) -> Room:
            room = self._get(connection, room_id)
            if room is None:
                raise UnknownRoom(room_id)
            changed = replace(change(room), version=room.version + 1)
            self._put(connection, changed)
            return changed

        with self._outdating(room_id):
            return await self._database.write(update)

    async def remove(self, room_id: str, now: datetime) -> Deletion:
        def remove(connection: sqlite3.Connection) -> Deletion:
            if not connection.execute("SELECT 1 FROM rooms WHERE room_id = ?", (room_id,)).fetchone():
                raise UnknownRoom(room_id)
            room = self._get(connection, room_id)
            removed = {"participants": len(room.participants) if room else 0}
            for table in ("rooms", *OF_A_ROOM):
                removed[table] = connection.execute(f"DELETE FROM {table} WHERE room_id = ?", (room_id,)).rowcount
            count = "SELECT count(*) FROM {} WHERE room_id = ?"
            left = {
                table: connection.execute(count.format(table), (room_id,)).fetchone()[0]
                for table in ("rooms", *OF_A_ROOM)
            }
            proof = Deletion(room_id, now, removed, left)
            connection.execute(
                "INSERT OR REPLACE INTO deletions VALUES (?, ?, ?)",
                (room_id, milliseconds(now), self._proofs.encode(_Counts(removed, left)).decode()),
            )
            return proof

        with self._outdating(room_id):
            proof = await self._database.write(remove)
        await self._database.truncate_log()
        return proof

    async def deletion(self, room_id: str) -> Deletion | None:
        query = "SELECT deleted_ms, document FROM deletions WHERE room_id = ?"
        row = await self._database.read(lambda connection: connection.execute(query, (room_id,)).fetchone())
        if row is None:
            return None
        counts = self._proofs.decode(room_id, row[1])
        if counts is None:
            return None
        return Deletion(room_id, datetime.fromtimestamp(row[0] / 1000, UTC), counts.removed, counts.left)

    async def glossary(self, room_id: str, version: int) -> Glossary | None:
        query = "SELECT document FROM glossaries WHERE room_id = ? AND version = ?"
        row = await self._database.read(lambda connection: connection.execute(query, (room_id, version)).fetchone())
        return None if row is None else self._glossaries.decode(f"{room_id}/{version}", row[0])

    async def page(self, query: RoomQuery) -> Sequence[Room]:
        def read(connection: sqlite3.Connection) -> list[Room]:
            found: list[Room] = []
            rest = query
            while True:
                rows = connection.execute(*_listing(rest)).fetchall()
                rooms = (self._rooms.decode(room_id, document) for room_id, _, document in rows)
                found += (room for room in rooms if room is not None)
                if len(found) >= query.limit or len(rows) < query.limit:
                    return found[: query.limit]
                room_id, key, _ = rows[-1]
                rest = replace(query, after=(str(key), room_id))

        return await self._database.read(read)

    def _get(self, connection: sqlite3.Connection, room_id: str) -> Room | None:
        row = connection.execute("SELECT document FROM rooms WHERE room_id = ?", (room_id,)).fetchone()
        return None if row is None else self._rooms.decode(room_id, row[0])

    def _put(self, connection: sqlite3.Connection, room: Room) -> None:
        document = self._rooms.encode(room).decode()  # first: what cannot be stored may have no milliseconds either
        values = {
            "room_id": room.room_id,
            "acs_room_id": room.acs_room_id,
            "join_code": room.join_code,
            "name": folded(room.name),
            "languages": f" {' '.join(room.languages)} ",
            "mode": room.mode,
            "valid_from": milliseconds(room.valid_from),
            "valid_until": milliseconds(room.valid_until),
            "request_key": room.request_key,
            "document": document,
        }
        names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        changes = ", ".join(f"{name} = excluded.{name}" for name in values)
        connection.execute(
            f"INSERT INTO rooms ({names}) VALUES ({marks}) ON CONFLICT (room_id) DO UPDATE SET {changes}", values
        )
        connection.execute(
            "DELETE FROM acs_rooms WHERE room_id = ?",
            (room.room_id,),
        )
        connection.executemany(
            "INSERT INTO acs_rooms VALUES (?, ?)", [(one, room.room_id) for one in room.acs_room_ids]
        )
        connection.execute(
            "INSERT OR IGNORE INTO glossaries VALUES (?, ?, ?)",
            (room.room_id, room.glossary.version, self._glossaries.encode(room.glossary).decode()),
        )


def _listing(query: RoomQuery) -> tuple[str, list[str | int]]:
    """Build the SQL of a query; all values of callers are parameters."""
    column = _SORTED_BY[query.sort.removeprefix("-")]
    order, beyond = ("DESC", "<") if query.descending else ("ASC", ">")
    conditions: list[str] = []
    values: list[str | int] = []

    def where(condition: str, *given: str | int) -> None:
        conditions.append(condition)
        values.extend(given)

    if query.after is not None:
        key, room_id = query.after
        where(f"({column}, room_id) {beyond} (?, ?)", int(key) if column == "valid_until" else key, room_id)
    if query.name is not None:
        where("instr(name, ?) > 0", folded(query.name))
    if query.language is not None:
        where("instr(languages, ?) > 0", f" {query.language} ")
    if query.mode is not None:
        where("mode = ?", query.mode)
    if query.validity is not None and query.now is not None:
        now = milliseconds(query.now)
        match query.validity:
            case "scheduled":
                where("valid_from > ?", now)
            case "open":
                where("valid_from <= ? AND valid_until > ?", now, now)
            case "expired":
                where("valid_from <= ? AND valid_until <= ?", now, now)
    condition = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    statement = f"SELECT room_id, {column}, document FROM rooms {condition}"
    return f"{statement} ORDER BY {column} {order}, room_id {order} LIMIT ?", [*values, query.limit]
