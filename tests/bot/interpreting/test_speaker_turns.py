from __future__ import annotations

from dataclasses import replace

import pytest

from bot.interpreting.captions import Utterance
from bot.interpreting.endpointing import TurnBegan, TurnEnded, TurnEvent
from bot.interpreting.plan import AUTO, Attendee, Endpointing, RoomPlan
from bot.interpreting.speaker_turns import SpeakerTurns

ADA, BENITO = "8:acs:ada", "8:acs:benito"
PLAN = RoomPlan(("en-US", "es-ES"), {ADA: Attendee(ADA, "Ada", "en-US")})
FRAME = bytes(960)


def say(hearing: SpeakerTurns, speaker: str, begin: float, seconds: float, voiced: bool = True) -> list[TurnEvent]:
    """Frames from `begin` on."""
    turns: list[TurnEvent] = []
    for number in range(round(seconds * 50)):
        turns += hearing.frame(speaker, FRAME, voiced, begin + number * 0.02)
    return turns


def kinds(turns: list[TurnEvent]) -> list[type[TurnEvent]]:
    return [type(turn) for turn in turns if isinstance(turn, TurnBegan | TurnEnded)]


def test_each_speaker_is_cut_into_utterances_alone() -> None:
    hearing = SpeakerTurns(PLAN, "u")
    assert kinds(say(hearing, ADA, 0.0, 0.5)) == [TurnBegan]
    assert kinds(say(hearing, BENITO, 0.1, 0.5)) == [TurnBegan]
    assert kinds(say(hearing, ADA, 0.5, 0.6, voiced=False)) == [TurnEnded]


def test_utterances_are_numbered_and_know_who_speaks_what() -> None:
    hearing = SpeakerTurns(PLAN, "call")
    first, second = hearing.begin(ADA, 1.0), hearing.begin(BENITO, 2.0)
    assert (first.id, first.speaker_name, first.source, first.began_at) == ("call-1", "Ada", "en-US", 1.0)
    assert (second.id, second.speaker_name, second.source) == ("call-2", BENITO, AUTO)
    assert not hearing.quiet
    assert hearing.current == {ADA: first, BENITO: second}


def test_what_was_held_up_on_its_way_was_said_earlier() -> None:
    hearing = SpeakerTurns(PLAN, "u")
    for number in range(50):  # a second of speech, which comes at once at 10.0
        hearing.frame(ADA, FRAME, True, 10.0, 4.0 - number * 0.02)
        if number == 5:
            spoken = hearing.begin(ADA, 10.0)
    assert (spoken.began_at, spoken.age_s) == pytest.approx((6.1, 3.9))
    ended = hearing.end(ADA, 10.0, 1_000)
    assert (ended.ended_at, ended.age_s) == pytest.approx((6.98, 3.02))
    hearing.frame(ADA, FRAME, True, 11.0)
    assert hearing.begin(ADA, 11.0).began_at == 11.0
    hearing.frame(ADA, FRAME, False, 12.0, 5.0)
    assert hearing.end(ADA, 11.5, 500).ended_at == 11.5, "of its speech nothing was held up"
    assert hearing.begin(BENITO, 13.0).age_s == 0.0
    hearing.frame(BENITO, FRAME, True, 13.0, 30.0)
    assert hearing.end(BENITO, 13.0, 500).ended_at == 13.0, "nothing ends before it has begun"
    hearing.clear()
    assert hearing.begin(BENITO, 14.0).age_s == 0.0


def test_what_was_spoken_into_anothers_words_and_ended_within_them_was_talked_over() -> None:
    hearing = SpeakerTurns(PLAN, "u")
    hearing.begin(ADA, 1.0)
    hearing.begin(BENITO, 2.0)
    inside = hearing.end(BENITO, 2.5, 400)
    assert (inside.talked_over, inside.ended_at, inside.voiced_ms) == (True, 2.5, 400)
    hearing.begin(BENITO, 3.0)
    assert not hearing.end(ADA, 3.5, 2_000).talked_over, "nobody spoke when she began"
    assert not hearing.end(BENITO, 4.0, 900).talked_over, "she had ended before him"
    assert hearing.quiet


def test_a_turn_is_over_when_no_frames_come_any_more() -> None:
    hearing = SpeakerTurns(PLAN, "u")
    assert hearing.deadline() is None
    say(hearing, ADA, 0.0, 0.5)
    ada_by = hearing.deadline()
    assert ada_by is not None
    say(hearing, BENITO, 0.2, 0.5)
    assert hearing.deadline() == ada_by, "the first of the two"
    assert [(speaker, kinds(turns)) for speaker, turns in hearing.expired(ada_by)] == [(ADA, [TurnEnded]), (BENITO, [])]
    later = hearing.deadline()
    assert later is not None
    assert later > ada_by


def test_who_leaves_has_said_it_to_the_end() -> None:
    hearing = SpeakerTurns(PLAN, "u")
    say(hearing, ADA, 0.0, 0.5)
    assert kinds(hearing.stop(ADA)) == [TurnEnded]
    assert hearing.stop(ADA) == []
    assert hearing.deadline() is None


def test_everybody_is_forgotten_at_once() -> None:
    hearing = SpeakerTurns(PLAN, "u")
    say(hearing, ADA, 0.0, 0.5)
    hearing.begin(ADA, 0.5)
    hearing.clear()
    assert hearing.quiet
    assert hearing.deadline() is None


def test_whoever_goes_on_has_spoken_since_the_first_word() -> None:
    hearing = SpeakerTurns(PLAN, "u")
    say(hearing, ADA, 0.0, 1.0)
    hearing.begin(BENITO, 0.1)
    before = hearing.begin(ADA, 0.2)
    before.own_voice_ms, before.measured_ms, before.flags = 300.0, 800, ("suspected_echo",)
    before.before, before.before_pcm = Utterance("u-0", ADA, "Ada", "en-US", 0.0, talked_over=True), b"earlier"
    say(hearing, ADA, 1.0, 0.5, voiced=False)
    assert hearing.end(ADA, 1.0, 1_000).talked_over
    assert hearing.last(ADA) is before
    [begun] = [turn for turn in say(hearing, ADA, 1.6, 0.3) if isinstance(turn, TurnBegan)]
    assert begun.before
    hearing.end(BENITO, 1.7, 1_500)
    spoken = hearing.begin(ADA, 1.8)
    hearing.go_on(ADA, before, begun.before)
    assert (spoken.began_at, spoken.flags) == (0.2, ("suspected_echo",))
    assert (spoken.before, spoken.before_pcm) == (before, begun.before)
    assert before.before is None, "kept once"
    [*_, ended] = say(hearing, ADA, 1.9, 0.6, voiced=False)
    assert isinstance(ended, TurnEnded)
    assert ended.voiced_ms == 1_300
    assert not hearing.end(ADA, 1.9, ended.voiced_ms).talked_over, "he had ended before her"
    hearing.stop(ADA)
    assert hearing.last(ADA) is None
    before.source_text = "We have to"
    alone = hearing.say_again(before)
    assert alone.source_text is None, "it will be recognised once more"
    assert (alone.id, before.id) == ("u-4", "u-2")
    assert (alone.began_at, alone.ended_at, alone.voiced_ms) == (0.2, 1.0, 1_000)
    assert ADA not in hearing.current


@pytest.mark.parametrize("earlier", [False, True])
def test_whoever_goes_on_is_talked_over_from_the_first_word_to_the_last(earlier: bool) -> None:
    hearing = SpeakerTurns(PLAN, "u")
    if earlier:
        hearing.begin(BENITO, 0.1)
    say(hearing, ADA, 0.0, 1.0)
    before = hearing.begin(ADA, 0.2)
    say(hearing, ADA, 1.0, 0.5, voiced=False)
    hearing.end(ADA, 1.0, 1_000)
    if not earlier:
        hearing.begin(BENITO, 1.5)
    say(hearing, ADA, 1.6, 0.3)
    hearing.begin(ADA, 1.8)
    hearing.go_on(ADA, before, b"before")
    assert hearing.end(ADA, 1.9, 1_300).talked_over is earlier


@pytest.mark.parametrize(("patience_ms", "ends"), [(500, []), (200, [TurnEnded])])
def test_patience_is_that_of_the_plan_as_it_is_now(patience_ms: int, ends: list[type[TurnEvent]]) -> None:
    hearing = SpeakerTurns(PLAN, "u")
    say(hearing, ADA, 0.0, 0.5)
    hearing.follow(replace(PLAN, endpointing=Endpointing(end_of_turn_ms=patience_ms)))
    assert kinds(say(hearing, ADA, 0.5, 0.3, voiced=False)) == ends


def test_a_speaker_has_gone_on_by_when_the_next_word_must_have_been_noticed() -> None:
    endpointing = Endpointing(end_of_turn_unfinished_ms=800, onset_window_ms=200)
    hearing = SpeakerTurns(replace(PLAN, endpointing=endpointing), "u")
    assert hearing.may_go_on_until(2.0) == 3.0
