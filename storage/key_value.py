"""What the replicas of the service share beside rooms and transcripts: small values, swapped atomically, and queues.

Values are bytes whose meaning is their writer's. This file holds the protocol and the one in memory; `sqlite_state.py`
and `redis_state.py` hold the others.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol

from storage.errors import StoreUnavailable

QUEUE_LIMIT = 10_000
"""Items of one queue nobody has taken. Who pushes one more is told that the store is not available."""


class KeyValueStore(Protocol):
    """Each method is atomic. Errors leave as `StoreUnavailable`."""

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, values: Mapping[str, bytes], ttl_s: float | None = None) -> None:
        """Set all of these, to be forgotten after `ttl_s` seconds."""

    async def swap(self, key: str, old: bytes | None, new: bytes | None, ttl_s: float | None = None) -> bool:
        """Set `key` to `new` if its value is `old`; None stands for no value, before or after."""

    async def remove(self, *keys: str) -> None: ...

    async def find(self, prefix: str) -> Mapping[str, bytes]:
        """All values whose key begins like that."""

    async def push(self, queue: str, item: bytes) -> None:
        """Append to a queue; `StoreUnavailable` when it is full."""

    async def pop(self, queue: str, wait_s: float) -> bytes | None:
        """Take the oldest item of a queue, waiting for one; None if none has come. Safe to cancel: nothing is lost."""


class InMemoryKeyValue:
    """A SharedState of one process, gone with it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._values: dict[str, tuple[bytes, float | None]] = {}
        """With the time at which each is to be forgotten."""
        self._queues: dict[str, deque[bytes]] = {}
        self._pushed = asyncio.Condition()

    async def get(self, key: str) -> bytes | None:
        return self._current(key)

    def _current(self, key: str) -> bytes | None:
        value, until = self._values.get(key, (None, None))
        if until is not None and self._clock() >= until:
            del self._values[key]
            return None
        return value

    async def put(self, values: Mapping[str, bytes], ttl_s: float | None = None) -> None:
        until = None if ttl_s is None else self._clock() + ttl_s
        self._values |= {key: (value, until) for key, value in values.items()}

    async def swap(self, key: str, old: bytes | None, new: bytes | None, ttl_s: float | None = None) -> bool:
        if self._current(key) != old:
            return False
        if new is None:
            self._values.pop(key, None)
        else:
            await self.put({key: new}, ttl_s)
        return True

    async def remove(self, *keys: str) -> None:
        for key in keys:
            self._values.pop(key, None)

    async def find(self, prefix: str) -> Mapping[str, bytes]:
        found = {key: self._current(key) for key in list(self._values) if key.startswith(prefix)}
        return {key: value for key, value in found.items() if value is not None}

    async def push(self, queue: str, item: bytes) -> None:
        async with self._pushed:
            items = self._queues.setdefault(queue, deque())
            if len(items) >= QUEUE_LIMIT:
                raise StoreUnavailable("too much waits for another replica")
            items.append(item)
            self._pushed.notify_all()

    async def pop(self, queue: str, wait_s: float) -> bytes | None:
        try:
            async with asyncio.timeout(wait_s), self._pushed:
                await self._pushed.wait_for(lambda: self._queues.get(queue))
                return self._queues[queue].popleft()
        except TimeoutError:
            return None
