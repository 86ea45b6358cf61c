"""The frame clock of the process: gives every call a tick each 20 ms."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from emulator.acs.wire.resampling import FRAME_S
from emulator.clock import monotonic
from emulator.journal import Journal

logger = logging.getLogger(__name__)

# Calls are spread over the 20 ms, as in the cloud, so that their ticks do not coincide.
PHASES = 4
# Ticks made up for after a stall; older ones are skipped and counted.
CATCH_UP_TICKS = 10
_STEP_S = FRAME_S / PHASES
_NOTE_EVERY_S = 1.0


def missed_ticks(late_s: float) -> int:
    """Return how many ticks to skip when the next one is this late, so that at most CATCH_UP_TICKS remain."""
    return max(0, int(late_s / FRAME_S) - CATCH_UP_TICKS)


class Ticking(Protocol):
    """An object that wants a tick every 20 ms."""

    def tick(self, now: float) -> None:
        """Do one frame's work. `now` is the instant it was due, on `clock.monotonic()`. Must not block."""

    def failed(self, error: Exception) -> None:
        """Handle the error that a tick raised; no tick follows."""


class FrameClock:
    """Ticks by deadlines, not delays: tick n is due at `start + n * 20 ms`, whatever earlier ticks cost.

    Attributes:
        ticks: ticks since the start.
        late_ms: how late the latest tick was; `worst_late_ms` the worst of all.
        skipped: ticks skipped after stalls.
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
        """Start ticking an object, in the phase with the fewest others."""
        min(self._phases, key=len).append(ticking)
        self._wanted.set()

    def remove(self, ticking: Ticking) -> None:
        """Stop ticking an object; safe during a tick and for unknown objects."""
        for phase in self._phases:
            if ticking in phase:
                phase.remove(ticking)

    async def run(self) -> None:
        """Tick until cancelled; sleeps while there is nothing to tick."""
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
                following += 1  # an empty phase is not worth waking up for
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
                # An error in one call must not stop the others.
                logger.exception("call ended after an error in its tick")
                self.remove(ticking)
                ticking.failed(error)
