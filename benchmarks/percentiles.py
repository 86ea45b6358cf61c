"""Percentiles and rates of frames, as plain arithmetic on lists of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

FRAME_MS = 20.0


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` (0-1) of all do not exceed (nearest rank); None of none."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


@dataclass(frozen=True, slots=True)
class Spread:
    """How a measure is spread, in the measure's own unit."""

    count: int
    p50: float
    p95: float
    p99: float
    worst: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """None of no values: nothing was measured, which is not zero."""
        ranked = sorted(values)
        if not ranked:
            return None
        p50, p95, p99 = (ranked[max(0, math.ceil(share * len(ranked)) - 1)] for share in (0.5, 0.95, 0.99))
        return cls(len(ranked), p50, p95, p99, ranked[-1])


def jitter(times: Sequence[float]) -> list[float]:
    """How far each interval between frames is from 20 ms, in milliseconds; `times` are in seconds, in order."""
    return [abs((later - earlier) * 1000 - FRAME_MS) for earlier, later in pairwise(times)]


def most_ahead(times: Sequence[float]) -> float:
    """How much more had been sent than heard at most, in milliseconds, for a listener who began with the first frame.

    0 for frames that never come before their time.
    """
    if not times:
        return 0.0
    begun = times[0]
    return max(index * FRAME_MS - (at - begun) * 1000 for index, at in enumerate(times))
