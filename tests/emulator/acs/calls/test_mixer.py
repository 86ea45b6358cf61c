from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.acs.calls.mixer import DominantSpeakers, Mix
from emulator.acs.wire.resampling import SILENCE
from tests.support.acs_emulator import constant, samples

value = st.integers(-32768, 32767)


@given(st.lists(st.one_of(st.none(), value), max_size=6))
def test_each_hears_the_clipped_sum_of_the_others(values: list[int | None]) -> None:
    mix = Mix([None if each is None else constant(each, 20) for each in values])
    numbers = [each or 0 for each in values]

    def clip(total: int) -> set[int]:
        return {max(-32768, min(32767, total))}

    assert set(samples(mix.everyone())) == clip(sum(numbers))
    for index, own in enumerate(numbers):
        assert set(samples(mix.without(index))) == clip(sum(numbers) - own)


def test_levels_are_root_mean_squares() -> None:
    wave = (1000 * np.sin(np.arange(480) * 2 * np.pi / 48)).astype("<i2").tobytes()
    mix = Mix([wave, None, SILENCE, constant(-32768, 20)])
    assert mix.levels[0] == pytest.approx(1000 / 2**0.5, rel=0.01)
    assert mix.levels[1:] == [0.0, 0.0, 32768.0]


def test_a_lone_voice_is_passed_on_as_it_is() -> None:
    voice = constant(5, 20)
    mix = Mix([SILENCE, voice, None])
    assert mix.without(0) is voice
    assert mix.without(1) == SILENCE


def test_everybody_is_carried_while_there_is_room() -> None:
    assert DominantSpeakers().choose({"a": 0.0, "b": 9.0}, 4) == ["a", "b"]


def test_the_loudest_take_the_places_and_keep_them() -> None:
    speakers = DominantSpeakers()
    assert set(speakers.choose({"a": 500, "b": 400, "c": 0, "d": 300, "e": 0}, 3)) == {"a", "b", "d"}
    # Equal voices do not take turns ...
    assert set(speakers.choose({"a": 500, "b": 400, "c": 450, "d": 300, "e": 0}, 3)) == {"a", "b", "d"}
    # ... but one far louder comes in for the weakest at once.
    assert set(speakers.choose({"a": 500, "b": 400, "c": 5000, "d": 300, "e": 0}, 3)) == {"a", "b", "c"}


def test_whoever_falls_silent_makes_way_after_a_while() -> None:
    speakers = DominantSpeakers()
    speakers.choose({"a": 1000, "b": 1000, "c": 0}, 2)
    ticks = 0
    while "c" not in speakers.choose({"a": 1000, "b": 0, "c": 1000}, 2):
        ticks += 1
    assert 10 < ticks < 50
    assert set(speakers.choose({"a": 1000, "b": 0, "c": 1000}, 2)) == {"a", "c"}


def test_leaving_frees_a_place() -> None:
    speakers = DominantSpeakers()
    speakers.choose({"a": 1000, "b": 900, "c": 1}, 2)
    assert set(speakers.choose({"b": 900, "c": 1}, 2)) == {"b", "c"}
