"""What people type is read in every language of the room, spoken only if the room says so, and never lost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.interpreting.effects import Brief, CloseBooth, OpenBooth, Play, Translate
from bot.interpreting.events import BoothLost, Order, Ordered, PlanChanged, TextTyped
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.plan import Lane, Mode
from tests.support.meeting import ADA, BENITO, THREE_LANGUAGES, TWO_LANGUAGES, Answers, Meeting, silent_model, there

TEXT = "The slides are online."
TYPED = TextTyped("u-text-7", ADA, "Ada", TEXT, "en-US")
SPANISH, FRENCH = (Lane(ADA, "en-US", target, typed=True) for target in ("es-ES", "fr-FR"))


def meeting_with(event: TextTyped = TYPED, *, plan: object = THREE_LANGUAGES, model: object = None) -> Meeting:
    meeting = Meeting(plan, model)  # type: ignore[arg-type]  # as Meeting's own
    meeting.happens(1.0, event)
    meeting.run(60.0)
    return meeting


def test_a_typed_text_is_read_in_every_language_also_where_nobody_hears_it() -> None:
    meeting = Meeting(THREE_LANGUAGES)
    meeting.happens(0.5, there(ADA))
    meeting.happens(1.0, TYPED)
    meeting.run(60.0)
    finals = {one.language: one for one in meeting.captions() if one.is_final}
    assert {tag: one.text for tag, one in finals.items()} == {"en-US": TEXT, "es-ES": "Hola", "fr-FR": "Hola"}
    assert all(one.typed and one.speaker == ADA for one in meeting.captions())
    assert [one.is_original for one in finals.values()] == [True, False, False]
    assert meeting.ends() == {("u-text-7", tag): ("caption_only", "read_only") for tag in ("es-ES", "fr-FR")}
    assert meeting.effects(Play) == []
    assert [(one.lane, one.voice) for one in meeting.effects(OpenBooth) if one.lane.typed] == [
        (SPANISH, False),
        (FRENCH, False),
    ]


def test_in_a_simultaneous_room_it_is_interpreted_as_a_whole() -> None:
    meeting = meeting_with(plan=replace(THREE_LANGUAGES, mode=Mode.SIMULTANEOUS))
    assert {one.mode for one in meeting.effects(OpenBooth)} == {Mode.CONSECUTIVE}
    assert [one.text for one in meeting.effects(Translate)] == [TEXT, TEXT]


def test_it_is_spoken_where_the_room_says_so() -> None:
    meeting = meeting_with(plan=replace(TWO_LANGUAGES, speak_messages=True))
    assert meeting.ends() == {("u-text-7", "es-ES"): ("spoken", "")}
    assert meeting.voices() == [7]


def test_it_is_interpreted_while_its_author_speaks() -> None:
    meeting = Meeting(TWO_LANGUAGES)
    meeting.says(ADA, 0.5, 2.0)
    meeting.happens(1.0, TYPED)
    meeting.run(60.0)
    assert meeting.states() == {"u-1": ("spoken", ""), "u-text-7": ("caption_only", "read_only")}


def test_somebody_who_is_on_no_roster_may_type() -> None:
    meeting = meeting_with(TextTyped("u-text-7", "organiser", "Organiser", TEXT, "fr-FR"))
    assert {tag for _, tag in meeting.ends()} == {"en-US", "es-ES"}
    assert {one.speaker_name for one in meeting.captions()} == {"Organiser"}


def test_a_pause_ends_it_and_a_hush_does_not() -> None:
    for order, expected in ((Order.PAUSE, ("abandoned", "paused")), (Order.HUSH, ("caption_only", "read_only"))):
        meeting = Meeting(TWO_LANGUAGES)
        meeting.happens(1.0, TYPED)
        meeting.happens(1.1, Ordered(order))
        meeting.happens(1.2, replace(TYPED, utterance="u-text-8"))
        meeting.run(60.0)
        assert meeting.states()["u-text-7"] == expected
        assert ("u-text-8" in meeting.states()) is (order is Order.HUSH)


def test_an_answer_in_place_of_a_translation_is_asked_for_once_more_and_flagged() -> None:
    meeting = meeting_with(plan=TWO_LANGUAGES, model=Answers(text="I'm sorry, I can't help with that.", seconds=0))
    assert [one.strict for one in meeting.effects(Translate)] == [False, True]
    (entry,) = meeting.settled()
    assert "assistant" in entry.faults
    assert [one.flags for one in meeting.captions() if one.is_final and not one.is_original] == [entry.faults]


def test_what_a_lost_session_had_is_asked_for_once_more() -> None:
    meeting = Meeting(TWO_LANGUAGES, silent_model)
    meeting.happens(1.0, TYPED)
    meeting.happens(2.0, BoothLost(SPANISH, "closed_1006", ("u-text-7",)))
    meeting.run(3.0)
    assert len(meeting.effects(Translate)) == 2
    meeting.happens(3.0, BoothLost(SPANISH, "closed_1006", ("u-text-7",)))
    meeting.run(60.0)
    assert meeting.states() == {"u-text-7": ("abandoned", "closed_1006")}


@pytest.mark.parametrize("final", [True, False])
def test_it_has_its_entry_though_nothing_serves_it(final: bool) -> None:
    meeting = Meeting(TWO_LANGUAGES, silent_model)
    meeting.happens(1.0, TYPED)
    if final:
        meeting.happens(1.5, BoothLost(SPANISH, "http_404", final=True))
    meeting.happens(20.0, replace(TYPED, utterance="u-text-8"))
    meeting.run(60.0)
    reason = "http_404" if final else "model_timeout"
    assert meeting.states() == {"u-text-7": ("abandoned", reason), "u-text-8": ("abandoned", "model_timeout")}


def test_its_booth_follows_the_glossary_and_goes_with_its_language() -> None:
    meeting = Meeting(THREE_LANGUAGES)
    meeting.happens(1.0, TYPED)
    terms = replace(THREE_LANGUAGES, glossary=GlossaryEntries.of({"slides": {"es-ES": "láminas"}}))
    meeting.happens(5.0, PlanChanged(terms))
    meeting.happens(6.0, PlanChanged(replace(terms, languages=("en-US", "es-ES"))))
    meeting.run(10.0)
    assert [one.lane for one in meeting.effects(Brief)] == [SPANISH]
    assert [one.lane for one in meeting.effects(CloseBooth)] == [FRENCH]


def test_nobody_is_kept_waiting_by_a_text_of_somebody_else() -> None:
    """Typed texts have booths of their own: those of speech are neither closed nor opened anew."""
    meeting = Meeting(TWO_LANGUAGES)
    meeting.says(BENITO, 0.5, 1.0)
    meeting.happens(0.7, TYPED)
    meeting.says(BENITO, 4.0, 1.0)
    meeting.run(60.0)
    assert [state for state, _ in meeting.states().values()].count("spoken") == 2
    assert len([one for one in meeting.effects(OpenBooth) if not one.lane.typed]) == 1
