"""The one clock of all rooms: wakes each when it asked to be woken, with a single timer and a single task.

It looks 200 times a second at most, at the same instants for everybody. A voice that plays asks for a ring every 20 ms,
and so is always rung equally late: its frames keep their rhythm, and those of all calls go out in four turns of the
loop instead of one each (4 % of our CPU time at 20 calls, more the more there are).
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable

EARLY_S = 0.0005
"""Timers of uvloop come in whole milliseconds, and so up to half a one early: that counts as in time."""
GRAIN_S = 0.005
"""Rings come at multiples of this, of the loop's time: up to so much late. A whole part of a frame's 20 ms."""


class FrameTimer:
    """Deadlines of many, kept in one heap. Missed ones are served late, once: catching up is the caller's policy."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Alarm]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._sleeping_until = 0.0

    def alarm(self, ring: Callable[[float], None]) -> Alarm:
        """A new alarm; `ring(now)` is called in the event loop, and must neither block nor raise."""
        return Alarm(self, ring)

    async def run(self) -> None:
        """Serve alarms until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            for alarm in self._due(now):
                alarm.ring(now)
            self._wake.clear()
            self._sleeping_until = self._turn(self._heap[0][0], now) if self._heap else float("inf")
            timer = loop.call_at(self._sleeping_until, self._wake.set) if self._heap else None
            try:
                await self._wake.wait()
            finally:
                self._sleeping_until = 0.0
                if timer is not None:
                    timer.cancel()

    @staticmethod
    def _turn(deadline: float, now: float) -> float:
        """The first turn after now at which a deadline is due."""
        return (math.floor(max(deadline - EARLY_S, now + EARLY_S) / GRAIN_S) + 1) * GRAIN_S

    def _due(self, now: float) -> list[Alarm]:
        """The alarms whose time has come. Taken all before the first rings, as each may be set anew by its ring.

        A turn that comes late serves only what was due at its instant: else a voice would be rung in one turn or in
        the next, depending on how late each is.
        """
        turn = math.floor((now + EARLY_S) / GRAIN_S) * GRAIN_S
        due: list[Alarm] = []
        while self._heap and self._heap[0][0] <= turn + EARLY_S:
            deadline, _, alarm = heapq.heappop(self._heap)
            if alarm.deadline == deadline:  # else it has rung earlier, or was cleared
                alarm.deadline = None
                due.append(alarm)
        return due

    def _add(self, deadline: float, alarm: Alarm) -> None:
        heapq.heappush(self._heap, (deadline, next(self._order), alarm))
        if deadline < self._sleeping_until - GRAIN_S:  # else the turn it sleeps for is the right one
            self._wake.set()


class Alarm:
    """One deadline that can be set again and again."""

    __slots__ = ("_metronome", "deadline", "ring")

    def __init__(self, metronome: FrameTimer, ring: Callable[[float], None]) -> None:
        self._metronome = metronome
        self.ring = ring
        self.deadline: float | None = None

    def set(self, deadline: float | None) -> None:
        """Ring by `deadline` (loop time) at the latest; None asks for nothing.

        An earlier ring that was asked for before is kept: whoever is rung looks anew at what is due, and one ring too
        many is cheaper than moving an alarm with every frame of audio.
        """
        if deadline is None or (self.deadline is not None and self.deadline <= deadline):
            return
        self.deadline = deadline
        self._metronome._add(deadline, self)

    def clear(self) -> None:
        self.deadline = None
