"""How far a channel has fallen behind, and what is done: first pauses, then pace, then the oldest is only read.

    to wait    0 s ──► 2 s ───────► 4 s ─► 6 s ─► 8 s ─► 10 s     12 s queued
    done       nothing  pauses cut   1.05   1.10   1.15   1.20 of speed  the oldest that waits is read, not heard

The level rises at once and falls, no faster than once per `HOLD_S`, to what was needed since: so it can never swing
faster than that, however the lengths of interpretations do.
"""

from __future__ import annotations

STEPS_MS = (2_000, 4_000, 6_000, 8_000, 10_000)
"""How long the last interpretation may have to wait before each level. Listeners bear an ear-voice span of 2-4 s."""
SPEED_STEP = 0.05
FASTEST = 1.2
"""A voice that is faster than this is heard as hurried."""
HOLD_S = 5.0
"""How long a level holds at least before it falls: longer than most interpretations."""
WAITING_LIMIT_MS = 12_000
"""Interpretation waiting behind the one being heard on a channel, 576 kB. Beyond it the oldest that waits is read."""
VOICE_LIMIT_MS = 20_000
"""Interpretation of one utterance still to be heard, 960 kB: twice the longest utterance. A model that has more to say
than that has not stopped talking."""
WAITING_LIMIT_S = 20.0
"""No interpretation begins to be heard later than this after its first sound came, whatever kept it."""


class CatchUp:
    """The level of one channel."""

    def __init__(self) -> None:
        self.level = 0
        self._needed = 0
        """The most that was needed since the level was last set."""
        self._holds_until = 0.0

    @property
    def trimming(self) -> bool:
        """Pauses are to be shortened."""
        return self.level > 0

    @property
    def speed(self) -> float:
        """Of the next interpretation, 1.0 to `FASTEST`."""
        return min(FASTEST, round(1 + SPEED_STEP * max(0, self.level - 1), 2))

    def observe(self, lag_ms: float, now: float) -> None:
        """Take note of how long the last interpretation on the channel has to wait."""
        level = sum(lag_ms > step for step in STEPS_MS)
        if level > self.level:
            self.level, self._needed = level, 0
            self._holds_until = now + HOLD_S
            return
        self._needed = max(self._needed, level)
        if level < self.level and now >= self._holds_until:
            self.level, self._needed = self._needed, level
            self._holds_until = now + HOLD_S
