"""The timer of all rooms: serves the alarms of all of them with a single timer and a single task.

It wakes at most 200 times a second, at the same ticks for all rooms. A voice that plays sets its alarm every 20 ms, and
so always rings equally late: its frames keep their rhythm, and the frames of all calls go out in four ticks instead of
one timer each (which takes 4 % of the CPU time at 20 calls, and more with more calls).
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable

from listeners.statistics import LatencyHistogram

EARLY_S = 0.0005
"""How early a ring may be: timers of uvloop have whole milliseconds, and so fire up to half a millisecond early."""
TICK_S = 0.005
"""Alarms ring at multiples of this, of the loop's time, so up to 5 ms late. A frame of 20 ms is a multiple of it."""


class FrameTimer:
    """Keeps the deadlines of all alarms in a heap. A missed deadline rings once, late; callers do the catching up."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Alarm]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._sleeping_until = 0.0
        self.lateness = LatencyHistogram()
        """How late it woke: the jitter of frames, and the lag of the event loop."""

    def alarm(self, ring: Callable[[float], None]) -> Alarm:
        """Return a new alarm. `ring(now)` is called in the event loop and must neither block nor raise."""
        return Alarm(self, ring)

    async def run(self) -> None:
        """Serve alarms until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            for alarm in self._due(now):
                alarm.ring(now)
            self._wake.clear()
            self._sleeping_until = self._next_tick(self._heap[0][0], now) if self._heap else float("inf")
            due = self._sleeping_until
            timer = loop.call_at(due, self._wake.set) if self._heap else None
            try:
                await self._wake.wait()
            finally:
                self._sleeping_until = 0.0
                if timer is not None:
                    timer.cancel()
            if (late := loop.time() - due) > -EARLY_S:  # otherwise an earlier alarm was set
                self.lateness.observe(max(0.0, late))

    @staticmethod
    def _next_tick(deadline: float, now: float) -> float:
        """Return the first tick after now at which a deadline is due."""
        return (math.floor(max(deadline - EARLY_S, now + EARLY_S) / TICK_S) + 1) * TICK_S

    def _due(self, now: float) -> list[Alarm]:
        """Return the alarms that are due. All are taken before the first rings, since its ring may set an alarm again.

        A late tick serves only alarms that were due at its proper time: otherwise a voice would ring at one tick or the
        next, depending on how late each tick is.
        """
        tick = math.floor((now + EARLY_S) / TICK_S) * TICK_S
        due: list[Alarm] = []
        while self._heap and self._heap[0][0] <= tick + EARLY_S:
            deadline, _, alarm = heapq.heappop(self._heap)
            if alarm.deadline == deadline:  # otherwise it has rung earlier or was cleared
                alarm.deadline = None
                due.append(alarm)
        return due

    def _add(self, deadline: float, alarm: Alarm) -> None:
        heapq.heappush(self._heap, (deadline, next(self._order), alarm))
        if deadline < self._sleeping_until - TICK_S:  # otherwise the next tick serves it anyway
            self._wake.set()


class Alarm:
    """A deadline that can be set again and again."""

    __slots__ = ("_timer", "deadline", "ring")

    def __init__(self, timer: FrameTimer, ring: Callable[[float], None]) -> None:
        self._timer = timer
        self.ring = ring
        self.deadline: float | None = None

    def set(self, deadline: float | None) -> None:
        """Ring at `deadline` (loop time, seconds) or earlier; None changes nothing.

        An earlier deadline that was set before is kept: a needless ring is harmless, and cheaper than moving the alarm
        with every frame of audio.
        """
        if deadline is None or (self.deadline is not None and self.deadline <= deadline):
            return
        self.deadline = deadline
        self._timer._add(deadline, self)

    def clear(self) -> None:
        self.deadline = None
