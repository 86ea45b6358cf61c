"""How long a step takes: the median of many short series, so that a busy machine hardly shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

FRAMES_PER_SECOND = 50
SPEAKING = 100
"""Participants, for the share of a core."""

_SERIES_S = 0.005
"""Long against the clock's resolution, short against what else the machine does."""


@dataclass(frozen=True, slots=True)
class HotPath:
    """Something that is done to every frame."""

    name: str
    frames: int
    """Frames one step deals with."""
    step: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """What a hot path costs."""

    name: str
    us_per_frame: float

    @property
    def core_share(self) -> float:
        """Of one core, with 100 participants speaking."""
        return self.us_per_frame * FRAMES_PER_SECOND * SPEAKING / 1e6


def measure(path: HotPath, budget_s: float = 0.5) -> Timing:
    """Repeat the step for about so long."""
    clock = time.perf_counter
    path.step()  # whatever is made once
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
