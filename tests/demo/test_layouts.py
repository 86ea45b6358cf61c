"""Who should hear what in each layout."""

from __future__ import annotations

import pytest

from demo.layouts import Layout, MeetingPlan
from demo.script import ANA, EVA, JONAS, LUIS, PEOPLE

EN, ES, DE = "en-US", "es-ES", "de-DE"


@pytest.mark.parametrize("layout", ["shared", "sister"])
def test_everybody_gets_the_language_they_hear(layout: Layout) -> None:
    plan = MeetingPlan(PEOPLE, layout)
    assert plan.languages == (EN, ES, DE)
    assert plan.spoken == ("en", "es", "de")
    assert plan.targets(ANA) == (ES, DE)
    assert plan.audience(LUIS) == [ANA, JONAS]  # Eva hears Spanish
    assert plan.targets(EVA) == (ES, DE)
    assert plan.audience(EVA) == [LUIS, JONAS]  # not herself, though she hears Spanish
    assert MeetingPlan([LUIS, EVA], layout).targets(EVA) == (ES,)
    assert MeetingPlan([ANA, EVA], layout).targets(EVA) == ()


def test_in_one_room_everybody_hears_everything() -> None:
    plan = MeetingPlan(PEOPLE)
    assert all(plan.interpretations(one, ANA) == (ES, DE) for one in PEOPLE)
    assert all(plan.original_is_heard(one, ANA) for one in PEOPLE)


def test_in_a_room_per_language_only_that_language_and_those_who_sit_there_are_heard() -> None:
    plan = MeetingPlan(PEOPLE, "sister")
    assert [plan.interpretations(one, EVA) for one in PEOPLE] == [(), (ES,), (DE,), (ES,)]
    heard = {
        speaker.name: [one.name for one in PEOPLE if one is not speaker and plan.original_is_heard(one, speaker)]
        for speaker in PEOPLE
    }
    assert heard == {
        "Ana": [],
        "Luis": ["Eva"],  # in one room
        "Jonas": [],
        "Eva": ["Ana", "Luis"],  # her language; in one room
    }
