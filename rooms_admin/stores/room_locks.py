"""Locks of rooms within a process. Knows no store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from storage.errors import StoreUnavailable

WAIT_S = 30.0
"""Seconds to wait for another change of the room, longer than a request to ACS and its repeats take."""


def busy() -> StoreUnavailable:
    return StoreUnavailable("the room is being changed by other requests", retry_after_ms=1_000)


class RoomLocks:
    """A lock for each room, in the order of asking. Those that nobody holds are forgotten."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def hold(self, room_id: str) -> AsyncIterator[None]:
        """Hold the lock of a room; `StoreUnavailable` if it is not free within `WAIT_S`."""
        lock = self._locks.setdefault(room_id, asyncio.Lock())
        try:
            async with asyncio.timeout(WAIT_S):
                await lock.acquire()
        except TimeoutError as error:
            raise busy() from error
        try:
            yield
        finally:
            lock.release()
