"""How old audio is when it comes, by the timestamps of ACS: for frames that were held up on their way."""

from __future__ import annotations

WINDOW_S = 10.0
"""Shortest delays are kept this long, and once more: so long a clock that was set back makes frames look old."""
JUMP_S = 300.0
"""No frame is held up this long: the clock of ACS was set."""
NOTICED_S = 1.0
"""Younger frames count as new: networks jitter, and timestamps may be whole seconds."""


class FrameAge:
    """Ages of the frames of one media stream.

    The two clocks differ by an unknown amount, so that a frame's age is what its delay exceeds the shortest one of
    late. Timestamps that are missing, or do not advance, say nothing.
    """

    def __init__(self) -> None:
        self._least = self._least_before = float("inf")
        """Least difference of the clocks in this window and in the one before it, in seconds."""
        self._window_ends_at = 0.0
        self._newest_ms = 0
        self._advanced_at = 0.0

    def age_s(self, said_at_ms: int | None, now: float) -> float:
        """Return how old a frame is that comes now, 0 if it is as new as usual.

        Args:
            said_at_ms: by the clock of ACS, in ms since 1970; None if it does not say.
            now: in seconds, by this process's clock.
        """
        if said_at_ms is None:
            return 0.0
        if said_at_ms > self._newest_ms:
            self._newest_ms, self._advanced_at = said_at_ms, now
        elif now - self._advanced_at > NOTICED_S:
            self._newest_ms = said_at_ms  # it stands still, or was set back: begin anew
            return 0.0
        delay = now - said_at_ms / 1000
        if now >= self._window_ends_at:
            self._least_before, self._least, self._window_ends_at = self._least, delay, now + WINDOW_S
        elif delay < self._least:
            self._least = delay
        age = delay - min(self._least, self._least_before)
        if age > JUMP_S:
            self._least = self._least_before = delay
            return 0.0
        return age if age >= NOTICED_S else 0.0
