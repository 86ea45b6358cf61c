from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.realtime.engine_fallback import Engine, EngineFallback
from bot.realtime.timeouts import BoothLimits


def unused(*_: object) -> Any:
    raise AssertionError


def engine(name: str, endpoint: str) -> Engine:
    return Engine(name, endpoint, unused, unused, unused)


TRANSLATION = engine("translation", "translation t")
CONVERSATION = engine("conversation", "conversation c")
CAPTIONS = engine("captions", "conversation c")
LIMITS = BoothLimits(first_restore_s=15.0, restore_after_s=300.0)


def three_engines() -> EngineFallback:
    return EngineFallback([TRANSLATION, CONVERSATION, CAPTIONS], LIMITS)


def test_the_best_comes_first_and_nothing_to_restore() -> None:
    lane = three_engines()
    assert lane.engine is TRANSLATION
    assert lane.is_best
    assert not lane.on_probation
    assert (lane.restore_at, lane.better(1_000.0)) == (None, None)


def test_down_step_by_step_and_no_further_than_the_last() -> None:
    lane = three_engines()
    assert lane.fall_back(10.0, upgrade_refused=True)
    assert lane.engine is CONVERSATION
    assert lane.restore_at == 25.0
    assert lane.fall_back(20.0)
    assert lane.engine is CAPTIONS
    assert not lane.fall_back(30.0)
    assert lane.engine is CAPTIONS
    assert lane.restore_at == 25.0


def test_engines_at_a_refused_endpoint_are_skipped() -> None:
    lane = EngineFallback([CONVERSATION, CAPTIONS], LIMITS)
    assert not lane.fall_back(10.0, upgrade_refused=True)
    assert lane.engine is CONVERSATION
    assert lane.restore_at is None


def test_each_engine_has_a_time_of_its_own_and_the_best_that_is_due_is_tried() -> None:
    lane = three_engines()
    lane.fall_back(0.0)
    lane.fall_back(10.0)
    assert lane.better(14.9) is None
    assert lane.better(15.0) is TRANSLATION
    lane.refused_again(TRANSLATION, 15.0)
    assert lane.better(25.0) is CONVERSATION
    lane.use(CONVERSATION)
    assert lane.on_probation
    assert lane.restore_at == 45.0
    lane.proved()
    assert not lane.on_probation


def test_the_time_doubles_with_each_refusal_until_the_engine_works() -> None:
    lane = three_engines()
    pauses = []
    for _ in range(6):
        lane.fall_back(0.0)
        pauses.append(lane.restore_at)
        lane.use(TRANSLATION)
    assert pauses == [15.0, 30.0, 60.0, 120.0, 240.0, 300.0]
    lane.proved()
    lane.fall_back(0.0)
    assert lane.restore_at == 15.0


def test_an_engine_that_fails_in_its_sessions_is_left_alone_for_longer() -> None:
    lane = three_engines()
    lane.fall_back(0.0, opened=True)
    assert lane.restore_at == 60.0


@given(st.lists(st.sampled_from(["refused", "down", "up"]), max_size=12))
def test_a_better_engine_is_looked_for_exactly_when_there_is_one(steps: list[str]) -> None:
    lane = three_engines()
    for number, step in enumerate(steps):
        before = lane.engine
        if step == "up":
            lane.use(TRANSLATION)
        elif lane.fall_back(float(number), upgrade_refused=step == "refused"):
            assert lane.engine is not before
        assert (lane.restore_at is None) is lane.is_best
