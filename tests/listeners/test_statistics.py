"""The histogram of latencies."""

from __future__ import annotations

from listeners.statistics import BOUNDS_S, LatencyHistogram


def test_durations_are_counted_by_bucket() -> None:
    histogram = LatencyHistogram()
    for seconds in (0.0, 0.001, 0.0011, 0.02, 3.0):
        histogram.observe(seconds)
    found = histogram.read()
    assert len(found.counts) == len(BOUNDS_S) + 1
    assert found.counts[:2] == (2, 1)
    assert found.counts[BOUNDS_S.index(0.02)] == 1
    assert found.counts[-1] == 1
    assert found.count == 5
    assert abs(found.sum_s - 3.0221) < 1e-9
