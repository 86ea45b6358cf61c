"""How far a channel lags, and what is done about it: pauses are cut, the voice speeds up, the words become fewer.

    to wait    0 s ──► 2 s ───────► 4 s ─► 6 s ────► 8 s ─► 10 s
    done       nothing  pauses cut   1.05   1.10      1.15   1.20 of speed
                                            condensed

The level rises at once. It falls at most once per `HOLD_S`, to the highest level needed since: it does not swing
with the lengths of interpretations.
"""

from __future__ import annotations

STEPS_MS = (2_000, 4_000, 6_000, 8_000, 10_000)
"""How long the last interpretation may wait before each level. Listeners bear an ear-voice span of 2-4 s."""
SPEED_STEP = 0.05
FASTEST = 1.2
"""Highest speed of a voice: a faster voice sounds hurried."""
HOLD_S = 5.0
"""Least time in seconds before a level falls: longer than most interpretations."""
CONDENSED_FROM = 3
"""Level from which interpretations are asked for in fewer words: before anything is left out (`lateness.py`)."""
VOICE_LIMIT_MS = 20_000
"""Most interpretation of one utterance still to be heard, 960 kB: twice the usual longest utterance, or twice this one
where a room allows longer ones. A model that says more does not stop talking."""


_SPEEDS = tuple(min(FASTEST, round(1 + SPEED_STEP * max(0, level - 1), 2)) for level in range(len(STEPS_MS) + 1))


class CatchUp:
    """The catch-up level of one channel, 0 to 5."""

    def __init__(self) -> None:
        self.level = 0
        self._needed = 0
        """Highest level needed since the level was last set."""
        self._holds_until = 0.0

    @property
    def trimming(self) -> bool:
        """Whether pauses are shortened."""
        return self.level > 0

    @property
    def condensing(self) -> bool:
        """Whether the next interpretation should have fewer words."""
        return self.level >= CONDENSED_FROM

    @property
    def speed(self) -> float:
        """Speed of the next interpretation, 1.0 to `FASTEST`."""
        return _SPEEDS[self.level]

    def observe(self, lag_ms: float, now: float) -> None:
        """Note how long the last interpretation on the channel has to wait."""
        level = sum(lag_ms > step for step in STEPS_MS)
        if level > self.level:
            self.level, self._needed = level, 0
            self._holds_until = now + HOLD_S
            return
        self._needed = max(self._needed, level)
        if level < self.level and now >= self._holds_until:
            self.level, self._needed = self._needed, level
            self._holds_until = now + HOLD_S
