from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.percentiles import Spread, jitter, most_ahead, percentile

TIMES_MS = st.lists(st.integers(0, 10_000_000), min_size=1, max_size=50).map(sorted)


def test_percentiles_of_a_hundred() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert Spread.of(values) == Spread(100, 50.0, 95.0, 99.0, 100.0)
    assert percentile(values, 0.95) == 95.0


def test_nothing_measured_is_not_zero() -> None:
    assert Spread.of([]) is None
    assert percentile([], 0.5) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0.01, 1.0))
def test_at_least_the_share_is_not_above(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_jitter_is_the_distance_from_20_ms() -> None:
    assert jitter([0.0, 0.02, 0.045, 0.055]) == pytest.approx([0.0, 5.0, 10.0])


def test_ahead_of_a_listener_who_began_with_the_first_frame() -> None:
    burst = [1.0, 1.0, 1.0, 1.0]
    assert most_ahead(burst) == pytest.approx(60.0)
    assert most_ahead([1.0, 1.02, 1.04]) == pytest.approx(0.0)
    assert most_ahead([]) == 0.0


def test_late_frames_are_not_ahead() -> None:
    assert most_ahead([1.0, 1.5, 1.9]) == 0.0


@given(TIMES_MS, st.integers(0, 100_000))
def test_the_start_of_the_clock_does_not_matter(times_ms: list[int], shift_ms: int) -> None:
    """Within 1 µs: times in seconds are floats, up to 10,000 s here."""
    shifted = [(at + shift_ms) / 1000 for at in times_ms]
    assert most_ahead(shifted) == pytest.approx(most_ahead([at / 1000 for at in times_ms]), abs=1e-3)
