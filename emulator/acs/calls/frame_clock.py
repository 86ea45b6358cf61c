"""The one clock of the process: every call gets its tick each 20 ms, late or not; what a tick does is the call's."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from emulator.acs.wire.resampling import FRAME_S
from emulator.clock import monotonic
from emulator.journal import Journal

logger = logging.getLogger(__name__)

# Calls are spread over the 20 ms, as they are in the cloud, so that they do not all fall into one instant.
PHASES = 4
# Ticks made up for after a stall; what is older is skipped, and counted.
CATCH_UP_TICKS = 10
_STEP_S = FRAME_S / PHASES
_NOTE_EVERY_S = 1.0


def missed_ticks(late_s: float) -> int:
    """How many ticks to give up when the next one is this late, so that no more than the cap are left to make up."""
    return max(0, int(late_s / FRAME_S) - CATCH_UP_TICKS)


class Ticking(Protocol):
    """Something that is due every 20 ms."""

    def tick(self, now: float) -> None:
        """Do one frame's work. `now` is the instant it was due, on `clock.monotonic()`. Must not block."""

    def failed(self, error: Exception) -> None:
        """A tick raised `error`; there will be no more of them."""


class FrameClock:
    """Deadlines, not delays: tick n is due at `start + n * 20 ms`, whatever the ones before it cost.

    Attributes:
        ticks: frames' worth of time served.
        late_ms: how late the latest tick was; `worst_late_ms` the worst of all.
        skipped: ticks given up after a stall.
    """

    def __init__(self, journal: Journal) -> None:
        self.ticks = 0
        self.late_ms = 0.0
        self.worst_late_ms = 0.0
        self.skipped = 0
        self._journal = journal
        self._phases: list[list[Ticking]] = [[] for _ in range(PHASES)]
        self._wanted = asyncio.Event()
        self._noted_at = float("-inf")

    def add(self, ticking: Ticking) -> None:
        """Tick this from now on, in the phase with the fewest others."""
        min(self._phases, key=len).append(ticking)
        self._wanted.set()

    def remove(self, ticking: Ticking) -> None:
        """Tick this no more; safe during a tick, and when it was not there."""
        for phase in self._phases:
            if ticking in phase:
                phase.remove(ticking)

    async def run(self) -> None:
        """Tick until cancelled. Rests while there is nothing to tick."""
        while True:
            await self._wanted.wait()
            await self._run_while_wanted()

    async def _run_while_wanted(self) -> None:
        start = monotonic()
        step = 0
        while any(self._phases):
            deadline = start + step * _STEP_S
            await asyncio.sleep(max(0.0, deadline - monotonic()))
            late = monotonic() - deadline
            missed = missed_ticks(late)
            if missed:
                self._note_skipped(missed, late)
                step += missed * PHASES
                deadline += missed * FRAME_S
                late -= missed * FRAME_S
            self._tick(step, deadline, late)
            following = step + 1
            while following < step + PHASES and not self._phases[following % PHASES]:
                following += 1  # nobody's: not worth waking up for
            self.ticks += (following - 1) // PHASES - (step - 1) // PHASES
            step = following
        self._wanted.clear()

    def _note_skipped(self, missed: int, late: float) -> None:
        self.skipped += missed
        now = monotonic()
        if now - self._noted_at >= _NOTE_EVERY_S:
            self._noted_at = now
            self._journal.note("clock.stalled", late_ms=round(late * 1000), skipped=self.skipped)

    def _tick(self, step: int, deadline: float, late: float) -> None:
        self.late_ms = late * 1000
        self.worst_late_ms = max(self.worst_late_ms, self.late_ms)
        for ticking in tuple(self._phases[step % PHASES]):
            try:
                ticking.tick(deadline)
            except Exception as error:
                # One call's fault is not the others': it loses its tick, they go on.
                logger.exception("a call failed in its tick")
                self.remove(ticking)
                ticking.failed(error)
