"""Who is to hear what in which layout."""

from __future__ import annotations

import pytest

from demo.layouts import Layout, Seating
from demo.script import ANA, EVA, JONAS, LUIS, PEOPLE

EN, ES, DE = "en-US", "es-ES", "de-DE"


@pytest.mark.parametrize("layout", ["shared", "sister"])
def test_everybody_gets_the_language_they_hear(layout: Layout) -> None:
    seating = Seating(PEOPLE, layout)
    assert seating.languages == (EN, ES, DE)
    assert seating.spoken == ("en", "es", "de")
    assert seating.targets(ANA) == (ES, DE)
    assert seating.audience(LUIS) == [ANA, JONAS]  # Eva hears Spanish
    assert seating.targets(EVA) == (ES, DE)
    assert seating.audience(EVA) == [LUIS, JONAS]  # not herself, though she hears Spanish
    assert Seating([LUIS, EVA], layout).targets(EVA) == (ES,)
    assert Seating([ANA, EVA], layout).targets(EVA) == ()


def test_in_one_room_everybody_hears_everything() -> None:
    seating = Seating(PEOPLE)
    assert all(seating.interpretations(one, ANA) == (ES, DE) for one in PEOPLE)
    assert all(seating.original_is_heard(one, ANA) for one in PEOPLE)


def test_in_a_room_per_language_only_that_language_and_those_who_sit_there_are_heard() -> None:
    seating = Seating(PEOPLE, "sister")
    assert [seating.interpretations(one, EVA) for one in PEOPLE] == [(), (ES,), (DE,), (ES,)]
    heard = {
        speaker.name: [one.name for one in PEOPLE if one is not speaker and seating.original_is_heard(one, speaker)]
        for speaker in PEOPLE
    }
    assert heard == {
        "Ana": [],
        "Luis": ["Eva"],  # in one room
        "Jonas": [],
        "Eva": ["Ana", "Luis"],  # her language; in one room
    }
