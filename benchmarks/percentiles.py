"""Computes percentiles, jitter and lead of frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

FRAME_MS = 20.0


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the nearest-rank percentile for `share` (0-1); None without values."""
    if not values:
        return None
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of a measure, in its unit."""

    count: int
    p50: float
    p95: float
    p99: float
    worst: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread | None:
        """Return the percentiles; None without values, which differs from zero."""
        ranked = sorted(values)
        if not ranked:
            return None
        p50, p95, p99 = (ranked[max(0, math.ceil(share * len(ranked)) - 1)] for share in (0.5, 0.95, 0.99))
        return cls(len(ranked), p50, p95, p99, ranked[-1])


def jitter(times: Sequence[float]) -> list[float]:
    """Return the difference of each interval from 20 ms, in milliseconds; `times` are in seconds, in order."""
    return [abs((later - earlier) * 1000 - FRAME_MS) for earlier, later in pairwise(times)]


def most_ahead(times: Sequence[float]) -> float:
    """Return the maximum lead in milliseconds over a listener who starts playing with the first frame.

    It is 0 if no frame arrives early.
    """
    if not times:
        return 0.0
    begun = times[0]
    return max(index * FRAME_MS - (at - begun) * 1000 for index, at in enumerate(times))
