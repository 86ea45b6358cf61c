"""KeyValueStore of a single machine, in SQLite. The tables are in `rooms_admin/stores/sqlite/migrations.py`."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping

from storage.errors import StoreUnavailable
from storage.key_value import QUEUE_LIMIT
from storage.sqlite import SqliteDatabase
from storage.uncancellable import finished

POLL_S = 1.0
"""Interval in seconds of checking an empty queue for items pushed by another process on the same file. Pushes of this
process wake the reader at once."""

_CURRENT = "(until_ms IS NULL OR until_ms > :now)"


class SqliteKeyValue:
    """See KeyValueStore. Values expire by the wall clock, so that they also expire across a restart.

    `pop` takes an item in a transaction. Cancelled meanwhile, it waits for the result and puts the item back.
    """

    def __init__(self, database: SqliteDatabase, *, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now
        self._pushed: dict[str, asyncio.Event] = {}
        """Set when an item is pushed, by queue that is waited for."""
        self._waiting: dict[str, int] = {}

    def _now_ms(self) -> int:
        return round(self._now() * 1000)

    async def get(self, key: str) -> bytes | None:
        query, values = f"SELECT value FROM state WHERE key = :key AND {_CURRENT}", {"key": key, "now": self._now_ms()}
        row = await self._database.read(lambda connection: connection.execute(query, values).fetchone())
        return None if row is None else bytes(row[0])

    async def put(self, values: Mapping[str, bytes], ttl_s: float | None = None) -> None:
        now = self._now_ms()
        rows = [(key, value, _until(now, ttl_s)) for key, value in values.items()]

        def put(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM state WHERE until_ms <= ?", (now,))
            connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", rows)

        await self._database.write(put)

    async def swap(self, key: str, old: bytes | None, new: bytes | None, ttl_s: float | None = None) -> bool:
        now = self._now_ms()
        query = f"SELECT value FROM state WHERE key = :key AND {_CURRENT}"

        def swap(connection: sqlite3.Connection) -> bool:
            row = connection.execute(query, {"key": key, "now": now}).fetchone()
            if (None if row is None else bytes(row[0])) != old:
                return False
            if new is None:
                connection.execute("DELETE FROM state WHERE key = ?", (key,))
            else:
                connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", (key, new, _until(now, ttl_s)))
            return True

        return await self._database.write(swap)

    async def remove(self, *keys: str) -> None:
        rows = [(key,) for key in keys]
        await self._database.write(
            lambda connection: connection.executemany("DELETE FROM state WHERE key = ?", rows).rowcount
        )

    async def find(self, prefix: str) -> Mapping[str, bytes]:
        query = (
            f"SELECT key, value FROM state WHERE substr(key, 1, :length) = :prefix AND key >= :prefix AND {_CURRENT}"
        )
        values = {"prefix": prefix, "length": len(prefix), "now": self._now_ms()}
        rows = await self._database.read(lambda connection: connection.execute(query, values).fetchall())
        return {key: bytes(value) for key, value in rows}

    async def push(self, queue: str, item: bytes) -> None:
        def push(connection: sqlite3.Connection) -> bool:
            waiting = connection.execute("SELECT count(*) FROM state_queue WHERE queue = ?", (queue,)).fetchone()[0]
            if waiting >= QUEUE_LIMIT:
                return False
            connection.execute("INSERT INTO state_queue (queue, item) VALUES (?, ?)", (queue, item))
            return True

        if not await self._database.write(push):
            raise StoreUnavailable("the queue is full")
        if queue in self._pushed:
            self._pushed[queue].set()

    async def pop(self, queue: str, wait_s: float) -> bytes | None:
        clock = asyncio.get_running_loop().time
        until = clock() + wait_s
        news = self._pushed.setdefault(queue, asyncio.Event())
        self._waiting[queue] = self._waiting.get(queue, 0) + 1
        try:
            while True:
                news.clear()
                item = await self._take(queue)
                if item is not None or (left := until - clock()) <= 0:
                    return item
                try:
                    async with asyncio.timeout(min(left, POLL_S)):
                        await news.wait()
                except TimeoutError:
                    pass
        finally:
            self._waiting[queue] -= 1
            if not self._waiting[queue]:
                del self._waiting[queue], self._pushed[queue]

    async def _take(self, queue: str) -> bytes | None:
        query = "SELECT number, item FROM state_queue WHERE queue = ? ORDER BY number LIMIT 1"
        # Read before taking: polling an empty queue must not write.
        if not await self._database.read(lambda connection: connection.execute(query, (queue,)).fetchall()):
            return None

        def take(connection: sqlite3.Connection) -> tuple[int, bytes] | None:
            row = connection.execute(query, (queue,)).fetchone()
            if row is not None:
                connection.execute("DELETE FROM state_queue WHERE number = ?", (row[0],))
            return row if row is None else (row[0], bytes(row[1]))

        taken, cancelled = await finished(self._database.write(take))
        if cancelled is not None:
            if taken is not None:
                values = (taken[0], queue, taken[1])
                put_back = "INSERT INTO state_queue (number, queue, item) VALUES (?, ?, ?)"
                await finished(self._database.write(lambda connection: connection.execute(put_back, values).rowcount))
                if queue in self._pushed:
                    self._pushed[queue].set()
            raise cancelled
        return None if taken is None else taken[1]


def _until(now_ms: int, ttl_s: float | None) -> int | None:
    return None if ttl_s is None else now_ms + round(ttl_s * 1000)
