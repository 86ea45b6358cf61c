"""Who should hear what in each layout."""

from __future__ import annotations

import pytest

from demo.layouts import Layout, MeetingPlan
from demo.script import ANA, EVA, JONAS, KARL, KATE, LUIS

PEOPLE = (ANA, LUIS, JONAS, EVA)
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


def test_by_browser_one_hears_everybody_and_the_interpretations_into_one_language() -> None:
    plan = MeetingPlan((*PEOPLE, KATE, KARL))
    assert plan.targets(KATE) == (ES, DE)
    assert plan.audience(KARL) == [ANA, LUIS, EVA, KATE]
    assert [plan.interpretations(one, LUIS) for one in (ANA, KATE, KARL)] == [(EN, DE), (EN,), (DE,)]
    assert plan.original_is_heard(KATE, LUIS) and plan.original_is_heard(LUIS, KATE)
    assert MeetingPlan((*PEOPLE, KATE), "sister").original_is_heard(KATE, LUIS)


def test_what_is_needed_by_browser_alone_is_not_heard_in_the_call() -> None:
    plan = MeetingPlan((ANA, LUIS, KARL))
    assert plan.targets(ANA) == (ES, DE)
    assert plan.interpretations(LUIS, ANA) == (ES,)
    assert plan.interpretations(KARL, ANA) == (DE,)
    assert plan.interpretations(ANA, KARL) == (EN, ES)
