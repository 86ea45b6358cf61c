from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.interpreting.word_gaps import GAP_FRAMES, SOFTER_DB, GapFinder, last_gap, power

LOUD, SOFT = 1_000.0, 1.0


def powers(marks: str) -> list[float]:
    return [LOUD if mark == "#" else SOFT for mark in marks]


@pytest.mark.parametrize(
    ("marks", "frame"),
    [
        ("####---####-----###", 13),
        ("####---####--###", 5),
        ("---#####", 1),
        ("----", 4),
        ("#####---", 6),
        ("#--#--#-#", 1),
        ("##", 2),
    ],
    ids=[
        "the last",
        "long enough",
        "at the beginning",
        "as loud throughout",
        "at the end",
        "none: the softest",
        "too short",
    ],
)
def test_the_cut_is_in_the_middle_of_the_last_gap(marks: str, frame: int) -> None:
    assert last_gap(powers(marks)) == frame


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=100))
def test_something_lies_before_a_cut(found: list[float]) -> None:
    assert 0 < last_gap(found) <= len(found)


@given(st.integers(1, 40), st.integers(GAP_FRAMES, 20), st.integers(1, 40))
def test_a_gap_is_found_wherever_it_is(before: int, gap: int, after: int) -> None:
    cut = last_gap([LOUD] * before + [LOUD * 10 ** (-SOFTER_DB / 10) * 0.999] * gap + [LOUD] * after)
    assert before <= cut < before + gap


def test_power_is_the_mean_square() -> None:
    assert power(array("h", [300, -300] * 240).tobytes()) == pytest.approx(90_000)
    assert power(bytes(960)) == 0
    assert power(b"") == 0


def frame(level: int) -> bytes:
    return array("h", [level, -level] * 240).tobytes()


def test_a_gap_in_speech_that_goes_on_is_60_ms_much_softer_than_the_loudest() -> None:
    finder = GapFinder()
    marks = [8_000] * 5 + [900, 900, 8_000, 900, 900, 900]
    assert [finder.is_gap(frame(level), 0.0) for level in marks] == [False] * 10 + [True]


def test_the_more_urgent_the_less_soft_a_gap_has_to_be() -> None:
    found = []
    for urgency in (0.0, 0.5, 1.0):
        finder = GapFinder()
        found.append([finder.is_gap(frame(level), urgency) for level in [8_000, *[2_500] * 3]][-1])
    assert found == [False, False, True]


def test_what_is_soft_throughout_has_no_gap() -> None:
    finder = GapFinder()
    assert not any(finder.is_gap(frame(300), 1.0) for _ in range(20))
