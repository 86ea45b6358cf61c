"""Schedules what a session does later, ordered by due time; the caller passes the time, nothing here waits."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

ScheduledAction = Callable[[float], None]
"""Called with the current time. An action that may no longer be needed checks that itself."""


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
        """Run every due action, including those that other actions add with a due time in the past."""
        while self._entries and self._entries[0][0] <= now:
            heapq.heappop(self._entries)[2](now)

    def clear(self) -> None:
        self._entries.clear()
