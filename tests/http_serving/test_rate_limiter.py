from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from http_serving import rate_limiter as rates_module
from http_serving.rate_limiter import TokenBuckets


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_allowed_and_then_the_rate() -> None:
    clock = Clock()
    buckets = TokenBuckets(2.0, 3.0, clock)
    assert [buckets.take("ops") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    clock.now += 0.25
    assert buckets.take("ops") == pytest.approx(0.25)
    clock.now += 0.25
    assert buckets.take("ops") == 0.0
    assert buckets.take("ops") == 0.5


def test_callers_do_not_take_from_one_another() -> None:
    buckets = TokenBuckets(1.0, 1.0, Clock())
    assert buckets.take("ops") == 0.0
    assert buckets.take("ops") > 0.0
    assert buckets.take("ci") == 0.0


def test_memory_is_bounded_and_who_was_away_longest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates_module, "MOST_CALLERS", 2)
    buckets = TokenBuckets(1.0, 1.0, Clock())
    for name in ("a", "b", "a", "c"):
        buckets.take(name)
    assert buckets.take("a") > 0.0
    assert buckets.take("b") == 0.0


@given(st.lists(st.floats(min_value=0, max_value=2), max_size=60), st.floats(0.1, 50), st.integers(1, 20))
def test_never_more_than_the_burst_and_the_rate_allow(pauses: list[float], rate: float, burst: int) -> None:
    """And whoever waits as long as they were told is let in."""
    clock = Clock()
    buckets = TokenBuckets(rate, burst, clock)
    allowed = 0
    for pause in pauses:
        clock.now += pause
        allowed += buckets.take("ops") == 0.0
    assert allowed <= burst + (clock.now - 100.0) * rate + 1e-6
    if wait := buckets.take("ops"):
        clock.now += wait + 1e-6
        assert buckets.take("ops") == 0.0


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.5)])
def test_a_bucket_nobody_could_take_from(rate: float, burst: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        TokenBuckets(rate, burst, Clock())
