from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.playout.catch_up import FASTEST, HOLD_S, STEPS_MS, CatchUp
from tests.support.clock import after, ms_between


@pytest.mark.parametrize(
    ("queued_ms", "trimming", "speed", "condensing"),
    [
        (0, False, 1.0, False),
        (2_000, False, 1.0, False),
        (2_001, True, 1.0, False),
        (4_001, True, 1.05, False),
        (6_001, True, 1.1, True),
        (8_001, True, 1.15, True),
        (10_001, True, FASTEST, True),
        (60_000, True, FASTEST, True),
    ],
)
def test_first_pauses_are_cut_then_the_pace_is_raised_then_words_are_left_out(
    queued_ms: float, trimming: bool, speed: float, condensing: bool
) -> None:
    lag = CatchUp()
    lag.observe(queued_ms, now=1.0)
    assert (lag.trimming, lag.speed, lag.condensing) == (trimming, speed, condensing)


def test_a_level_is_held_and_then_falls_to_what_was_needed_since() -> None:
    lag = CatchUp()
    lag.observe(9_000, now=0.0)
    assert lag.level == 4
    lag.observe(3_000, now=1.0)
    lag.observe(5_000, now=2.0)
    lag.observe(0, now=HOLD_S - 0.1)
    assert lag.level == 4
    lag.observe(0, now=HOLD_S)
    assert lag.level == 2, "5 s were waiting in between"
    lag.observe(0, now=2 * HOLD_S)
    assert lag.level == 0


observations = st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 30_000)), max_size=60)


@given(observations)
def test_the_level_swings_no_faster_than_it_is_held(steps: list[tuple[int, int]]) -> None:
    lag, now = CatchUp(), 100.0
    rose_at = fell_at = 0.0
    for pause_ms, queued_ms in steps:
        now = after(now, pause_ms)
        before = lag.level
        lag.observe(queued_ms, now)
        if lag.level > before:
            rose_at = now
        if lag.level < before:
            assert ms_between(max(rose_at, fell_at), now) >= round(HOLD_S * 1000)
            fell_at = now
        assert lag.level >= sum(queued_ms > step for step in STEPS_MS), "never less than is needed now"
        assert 1.0 <= lag.speed <= FASTEST


@given(observations)
def test_a_channel_that_has_caught_up_is_calm_again(steps: list[tuple[int, int]]) -> None:
    lag, now = CatchUp(), 0.0
    for pause_ms, queued_ms in steps:
        now = after(now, pause_ms)
        lag.observe(queued_ms, now)
    for _ in range(2 * len(STEPS_MS)):
        now = after(now, round(HOLD_S * 1000) + 1)
        lag.observe(0, now)
    assert (lag.level, lag.trimming, lag.speed) == (0, False, 1.0)
