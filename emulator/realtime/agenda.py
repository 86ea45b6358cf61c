"""What a session has to do later, in order of time; is told the time and never waits."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

ScheduledAction = Callable[[float], None]
"""Called with the present time. An action that may have become pointless checks that itself."""


class Agenda:
    """Actions with due times; equal times keep their order of entry."""

    def __init__(self) -> None:
        self._entries: list[tuple[float, int, ScheduledAction]] = []
        self._order = count()

    def at(self, due: float, action: ScheduledAction) -> None:
        heapq.heappush(self._entries, (due, next(self._order), action))

    def next_deadline(self) -> float | None:
        return self._entries[0][0] if self._entries else None

    def run(self, now: float) -> None:
        """Perform what is due, including what that in turn makes due."""
        while self._entries and self._entries[0][0] <= now:
            heapq.heappop(self._entries)[2](now)

    def clear(self) -> None:
        self._entries.clear()
