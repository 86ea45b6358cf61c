"""How old audio is when it comes, by the timestamps of ACS: for frames that were held up on their way."""

from __future__ import annotations

from media_streaming.messages import AudioData

WINDOW_S = 10.0
"""Shortest delays are kept this long, and once more: so long a clock that was set back makes frames look old."""
JUMP_S = 300.0
"""No frame is held up this long: the clock of ACS was set."""
NOTICED_S = 1.0
"""Younger frames count as new: networks jitter, and timestamps may be whole seconds."""


SAMPLED = 8
"""While nothing is held up, one frame in eight is looked at, since 50 a second come from everybody ..."""
GAP_S = 0.5
"""... and the first that comes after this long."""


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
        self._all_until = 0.0
        """Until then each frame is looked at."""
        self._came_at = 0.0
        self._count = 0

    def age_s(self, frame: AudioData, now: float) -> float:
        """Return how old a frame is that comes now, in seconds; 0 if it is as new as usual."""
        self._count += 1
        gap, self._came_at = now - self._came_at, now
        if now >= self._all_until and gap <= GAP_S and self._count % SAMPLED:
            return 0.0
        age = self._measured(frame.said_at_ms, now)
        if age:
            self._all_until = now + WINDOW_S
        return age

    def _measured(self, said_at_ms: int | None, now: float) -> float:
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
