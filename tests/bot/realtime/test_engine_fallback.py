from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.realtime.engine_fallback import Engine, EngineFallback


def unused(*_: object) -> Any:
    raise AssertionError


def engine(name: str, door: str) -> Engine:
    return Engine(name, door, unused, unused)


TRANSLATION = engine("translation", "translation t")
CONVERSATION = engine("conversation", "conversation c")
CAPTIONS = engine("captions", "conversation c")


def ladder() -> EngineFallback:
    return EngineFallback([TRANSLATION, CONVERSATION, CAPTIONS], restore_after_s=300.0)


def test_the_best_comes_first_and_nothing_is_to_be_restored() -> None:
    lane = ladder()
    assert lane.engine is lane.best is TRANSLATION
    assert lane.restore_at is None


def test_down_step_by_step_and_no_further_than_the_last() -> None:
    lane = ladder()
    assert lane.descend(10.0, door_shut=True)
    assert lane.engine is CONVERSATION
    assert lane.restore_at == 310.0
    assert lane.descend(20.0, door_shut=False)
    assert lane.engine is CAPTIONS
    assert not lane.descend(30.0, door_shut=False)
    assert lane.engine is CAPTIONS
    assert lane.restore_at == 320.0


def test_what_is_behind_a_shut_door_is_not_tried() -> None:
    lane = EngineFallback([CONVERSATION, CAPTIONS], 300.0)
    assert not lane.descend(10.0, door_shut=True)
    assert lane.engine is CONVERSATION
    assert lane.restore_at is None


def test_up_again_at_once_or_later() -> None:
    lane = ladder()
    lane.descend(0.0, door_shut=False)
    lane.descend(0.0, door_shut=False)
    lane.refused_again(300.0)
    assert (lane.engine, lane.restore_at) == (CAPTIONS, 600.0)
    lane.restored()
    assert (lane.engine, lane.restore_at) == (TRANSLATION, None)


@given(st.lists(st.sampled_from(["shut", "down", "up"]), max_size=12))
def test_a_better_engine_is_looked_for_exactly_when_there_is_one(steps: list[str]) -> None:
    lane = ladder()
    for number, step in enumerate(steps):
        before = lane.engine
        if step == "up":
            lane.restored()
        elif lane.descend(float(number), door_shut=step == "shut"):
            assert lane.engine is not before
        assert (lane.restore_at is None) is (lane.engine is lane.best)
