"""Detects repeated and late events, in bounded memory. Pure; knows nothing of what events say.

Both classes are asked first and updated afterwards, in two calls: an event that could not be handed on must not count
as seen, or the sender's next delivery of it would be dropped.
"""

from __future__ import annotations

from cachetools import LRUCache

REMEMBERED_IDS = 20_000
"""Event Grid retries for up to 24 hours, but nearly all repeats follow within minutes. 20,000 ids of 36 characters take
some 3 MB, and are more than an hour of a busy resource."""
REMEMBERED_CALLS = 5_000
"""More calls than one process can carry; bounds the memory for calls whose end is never reported."""


class RecentIds:
    """The last `capacity` event ids; the oldest is forgotten first."""

    def __init__(self, capacity: int = REMEMBERED_IDS) -> None:
        self._ids: LRUCache[str, None] = LRUCache(_checked(capacity))

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._ids

    def remember(self, event_id: str) -> None:
        """Make `event_id` the most recent one."""
        self._ids[event_id] = None


class SequenceGate:
    """The highest sequence number handed on per call; a number that is not higher is stale."""

    def __init__(self, capacity: int = REMEMBERED_CALLS) -> None:
        self._highest: LRUCache[str, int] = LRUCache(_checked(capacity))

    def __len__(self) -> int:
        return len(self._highest)

    def is_stale(self, call_connection_id: str, sequence_number: int) -> bool:
        """Return whether this number or a higher one has passed already."""
        highest = self._highest.get(call_connection_id)
        return highest is not None and sequence_number <= highest

    def passed(self, call_connection_id: str, sequence_number: int) -> None:
        """Make this number and all below it stale."""
        if not self.is_stale(call_connection_id, sequence_number):
            self._highest[call_connection_id] = sequence_number


def _checked(capacity: int) -> int:
    if capacity < 1:
        raise ValueError("capacity must be at least 1")
    return capacity
