"""Protocol of the key-value store that replicas share: small values that are swapped atomically, and queues.

Values are bytes; their meaning is up to the writer. `sqlite_key_value.py` and `redis_key_value.py` implement it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

QUEUE_LIMIT = 10_000
"""Items of a queue that nobody has taken yet. Pushing another raises `StoreUnavailable`."""


class KeyValueStore(Protocol):
    """Key-value pairs and queues. Each method is atomic and raises `StoreUnavailable` on failure."""

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, values: Mapping[str, bytes], ttl_s: float | None = None) -> None:
        """Set all of these values; they expire after `ttl_s` seconds, or never."""

    async def swap(self, key: str, old: bytes | None, new: bytes | None, ttl_s: float | None = None) -> bool:
        """Set `key` to `new` if its value is `old`, and return whether it was. None stands for no value."""

    async def remove(self, *keys: str) -> None: ...

    async def find(self, prefix: str) -> Mapping[str, bytes]:
        """Return all values whose key begins with `prefix`."""

    async def push(self, queue: str, item: bytes) -> None:
        """Append an item to a queue; `StoreUnavailable` if it is full."""

    async def pop(self, queue: str, wait_s: float) -> bytes | None:
        """Take the oldest item of a queue; None after `wait_s` seconds without any. Safe to cancel."""
