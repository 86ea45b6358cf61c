"""What the replicas of the service share beside rooms and transcripts: small values, swapped atomically, and queues.

Values are bytes whose meaning is their writer's. This file holds the protocol and the one in memory; `sqlite_state.py`
and `redis_state.py` hold the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

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
