from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.realtime.engine_fallback import Engine, EngineFallback


def unused(*_: object) -> Any:
    raise AssertionError


def engine(name: str, endpoint: str) -> Engine:
    return Engine(name, endpoint, unused, unused)


TRANSLATION = engine("translation", "translation t")
CONVERSATION = engine("conversation", "conversation c")
CAPTIONS = engine("captions", "conversation c")


def three_engines() -> EngineFallback:
    return EngineFallback([TRANSLATION, CONVERSATION, CAPTIONS], restore_after_s=300.0)


def test_the_best_comes_first_and_nothing_to_restore() -> None:
    lane = three_engines()
    assert lane.engine is lane.best is TRANSLATION
    assert lane.restore_at is None


def test_down_step_by_step_and_no_further_than_the_last() -> None:
    lane = three_engines()
    assert lane.fall_back(10.0, upgrade_refused=True)
    assert lane.engine is CONVERSATION
    assert lane.restore_at == 310.0
    assert lane.fall_back(20.0, upgrade_refused=False)
    assert lane.engine is CAPTIONS
    assert not lane.fall_back(30.0, upgrade_refused=False)
    assert lane.engine is CAPTIONS
    assert lane.restore_at == 320.0


def test_engines_at_a_refused_endpoint_are_skipped() -> None:
    lane = EngineFallback([CONVERSATION, CAPTIONS], 300.0)
    assert not lane.fall_back(10.0, upgrade_refused=True)
    assert lane.engine is CONVERSATION
    assert lane.restore_at is None


def test_up_again_at_once_or_later() -> None:
    lane = three_engines()
    lane.fall_back(0.0, upgrade_refused=False)
    lane.fall_back(0.0, upgrade_refused=False)
    lane.refused_again(300.0)
    assert (lane.engine, lane.restore_at) == (CAPTIONS, 600.0)
    lane.restored()
    assert (lane.engine, lane.restore_at) == (TRANSLATION, None)


@given(st.lists(st.sampled_from(["refused", "down", "up"]), max_size=12))
def test_a_better_engine_is_looked_for_exactly_when_there_is_one(steps: list[str]) -> None:
    lane = three_engines()
    for number, step in enumerate(steps):
        before = lane.engine
        if step == "up":
            lane.restored()
        elif lane.fall_back(float(number), upgrade_refused=step == "refused"):
            assert lane.engine is not before
        assert (lane.restore_at is None) is (lane.engine is lane.best)
