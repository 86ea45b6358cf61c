"""Speakers who go on after a pause that ended their utterance: it is taken back if nothing has come of it yet."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from bot.interpreting.effects import Cancel, Caption, Hear, Interpret, Opened, Say, Settled
from bot.interpreting.events import (
    BoothEvent,
    BoothLost,
    Event,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    MeetingEnded,
    OwnVoiceHeard,
    PlanChanged,
    SourceDelta,
    SourceText,
    SpeakerAudio,
)
from bot.interpreting.ledger import EntryKind
from bot.interpreting.plan import AUTO, Attendee, Lane, Layout, Mode
from tests.support.audio import numbered, numbers
from tests.support.meeting import (
    ADA,
    ADA_INTO_SPANISH,
    BENITO,
    CHLOE,
    DIETER,
    FOUR_LANGUAGES,
    FRANK,
    PEOPLE,
    SIX,
    THREE_LANGUAGES,
    TWO_LANGUAGES,
    Answers,
    Meeting,
    Script,
    silent_model,
    there,
)

EN, ES, FR, DE = "en-US", "es-ES", "fr-FR", "de-DE"


def heard(meeting: Meeting, utterance: str, target: str = ES) -> list[int]:
    """The numbers of the frames that the booth heard of an utterance."""
    pieces = [hear for hear in meeting.effects(Hear) if hear.utterance == utterance and hear.lane.target == target]
    return numbers(b"".join(hear.pcm for hear in pieces))


def hesitates(meeting: Meeting, pause: float = 0.7) -> Meeting:
    """Ada speaks from 1.0 to 2.0, which is taken for an utterance at 2.5, and goes on for a second."""
    meeting.says(ADA, at=1.0, seconds=1.0, pause=pause)
    meeting.says(ADA, at=2.0 + pause, seconds=1.0)
    return meeting


def test_whoever_goes_on_before_anything_was_said_is_interpreted_as_a_whole() -> None:
    meeting = hesitates(Meeting(model=Answers(after=0.6, seconds=1.0)))
    meeting.run()
    assert meeting.ends() == {("u-1", ES): ("not_needed", "goes_on"), ("u-2", ES): ("spoken", "")}
    assert heard(meeting, "u-1") == list(range(1, 61))
    assert heard(meeting, "u-2") == [*range(1, 61), *range(71, 86), *range(1, 61)], "all but the middle of the pause"
    assert meeting.voices() == [2]
    assert {line.utterance for line in meeting.captions()} == {"u-2"}
    assert meeting.effects(Cancel) == [Cancel(ADA_INTO_SPANISH, "u-1")]
    (entry,) = [one for one in meeting.settled() if one.utterance == "u-2"]
    assert entry.began_at == pytest.approx(1.1 - 0.1, abs=0.11), "it began with the first word"
    assert entry.ended_at == pytest.approx(3.7)


@pytest.mark.parametrize("pause", [0.8, 1.2])
def test_after_a_longer_pause_it_is_another_utterance(pause: float) -> None:
    meeting = hesitates(Meeting(model=Answers(after=2.0, seconds=1.0)), pause)
    meeting.run()
    assert meeting.ends() == {("u-1", ES): ("spoken", ""), ("u-2", ES): ("spoken", "")}
    assert heard(meeting, "u-2")[-60:] == list(range(1, 61))


def test_nothing_is_taken_back_that_has_been_answered() -> None:
    for answer in (
        Answers(after=0.2, seconds=1.0),
        Answers(after=0.2, text="", seconds=1.0, heard=None),
        Answers(after=0.2, text="Hola", seconds=0.0, heard=None),
        Answers(after=0.2, text="", seconds=0.0, heard=None),
    ):
        meeting = hesitates(Meeting(model=answer))
        meeting.run()
        assert "goes_on" not in {reason for _, reason in meeting.ends().values()}
        assert len(heard(meeting, "u-2")) == 15 + 60


WORDS = (
    SourceDelta(ADA_INTO_SPANISH, "u-1", "We have"),
    SourceDelta(ADA_INTO_SPANISH, "u-1", " to"),
    SourceText(ADA_INTO_SPANISH, "u-1", "We have to"),
)


def understood(meeting: Meeting, at: float = 2.55) -> Meeting:
    """Ada's first words are recognised as soon as she pauses."""
    for words in WORDS:
        meeting.happens(at, words)
    return meeting


def test_the_words_before_the_pause_are_not_shown_twice() -> None:
    meeting = understood(hesitates(Meeting(model=Answers(after=0.6, heard="We have to decide."))))
    meeting.run()
    assert meeting.ends()["u-1", ES] == ("not_needed", "goes_on")
    assert [line.text for line in meeting.captions() if line.is_original] == ["We have to decide."]


@pytest.mark.parametrize(
    ("at", "lost"),
    [
        (3.2, MeetingEnded("call_ended")),
        (3.9, BoothLost(ADA_INTO_SPANISH, "session_expired", ("u-2",))),
        (5.4, BoothLost(ADA_INTO_SPANISH, "session_expired", ("u-3",))),
    ],
)
def test_words_before_the_pause_are_kept_if_what_contains_them_is_lost(at: float, lost: Event) -> None:
    meeting = understood(Meeting(model=silent_model))
    meeting.says(ADA, at=1.0, seconds=1.0, pause=0.7)
    meeting.says(ADA, at=2.7, seconds=1.0, pause=0.7)
    if at > 5:
        meeting.says(ADA, at=4.4, seconds=0.4)
    meeting.happens(at, lost)
    meeting.run(until=20.0)
    [line] = meeting.captions()
    assert (line.text, line.is_final, line.flags, line.is_original) == ("We have to", True, ("abandoned",), True)
    assert line.utterance == f"u-{3 if at > 5 else 2}"


def test_words_of_somebody_whose_language_is_not_known_are_not_kept() -> None:
    people = {**PEOPLE, ADA: replace(PEOPLE[ADA], speaks=AUTO)}
    meeting = hesitates(Meeting(replace(TWO_LANGUAGES, attendees=people), silent_model))
    meeting.happens(2.55, SourceText(Lane(ADA, AUTO, ES), "u-1", "We have to"))
    meeting.happens(3.2, MeetingEnded("call_ended"))
    meeting.run(until=20.0)
    assert meeting.captions() == []


def test_words_are_shown_when_the_speaker_can_no_longer_go_on() -> None:
    meeting = understood(Meeting(model=silent_model))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.run(until=5.0)
    shown = [(round(at, 2), effect.line.text) for at, effect in meeting.done if isinstance(effect, Caption)]
    assert shown == [(3.0, "We have"), (3.0, "We have to"), (3.0, "We have to")]


@pytest.mark.parametrize(
    "first",
    [
        InterpretationText(ADA_INTO_SPANISH, "u-1", "Tenemos"),
        InterpretationAudio(ADA_INTO_SPANISH, "u-1", numbered(1)),
        InterpretationEnded(ADA_INTO_SPANISH, "u-1", InterpretationOutcome.COMPLETED),
        MeetingEnded("call_ended"),
    ],
)
def test_words_are_shown_before_the_first_of_the_interpretation(first: Event) -> None:
    meeting = understood(Meeting(model=silent_model))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.happens(2.6, first)
    meeting.run(until=2.7)
    lines = [line for line in meeting.captions() if line.utterance == "u-1"]
    assert [(line.text, line.is_final) for line in lines[:3]] == [
        ("We have", False),
        ("We have to", False),
        ("We have to", True),
    ]


def test_while_a_speaker_is_interpreted_words_are_shown_at_once() -> None:
    meeting = understood(Meeting(replace(TWO_LANGUAGES, mode=Mode.SIMULTANEOUS), silent_model))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.run(until=2.56)
    assert len(meeting.captions()) == 3


def test_what_one_lane_has_answered_is_taken_back_in_none() -> None:
    def model(request: Interpret | Say) -> Script:
        return Answers(after=0.2 if request.lane.target == FR else 1.0)(request)

    meeting = hesitates(Meeting(THREE_LANGUAGES, model))
    meeting.run()
    assert set(meeting.ends().values()) == {("spoken", "")}


def test_in_all_lanes_it_is_taken_back_at_once() -> None:
    meeting = hesitates(Meeting(THREE_LANGUAGES, Answers(after=0.6)))
    meeting.run()
    assert meeting.ends() == {
        ("u-1", ES): ("not_needed", "goes_on"),
        ("u-1", FR): ("not_needed", "goes_on"),
        ("u-2", ES): ("spoken", ""),
        ("u-2", FR): ("spoken", ""),
    }
    assert heard(meeting, "u-2", FR) == heard(meeting, "u-2", ES)


def test_a_booth_that_has_given_up_gets_what_comes_next_alone() -> None:
    def failed(request: Interpret | Say) -> list[tuple[float, BoothEvent]]:
        outcome = InterpretationOutcome.FAILED
        return [(0.1, InterpretationEnded(request.lane, request.utterance, outcome, "too_short"))]

    meeting = hesitates(Meeting(model=failed))
    meeting.run()
    assert meeting.ends() == {("u-1", ES): ("abandoned", "too_short"), ("u-2", ES): ("abandoned", "too_short")}
    assert len(heard(meeting, "u-2")) == 15 + 60


def test_what_was_lost_with_its_session_is_not_said_again_and_its_words_are_shown() -> None:
    meeting = understood(hesitates(Meeting(model=silent_model)))
    meeting.happens(2.6, BoothLost(ADA_INTO_SPANISH, "session_expired", ("u-1",)))
    meeting.run(until=4.5)
    assert meeting.ends() == {("u-1", ES): ("abandoned", "session_expired")}
    assert len(heard(meeting, "u-2")) == 15 + 60
    assert [line.text for line in meeting.captions()] == ["We have", "We have to", "We have to"]


def test_a_sentence_with_several_pauses_is_one() -> None:
    meeting = Meeting(model=Answers(after=0.6, seconds=1.0))
    for number in range(4):
        meeting.says(ADA, at=1.0 + 1.6 * number, seconds=1.0, pause=0.6)
    meeting.run()
    assert [state for state, _ in meeting.states().values()] == ["not_needed"] * 3 + ["spoken"]
    assert heard(meeting, "u-4").count(1) == 4, "the first word of each part"
    opened = [(effect.lane, effect.utterance) for effect in meeting.effects(Opened)]
    settled = [(effect.entry.lane, effect.entry.utterance) for effect in meeting.effects(Settled)]
    assert sorted(map(str, opened)) == sorted(map(str, settled))


@pytest.mark.parametrize(("until", "state"), [(2.6, "spoken"), (6.0, "not_needed")])
def test_an_assent_that_goes_on_when_the_other_has_finished_is_an_answer(until: float, state: str) -> None:
    meeting = Meeting(model=Answers(after=0.6, text="Vale, vale.", heard="Okay, okay."))
    meeting.says(BENITO, at=1.0, seconds=until - 1.0)
    meeting.says(ADA, at=2.0, seconds=0.3, pause=0.6)
    meeting.says(ADA, at=2.9, seconds=0.3)
    meeting.run()
    ends = {one.utterance: (one.state.value, one.reason) for one in meeting.settled() if one.lane.speaker == ADA}
    assert ends["u-2"] == ("not_needed", "goes_on")
    assert ends["u-3"][0] == state


def test_who_speaks_for_long_is_not_waited_for() -> None:
    """The longest utterance holds for all parts together."""
    meeting = Meeting(model=Answers(after=0.6, seconds=1.0))
    for number in range(12):
        meeting.says(ADA, at=1.0 + 1.6 * number, seconds=1.0, pause=0.6)
    meeting.run()
    spoken = [utterance for utterance, (state, _) in meeting.states().items() if state == "spoken"]
    assert len(spoken) >= 2
    assert all(len(heard(meeting, utterance)) <= 500 for utterance in spoken)


def test_another_speaker_takes_nothing_back() -> None:
    meeting = Meeting(model=Answers(after=0.6, seconds=1.0))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.says(BENITO, at=2.7, seconds=1.0)
    meeting.run()
    assert {reason for _, reason in meeting.ends().values()} == {""}


def test_what_others_heard_as_it_was_said_they_do_not_hear_again() -> None:
    people = {**PEOPLE, ADA: Attendee(ADA, "Ada", EN, hears=ES), FRANK: SIX[FRANK]}
    meeting = Meeting(replace(THREE_LANGUAGES, attendees=people, layout=Layout.SISTER), Answers(after=0.6))
    hesitates(meeting).run()
    own_voice = [number for _, number in meeting.played(EN)]
    assert own_voice.count(1) == 2, "the first frame of each part, once"
    assert meeting.voices(ES) == [2]
    passed = [entry for entry in meeting.settled() if entry.kind is EntryKind.PASSTHROUGH]
    assert [entry.utterance for entry in passed] == ["u-1", "u-2"]


def test_through_a_relay_both_legs_are_taken_back() -> None:
    meeting = Meeting(replace(FOUR_LANGUAGES, languages=(FR, DE), pivot=EN), Answers(after=0.6, seconds=0.4))
    meeting.handle(there(CHLOE, DIETER, ADA), 0.0)
    meeting.handle(BoothLost(Lane(CHLOE, FR, DE), "unsupported", final=True), 0.1)
    meeting.says(CHLOE, at=1.0, seconds=1.0, pause=0.7)
    meeting.says(CHLOE, at=2.7, seconds=1.0)
    meeting.run(until=9.0)
    ends = {(one.utterance, one.lane): (one.state.value, one.reason) for one in meeting.settled()}
    first, second = Lane(CHLOE, FR, EN), Lane(CHLOE, EN, DE)
    assert ends["u-1", first] == ends["u-1", second] == ("not_needed", "goes_on")
    assert (ends["u-2", first], ends["u-2", second]) == (("caption_only", "relay"), ("spoken", ""))


def test_what_is_our_own_voice_is_not_taken_back() -> None:
    meeting = Meeting(model=Answers(after=0.6, seconds=1.0))
    meeting.happens(1.95, OwnVoiceHeard(ADA, 1.0, 800))
    meeting.happens(3.5, OwnVoiceHeard(ADA, 1.0, 800))
    hesitates(meeting).run()
    assert meeting.states() == {"u-1": ("not_needed", "echo"), "u-2": ("not_needed", "echo")}


@pytest.mark.parametrize("seconds", [1.0, 3.0])
def test_words_before_our_own_voice_comes_back_are_interpreted(seconds: float) -> None:
    """An interpretation begins in the pause, and is heard by the speaker's microphone."""
    people = {**PEOPLE, ADA: Attendee(ADA, "Ada", EN, hears=ES), FRANK: SIX[FRANK]}
    meeting = Meeting(replace(THREE_LANGUAGES, attendees=people, layout=Layout.SISTER), Answers(after=0.6))
    meeting.says(ADA, at=1.0, seconds=0.5)
    meeting.says(ADA, at=2.1, seconds=seconds)
    for piece in range(1, round(seconds / 0.8) + 1):
        meeting.happens(2.1 + 0.8 * piece + 0.01, OwnVoiceHeard(ADA, 0.97, 800))
    understood(meeting, at=2.05).run()
    ends = {(one.utterance, one.lane.target): (one.state.value, one.reason) for one in meeting.settled()}
    assert ends["u-1", ES] == ("not_needed", "goes_on")
    assert ends["u-2", ES] == ("not_needed", "echo")
    assert ends["u-3", ES] == ("spoken", "")
    assert heard(meeting, "u-3") == list(range(1, 36)), "what was said before the pause, and the silence after it"
    passed = [one.utterance for one in meeting.settled() if one.kind is EntryKind.PASSTHROUGH]
    assert "u-3" not in passed, "her own voice was heard where it is passed through"
    assert meeting.voices(ES) == [3]
    assert {(line.utterance, line.text) for line in meeting.captions() if line.is_original} == {("u-3", "Hello")}
    (given_back,) = [one for one in meeting.settled() if (one.utterance, one.lane.target) == ("u-3", ES)]
    assert (given_back.began_at, given_back.ended_at) == pytest.approx((1.1, 1.5))


def test_what_may_be_our_own_voice_is_flagged_whoever_goes_on() -> None:
    meeting = Meeting(model=Answers(after=0.6, seconds=1.0))
    meeting.happens(1.95, OwnVoiceHeard(ADA, 0.6, 800))
    hesitates(meeting).run()
    assert meeting.states()["u-2"] == ("spoken", "")
    assert [one.faults for one in meeting.settled()] == [("suspected_echo",)] * 2


def test_whose_words_go_into_other_lanes_from_now_on_has_ended_before() -> None:
    meeting = hesitates(Meeting(model=Answers(after=0.6, seconds=1.0)))
    people = {**PEOPLE, ADA: replace(PEOPLE[ADA], speaks=ES)}
    meeting.happens(2.6, PlanChanged(replace(TWO_LANGUAGES, attendees=people)))
    meeting.run()
    assert meeting.ends() == {("u-1", ES): ("spoken", "")}


@pytest.mark.parametrize("seed", range(10))
def test_with_whatever_pauses_and_answers_every_word_is_interpreted_once(seed: int) -> None:
    chance = random.Random(seed)

    def model(request: Interpret | Say) -> Script:
        return Answers(after=chance.choice((0.05, 0.3, 0.8, 1.5)), seconds=0.4)(request)

    meeting = Meeting(THREE_LANGUAGES, model)
    said: dict[str, list[int]] = {ADA: [], BENITO: []}
    for speaker, words in said.items():
        number = 0
        for _ in range(6):
            speech, pause = chance.choice((15, 50, 125, 450)), chance.choice((13, 25, 30, 39, 45))
            for frame in range(1, speech + pause + 1):
                voiced = frame <= speech
                meeting.happens(1 + (number + frame) * 0.02, SpeakerAudio(speaker, numbered(number + frame), voiced))
            words += range(number + 1, number + speech + 1)
            number += speech + pause
    meeting.run()
    parts = {(one.utterance, one.lane) for one in meeting.settled() if one.reason == "goes_on"}
    for lane in {one.lane for one in meeting.settled()}:
        pieces = [hear for hear in meeting.effects(Hear) if hear.lane == lane and (hear.utterance, lane) not in parts]
        given = numbers(b"".join(hear.pcm for hear in pieces))
        assert [number for number in given if number in set(said[lane.speaker])] == said[lane.speaker]
    assert {line.utterance for line in meeting.captions()}.isdisjoint(utterance for utterance, _ in parts)
