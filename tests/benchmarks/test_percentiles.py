from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.percentiles import Spread, jitter, most_ahead, percentile

TIMES = st.lists(st.floats(0, 1e4, allow_nan=False), min_size=1, max_size=50).map(sorted)


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


@given(TIMES, st.floats(0, 100))
def test_the_beginning_of_time_does_not_matter(times: list[float], shift: float) -> None:
    assert most_ahead([at + shift for at in times]) == pytest.approx(most_ahead(times), abs=1e-3)
