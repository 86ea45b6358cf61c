"""Times a step by the median of many short series, which a busy machine affects little."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

FRAMES_PER_SECOND = 50
SPEAKING = 100
"""Number of speaking participants for the share of a core."""

_SERIES_S = 0.005
"""Duration of a series in seconds: long against the clock's resolution, short against scheduling."""


@dataclass(frozen=True, slots=True)
class HotPath:
    """A step done for every frame."""

    name: str
    frames: int
    """Frames per step."""
    step: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """The cost of a hot path."""

    name: str
    us_per_frame: float

    @property
    def core_share(self) -> float:
        """Return the share of a core with SPEAKING participants speaking."""
        return self.us_per_frame * FRAMES_PER_SECOND * SPEAKING / 1e6


def measure(path: HotPath, budget_s: float = 0.5) -> Timing:
    """Time a step, repeated for about `budget_s`."""
    clock = time.perf_counter
    path.step()  # one-time initialisation
    began = clock()
    path.step()
    repeats = max(1, round(_SERIES_S / max(clock() - began, 1e-9)))
    series: list[float] = []
    until = clock() + budget_s
    while clock() < until or not series:
        began = clock()
        for _ in range(repeats):
            path.step()
        series.append(clock() - began)
    return Timing(path.name, median(series) / repeats / path.frames * 1e6)
