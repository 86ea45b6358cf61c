"""At-least-once delivery: repeats and late arrivals. Pure, bounded, and told nothing about events.

Both memories ask first and remember afterwards, in two calls: an event that could not be handed on must not
count as seen, or the sender's next try would be thrown away.
"""

from __future__ import annotations

from collections import OrderedDict

# Event Grid repeats for up to 24 hours, but nearly all repeats follow within minutes. 20,000 ids of 36
# characters are some 3 MB, and more than an hour of a busy resource.
REMEMBERED_IDS = 20_000
# A call connection whose end we never hear of must not stay for ever; far more than one process can carry.
REMEMBERED_CALLS = 5_000


class RecentIds:
    """The last `capacity` event ids, oldest forgotten first."""

    def __init__(self, capacity: int = REMEMBERED_IDS) -> None:
        if capacity < 1:
            raise ValueError("a memory of nothing remembers nothing")
        self._capacity = capacity
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, event_id: str) -> bool:
        return event_id in self._ids

    def remember(self, event_id: str) -> None:
        """Make `event_id` the youngest, forgetting the oldest beyond the capacity."""
        self._ids[event_id] = None
        self._ids.move_to_end(event_id)
        if len(self._ids) > self._capacity:
            self._ids.popitem(last=False)


class SequenceGate:
    """The highest sequence number handed on per call; a number that is not higher is stale."""

    def __init__(self, capacity: int = REMEMBERED_CALLS) -> None:
        if capacity < 1:
            raise ValueError("a memory of nothing remembers nothing")
        self._capacity = capacity
        self._highest: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._highest)

    def is_stale(self, call_connection_id: str, sequence_number: int) -> bool:
        """Whether this number, or a higher one, was already passed."""
        highest = self._highest.get(call_connection_id)
        return highest is not None and sequence_number <= highest

    def passed(self, call_connection_id: str, sequence_number: int) -> None:
        """From now on this number and all below it are stale; the call least recently heard of may go."""
        if self.is_stale(call_connection_id, sequence_number):
            return
        self._highest[call_connection_id] = sequence_number
        self._highest.move_to_end(call_connection_id)
        if len(self._highest) > self._capacity:
            self._highest.popitem(last=False)
