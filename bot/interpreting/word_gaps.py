"""Where speech may be cut without cutting a word: the gaps between words."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

GAP_FRAMES = 3
"""60 ms of softer sound lie between words; the closure of a `p`, `t` or `k` is shorter."""
SOFTER_DB = 18
"""By how much the sound in a gap is softer than the loudest."""
LITTLE_SOFTER_DB = 4
"""The same where no better gap is found in time."""
_EVERY = 7
"""One of so many samples is looked at: enough for a level."""


def power(pcm: bytes) -> float:
    """Return the mean square of PCM16 samples; 0 of none."""
    samples = memoryview(pcm).cast("h")[::_EVERY].tolist()  # little-endian, as every machine this runs on
    return sum(sample * sample for sample in samples) / max(1, len(samples))


def _ratio(softer_db: float) -> float:
    return float(10 ** (-softer_db / 10))


class GapFinder:
    """Finds gaps in speech that goes on and cannot be held back."""

    def __init__(self) -> None:
        self._loudest = 0.0
        self._last: deque[float] = deque(maxlen=GAP_FRAMES)

    def is_gap(self, pcm: bytes, urgency: float) -> bool:
        """Take the next frame; return whether speech may be cut behind it.

        Args:
            urgency: from 0 to 1, when it has to be cut soon: the softest moments will do.
        """
        self._last.append(power(pcm))
        self._loudest = max(self._loudest, self._last[-1])
        softer = self._loudest * _ratio(SOFTER_DB - (SOFTER_DB - LITTLE_SOFTER_DB) * urgency)
        return len(self._last) == GAP_FRAMES and max(self._last) <= softer


def last_gap(powers: Sequence[float]) -> int:
    """Return the frame in the middle of the last gap between words; without a gap, of the softest 60 ms.

    The result is at least 1. In sound that is as loud throughout it is the number of frames: a cut is as bad anywhere.
    """
    softer = max(powers) * _ratio(SOFTER_DB)
    run = 0
    for index in range(len(powers) - 1, -2, -1):
        if index >= 0 and powers[index] <= softer:
            run += 1
        elif run >= GAP_FRAMES:
            return max(1, index + 1 + run // 2)
        else:
            run = 0
    sums = [sum(powers[start : start + GAP_FRAMES]) for start in range(len(powers) - GAP_FRAMES + 1)]
    if not sums or min(sums) > GAP_FRAMES * max(powers) * _ratio(LITTLE_SOFTER_DB):
        return len(powers)
    return sums.index(min(sums)) + GAP_FRAMES // 2
