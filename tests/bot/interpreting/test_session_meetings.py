"""Meetings of several people and languages, as scripts with times: who hears what, in which order, and what is told."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from bot.interpreting.announcement import text as announcement
from bot.interpreting.effects import (
    Brief,
    Cancel,
    CloseBooth,
    Hear,
    Interpret,
    LaneServed,
    OpenBooth,
    Play,
    Release,
    Say,
    StopPlaying,
)
from bot.interpreting.events import (
    BoothDegraded,
    BoothLost,
    BoothReady,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    KeypadPressed,
    MeetingEnded,
    Order,
    PlanChanged,
    PlayoutReady,
    PresenceChanged,
    SourceText,
    SpeakerAudio,
)
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.ledger import Entry, EntryKind, EntryState
from bot.interpreting.plan import AUTO, Attendee, Lane, Layout, Mode, RoomPlan, Stability
from bot.interpreting.playout.channels import FLOOR_HELD_MS
from bot.interpreting.playout.lateness import LATE_S
from tests.support.audio import numbered, numbers, soft
from tests.support.meeting import (
    ADA,
    ADA_INTO_SPANISH,
    BENITO,
    BENITO_INTO_ENGLISH,
    CHLOE,
    DIETER,
    ELENA,
    FOUR_LANGUAGES,
    FRANK,
    PEOPLE,
    SIX,
    THREE_LANGUAGES,
    TWO_LANGUAGES,
    Answers,
    Meeting,
    Script,
    number_of,
    silent_model,
    there,
)

EN, ES, FR, DE = "en-US", "es-ES", "fr-FR", "de-DE"


def one_voice_at_a_time(meeting: Meeting) -> None:
    """On no channel two utterances take turns within one another, and nowhere two frames within 20 ms."""
    for channel in {play.channel for play in meeting.effects(Play)}:
        played = meeting.played(channel)
        for (before, _), (after, _) in itertools.pairwise(played):
            assert after - before >= 0.02 - 1e-6
        voices = meeting.voices(channel)
        per_utterance = 1 if channel != "room" else len(FOUR_LANGUAGES.languages) - 1
        assert all(voices.count(voice) <= per_utterance for voice in voices)


# --- six people, four languages ----------------------------------------------------------------------


def test_six_people_of_four_languages_are_all_interpreted_in_one_room() -> None:
    meeting = Meeting(FOUR_LANGUAGES, Answers(after=0.6, seconds=0.8))
    for number, who in enumerate(SIX):
        meeting.says(who, at=1.0 + 5 * number, seconds=1.0)
    meeting.run(until=60.0)
    one_voice_at_a_time(meeting)
    assert len(meeting.settled()) == 6 * 3
    assert {entry.state for entry in meeting.settled()} == {EntryState.SPOKEN}
    assert len(meeting.effects(OpenBooth)) == 18
    meeting.run()
    assert len(meeting.effects(CloseBooth)) == 18, "parked when nobody spoke any more"


LONGEST_S = 9.0


def waiting(meeting: Meeting, moment: float) -> list[Entry]:
    """What began to be heard later than at this moment, and could have been then."""
    begun = [(entry.first_audio_at, entry.first_played_at, entry) for entry in meeting.settled()]
    return [entry for came, heard, entry in begun if came and heard and came < moment < heard]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 6))])
@pytest.mark.parametrize("layout", Layout)
def test_overlaps_joins_leaves_and_changes_leave_the_books_in_order(layout: Layout, seed: int) -> None:
    chance = random.Random(seed)

    def model(request: Interpret | Say) -> Script:
        return Answers(after=chance.uniform(0.3, 4.0), seconds=chance.uniform(0.1, LONGEST_S), text="Hola")(request)

    plan = replace(FOUR_LANGUAGES, layout=layout, park_after_s=20.0, max_lanes=9, pivot=EN, chair=DIETER)
    meeting = Meeting(plan, model)
    for who in SIX:
        for _ in range(4):
            at = chance.uniform(1.0, 80.0)
            meeting.says(who, at=at, seconds=chance.uniform(0.1, 6.0), pause=chance.uniform(0.0, 0.6))
    meeting.happens(0.0, there(*SIX))
    meeting.happens(chance.uniform(5, 60), there(*sorted(SIX.keys() - {ELENA})))
    meeting.happens(chance.uniform(5, 60), PlanChanged(replace(plan, languages=(EN, ES, FR))))
    meeting.happens(chance.uniform(60, 70), PlanChanged(plan))
    meeting.happens(chance.uniform(5, 60), BoothLost(Lane(CHLOE, FR, ES), "unsupported", final=True))
    meeting.run(until=200.0)
    meeting.handle(MeetingEnded("call_ended"))
    ended = [(entry.utterance, entry.lane) for entry in meeting.settled()]
    assert len(ended) == len(set(ended))
    assert meeting.session.open_entries == []
    for entry in meeting.settled():
        for playout in entry.playouts.values():
            assert 0 <= playout.played + playout.trimmed + playout.dropped - entry.received < 960
        if entry.kind is EntryKind.UTTERANCE and entry.first_played_at is not None:
            assert entry.first_audio_at is not None
            if (waited := entry.first_played_at - entry.first_audio_at) > LATE_S:  # alone, and the chair went before
                assert waited <= LATE_S + LONGEST_S
                others = waiting(meeting, entry.first_played_at)
                assert not any(entry.playouts.keys() & other.playouts.keys() for other in others)


def test_the_chair_is_interpreted_before_the_others() -> None:
    meeting = Meeting(replace(TWO_LANGUAGES, attendees=SIX, chair=FRANK), Answers(after=0.5, seconds=3.0))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.says(BENITO, at=1.2, seconds=1.0)
    meeting.says(FRANK, at=2.0, seconds=1.0)
    meeting.run()
    assert meeting.voices() == [1, 3, 2], "who has begun to be heard is not cut off"


# --- lanes: limits, parking, changes -----------------------------------------------------------------


def test_where_all_booths_work_one_more_utterance_is_not_interpreted_and_says_so() -> None:
    meeting = Meeting(replace(TWO_LANGUAGES, max_lanes=1), Answers(seconds=1.0))
    meeting.says(ADA, at=1.0, seconds=2.0)
    meeting.says(BENITO, at=1.5, seconds=1.0)
    meeting.says(BENITO, at=6.0, seconds=1.0)
    meeting.run()
    assert meeting.ends() == {
        ("u-1", ES): ("spoken", ""),
        ("u-2", EN): ("abandoned", "lane_limit"),
        ("u-3", EN): ("spoken", ""),
    }
    assert meeting.effects(CloseBooth) == [CloseBooth(ADA_INTO_SPANISH)]


def test_a_parked_lane_opens_on_the_next_word_and_misses_nothing() -> None:
    meeting = Meeting(replace(TWO_LANGUAGES, park_after_s=5.0), Answers(seconds=1.0))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.says(ADA, at=20.0, seconds=1.0)
    meeting.run()
    story = [line for line in meeting.story() if "open" in line or "close" in line]
    assert [line.split()[1] for line in story] == ["open", "close", "open", "close"]
    heard = [effect.pcm for at, effect in meeting.done if isinstance(effect, Hear) and at > 10]
    assert numbers(b"".join(heard))[-60:] == list(range(1, 61))
    assert len(numbers(b"".join(heard))) == 60 + 15, "pre-roll included"
    assert meeting.states() == {"u-1": ("spoken", ""), "u-2": ("spoken", "")}


def test_a_changed_glossary_reaches_open_booths_and_captions_that_are_not_final() -> None:
    before, after = (GlossaryEntries.of({"booth": {ES: wording}}) for wording in ("caseta", "cabina"))
    meeting = Meeting(replace(TWO_LANGUAGES, glossary=before), silent_model)
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.run(until=2.0)
    meeting.handle(InterpretationText(ADA_INTO_SPANISH, "u-1", "La caseta"))
    meeting.handle(PlanChanged(replace(TWO_LANGUAGES, glossary=after)))
    meeting.handle(InterpretationText(ADA_INTO_SPANISH, "u-1", " está lista."))
    meeting.handle(InterpretationEnded(ADA_INTO_SPANISH, "u-1", InterpretationOutcome.COMPLETED))
    assert [effect.lane for effect in meeting.effects(Brief)] == [ADA_INTO_SPANISH]
    assert [line.text for line in meeting.captions()] == [
        "La caseta",
        "La cabina",
        "La cabina está lista.",
        "La cabina está lista.",
    ]
    meeting.handle(PlanChanged(replace(TWO_LANGUAGES, glossary=before)))
    assert meeting.captions()[-1].is_final, "and nothing follows"


# --- relay -------------------------------------------------------------------------------------------

FRENCH_GERMAN = replace(FOUR_LANGUAGES, languages=(FR, DE), pivot=EN)
DIRECT, FIRST, SECOND = Lane(CHLOE, FR, DE), Lane(CHLOE, FR, EN), Lane(CHLOE, EN, DE)


def relayed(model: Answers | None = None, seconds: float = 1.0) -> Meeting:
    """A meeting in which nobody interprets from French into German, but both from and into English."""
    meeting = Meeting(FRENCH_GERMAN, model or Answers(after=0.5, text="Taxi", seconds=1.0))
    meeting.handle(there(CHLOE, DIETER, ADA), 0.0)
    meeting.handle(BoothLost(DIRECT, "unsupported", final=True), 0.1)
    meeting.says(CHLOE, at=1.0, seconds=seconds)
    return meeting


def test_where_there_is_no_direct_way_the_interpretation_is_interpreted() -> None:
    meeting = relayed()
    meeting.run(until=20.0)
    assert {(one.lane, one.state.value, one.reason) for one in meeting.settled()} == {
        (FIRST, "caption_only", "relay"),
        (SECOND, "spoken", ""),
    }
    into_english = [effect for effect in meeting.effects(Hear) if effect.lane == FIRST]
    into_german = [effect for effect in meeting.effects(Hear) if effect.lane == SECOND]
    assert numbers(b"".join(effect.pcm for effect in into_english)) == list(range(1, 61))
    assert numbers(b"".join(effect.pcm for effect in into_german)) == [1] * 50, "the interpretation, not the speaker"
    asked = [(round(at, 2), effect.lane) for at, effect in meeting.done if isinstance(effect, Interpret)]
    assert asked == [(2.5, FIRST), (3.25, SECOND)]
    originals = [line for line in meeting.captions() if line.is_original]
    assert len(originals) == 1, "what the second leg has heard are not the speaker's words"


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (Answers(outcome=InterpretationOutcome.FAILED, reason="server_error"), "relay_failed"),
        (Answers(seconds=0.0), "relay_silent"),
    ],
)
def test_a_relay_is_no_stronger_than_its_first_leg(first: Answers, reason: str) -> None:
    meeting = relayed(first)
    meeting.run(until=20.0)
    assert meeting.ends()["u-1", DE] == ("abandoned", reason)


AS_SAID = Answers(text="Our train leaves at nine.", heard="Notre train part à neuf heures.")
AN_ASSISTANT = replace(AS_SAID, text="I'm sorry, but as an AI language model I can't help you with that.")
INTO_GERMAN = Answers(text="Unser Zug fährt um neun.", heard=None)


def relayed_as(first: list[Answers], second: Answers = INTO_GERMAN) -> Meeting:
    """A relay whose first leg answers one thing after the other."""
    left = iter(first)
    meeting = relayed()
    meeting.model = lambda request: (next(left) if request.lane == FIRST else second)(request)
    return meeting


@pytest.mark.parametrize("wrong", [AN_ASSISTANT, replace(AS_SAID, text="Our train leaves at eleven.")])
def test_the_second_leg_of_a_relay_hears_nothing_of_what_misleads(wrong: Answers) -> None:
    meeting = relayed_as([wrong, wrong])
    meeting.run(until=20.0)
    assert [effect.strict for effect in meeting.effects(Interpret)] == [False, True], "asked once more, as any other"
    assert [effect for effect in meeting.effects(Hear) if effect.lane == SECOND] == []
    assert meeting.ends() == {("u-1", EN): ("caption_only", "relay"), ("u-1", DE): ("abandoned", "relay_faulty")}


def test_the_second_leg_of_a_relay_hears_the_attempt_that_was_right_and_no_other() -> None:
    meeting = relayed_as([replace(AN_ASSISTANT, seconds=2.0), AS_SAID])
    meeting.run(until=20.0)
    heard = [(at, effect.pcm) for at, effect in meeting.done if isinstance(effect, Hear) and effect.lane == SECOND]
    assert [len(numbers(pcm)) for _, pcm in heard] == [50], "one second, at once"
    assert [at for at, _ in heard] == [at for at, one in meeting.done if isinstance(one, Interpret)][-1:]
    assert meeting.ends()["u-1", DE] == ("spoken", "")


def test_what_the_second_leg_of_a_relay_says_is_judged_by_the_words_of_the_first() -> None:
    meeting = relayed_as([AS_SAID], replace(INTO_GERMAN, text="Unser Zug fährt um elf."))
    meeting.run(until=20.0)
    assert [entry.faults for entry in meeting.settled() if entry.lane == SECOND] == [("number",)]


def test_a_noise_that_the_first_leg_of_a_relay_takes_for_words_is_heard_in_no_language() -> None:
    meeting = relayed(Answers(text="Thanks for watching", heard=""), seconds=0.3)
    meeting.run(until=20.0)
    assert meeting.ends() == {("u-1", EN): ("not_needed", "no_words"), ("u-1", DE): ("not_needed", "no_words")}
    assert meeting.played() == []


# --- sister rooms ------------------------------------------------------------------------------------

SISTERS = replace(THREE_LANGUAGES, layout=Layout.SISTER)


def test_in_sister_rooms_languages_are_heard_at_the_same_time() -> None:
    meeting = Meeting(SISTERS, Answers(after=0.5, seconds=2.0))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.run()
    assert meeting.voices(ES) == meeting.voices(FR) == [1]
    assert meeting.played(EN) == []
    assert meeting.played(ES)[0][0] == meeting.played(FR)[0][0] == pytest.approx(3.0)


def test_who_sits_with_others_is_passed_through_as_they_speak() -> None:
    people = {**PEOPLE, ADA: Attendee(ADA, "Ada", EN, hears=ES), FRANK: SIX[FRANK]}
    meeting = Meeting(replace(SISTERS, attendees=people), Answers(after=0.5, text="Hola", seconds=1.0))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.run()
    own_voice = meeting.played(EN)
    assert [number for _, number in own_voice] == list(range(1, 76)), "every frame to the end of the turn"
    assert own_voice[0][0] == pytest.approx(1.1), "as soon as it is known to be speech"
    assert own_voice[-1][0] - own_voice[0][0] == pytest.approx(74 * 0.02), "and never late"
    assert meeting.voices(ES) == [1], "Benito hears her in his room, and then what she said"
    (passed,) = [entry for entry in meeting.settled() if entry.kind is EntryKind.PASSTHROUGH]
    assert (passed.state, passed.played_ms) == (EntryState.SPOKEN, 1500)
    assert not any(effect.lane.passthrough for effect in meeting.effects(Cancel))


def test_who_is_passed_through_past_the_longest_utterance_is_heard_once() -> None:
    people = {**PEOPLE, ADA: Attendee(ADA, "Ada", EN, hears=ES), FRANK: SIX[FRANK]}
    meeting = Meeting(replace(SISTERS, attendees=people), Answers(after=0.5, text="Hola", seconds=1.0))
    for number in range(1, 661):
        pcm = soft(number) if 420 <= number < 425 else numbered(number)
        meeting.happens(1.0 + number * 0.02, SpeakerAudio(ADA, pcm, number <= 600))
    meeting.run()
    own_voice = [number for _, number in meeting.played(EN)]
    assert own_voice == list(range(1, len(own_voice) + 1)), "what is behind the cut as well, which belongs to the next"
    assert len(own_voice) >= 600


def test_a_voice_passed_through_is_heard_under_the_interpreter_and_is_not_hushed() -> None:
    people = {**PEOPLE, ADA: Attendee(ADA, "Ada", EN, hears=ES), FRANK: SIX[FRANK]}
    meeting = Meeting(replace(SISTERS, attendees=people), Answers(after=0.5, seconds=3.0))
    meeting.says(BENITO, at=1.0, seconds=1.0)  # heard in English from 3.0 to 6.0
    meeting.says(ADA, at=4.0, seconds=1.0)
    meeting.happens(5.0, KeypadPressed("*"))
    meeting.run()
    assert meeting.ends()["u-1", EN] == ("abandoned", "hushed")
    frames = [(at, effect) for at, effect in meeting.done if isinstance(effect, Play) and effect.channel == EN]
    both = [at for at, effect in frames if effect.floor]
    assert (both[0], both[-1]) == pytest.approx((4.1, 4.98), abs=0.021), "as soon as it is known to be speech"
    alone = [numbers(effect.pcm)[0] for at, effect in frames if at > 5.0]
    assert alone == list(range(75 - len(alone) + 1, 76)), "and on when the interpreter fell silent"
    assert len(both) + len(alone) == 75
    assert all(after - before >= 0.02 - 1e-6 for (before, _), (after, _) in itertools.pairwise(frames))


def test_a_sister_room_without_its_socket_keeps_the_others_speaking() -> None:
    meeting = Meeting(SISTERS, Answers(seconds=1.0), playout=False)
    meeting.happens(0.0, PlayoutReady(True, ES))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.happens(10.0, PlayoutReady(True, FR))
    meeting.run()
    assert meeting.played(ES)[0][0] == pytest.approx(3.0)
    assert meeting.played(FR) == []
    assert meeting.ends() == {("u-1", ES): ("spoken", ""), ("u-1", FR): ("caption_only", "channel_away")}


# --- listener channels -------------------------------------------------------------------------------


def test_one_lane_serves_the_room_and_a_channel_and_ends_when_both_have_heard_it() -> None:
    meeting = Meeting(replace(TWO_LANGUAGES, layout=Layout.CHANNELS), Answers(after=0.5, seconds=1.0))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.says(BENITO, at=1.2, seconds=1.0)
    meeting.run()
    assert len([effect for effect in meeting.effects(Interpret) if effect.lane == ADA_INTO_SPANISH]) == 1
    assert meeting.voices("room") == [1, 2]
    spanish = [entry for entry in meeting.settled() if entry.lane == ADA_INTO_SPANISH]
    assert [(sorted(entry.playouts), entry.played_ms) for entry in spanish] == [([ES, "room"], 1000)]
    # In the Spanish channel Benito is heard as he speaks, and the interpretation of Ada after him.
    heard = [number for _, number in meeting.played(ES)]
    assert heard[:75] == list(range(1, 76))
    assert heard[75:] == [1] * 50


def test_in_the_channel_of_their_own_language_people_are_never_late_however_much_is_interpreted() -> None:
    """Quick exchange, two of them at once, and interpretations that take longer than what is said."""
    meeting = Meeting(replace(TWO_LANGUAGES, attendees=SIX, layout=Layout.CHANNELS), Answers(after=0.5, seconds=3.0))
    for turn in range(8):
        meeting.says(ADA, at=1.0 + 4 * turn, seconds=1.5)
        meeting.says(BENITO, at=2.0 + 4 * turn, seconds=1.5)
        meeting.says(ELENA, at=2.5 + 4 * turn, seconds=1.0)
    meeting.run()
    own = [entry for entry in meeting.settled() if entry.kind is EntryKind.PASSTHROUGH]
    assert len(own) == 8 * 3
    for entry in own:
        (playout,) = entry.playouts.values()
        assert (entry.state, playout.dropped, playout.played) == ("spoken", 0, entry.received)
        assert entry.first_played_at is not None and entry.last_played_at is not None and entry.committed_at is not None
        assert entry.first_played_at - entry.began_at <= 0.021
        assert entry.last_played_at - entry.committed_at <= FLOOR_HELD_MS / 1000


# --- stopping ----------------------------------------------------------------------------------------


def test_a_keypad_tone_does_what_the_plan_says() -> None:
    meeting = Meeting(replace(TWO_LANGUAGES, keypad={"#": Order.HUSH, "0": Order.PAUSE}), Answers(seconds=3.0))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.happens(3.5, KeypadPressed("*"))
    meeting.happens(4.0, KeypadPressed("#", BENITO))
    meeting.happens(5.0, KeypadPressed("0"))
    meeting.run()
    assert "4.00 stop playing" in meeting.story()
    assert meeting.ends() == {("u-1", ES): ("abandoned", "hushed")}
    assert meeting.session.paused


def test_a_hush_reaches_the_second_leg_of_a_relay() -> None:
    meeting = relayed()
    meeting.happens(2.8, KeypadPressed("*"))
    meeting.run(until=20.0)
    assert set(meeting.ends().values()) == {("abandoned", "hushed"), ("abandoned", "relay_failed")}
    assert meeting.played() == []


# --- backchannels ------------------------------------------------------------------------------------


def test_a_mere_hum_is_not_interpreted() -> None:
    meeting = Meeting(model=Answers(after=0.5, text="Mm", seconds=0.4, heard="Mm-hm."))
    meeting.says(ADA, at=1.0, seconds=0.4)
    meeting.run()
    assert meeting.ends() == {("u-1", ES): ("not_needed", "backchannel")}
    assert meeting.played() == []


def test_an_assent_under_anothers_words_is_not_interpreted_but_an_answer_is() -> None:
    def model(request: Interpret | Say) -> Script:
        heard = {"u-1": "And so on and on.", "u-2": "Yes.", "u-3": "Shall we?", "u-4": "Yes."}[request.utterance]
        return Answers(after=0.4, text="Texto largo", seconds=0.4, heard=heard)(request)

    meeting = Meeting(replace(TWO_LANGUAGES, attendees=SIX), model)
    meeting.says(ADA, at=1.0, seconds=4.0)
    meeting.says(FRANK, at=2.0, seconds=0.4)
    meeting.says(ADA, at=8.0, seconds=1.0)
    meeting.says(FRANK, at=10.0, seconds=0.4)
    meeting.run()
    assert [entry.state.value for entry in sorted(meeting.settled(), key=lambda one: one.utterance)] == [
        "spoken",
        "not_needed",
        "spoken",
        "spoken",
    ]


def test_a_short_utterance_waits_for_its_words_no_longer_than_it_must() -> None:
    meeting = Meeting(model=silent_model)
    meeting.says(ADA, at=1.0, seconds=0.4)
    meeting.run(until=2.4)
    meeting.handle(InterpretationAudio(ADA_INTO_SPANISH, "u-1", numbered(1) * 20), 2.5)
    assert meeting.played() == []
    meeting.handle(SourceText(ADA_INTO_SPANISH, "u-1", "No."), 2.6)
    assert meeting.played()[0][0] == 2.6

    other = Meeting(model=silent_model)
    other.says(ADA, at=1.0, seconds=0.4)
    other.run(until=2.4)
    other.handle(InterpretationAudio(ADA_INTO_SPANISH, "u-1", numbered(1) * 20), 2.5)
    other.run(until=4.0)
    assert other.played()[0][0] == pytest.approx(2.9), "its words never came"


def test_once_it_is_heard_it_is_heard_out() -> None:
    meeting = Meeting(model=silent_model)
    meeting.says(ADA, at=1.0, seconds=0.4)
    meeting.run(until=2.4)
    meeting.handle(InterpretationAudio(ADA_INTO_SPANISH, "u-1", numbered(1) * 20), 2.5)
    meeting.run(until=3.0)
    meeting.handle(SourceText(ADA_INTO_SPANISH, "u-1", "Mm-hm."), 3.0)
    meeting.handle(InterpretationEnded(ADA_INTO_SPANISH, "u-1", InterpretationOutcome.COMPLETED), 3.0)
    meeting.run()
    assert meeting.ends() == {("u-1", ES): ("spoken", "")}


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("Gracias por ver", ("not_needed", "no_words")),
        ("", ("not_needed", "no_words")),
        ("Mm.", ("not_needed", "backchannel")),
        ("No.", ("spoken", "")),
    ],
)
def test_of_speech_in_which_no_word_was_recognised_a_word_is_interpreted_and_a_sentence_is_not(
    text: str, end: tuple[str, str]
) -> None:
    meeting = Meeting(model=Answers(after=0.5, text=text, seconds=0.6 if text else 0.0, heard=""))
    meeting.says(ADA, at=1.0, seconds=0.4)
    meeting.run()
    assert meeting.ends() == {("u-1", ES): end}
    assert (meeting.played() != []) is (end[0] == "spoken")


def test_a_hum_that_answers_a_question_is_interpreted() -> None:
    def model(request: Interpret | Say) -> Script:
        heard = {"u-1": "Shall we?", "u-2": "Uh-huh."}[request.utterance]
        return Answers(after=0.4, text="Sí", seconds=0.4, heard=heard)(request)

    meeting = Meeting(replace(TWO_LANGUAGES, attendees=SIX), model)
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.says(FRANK, at=4.0, seconds=0.4)
    meeting.run()
    assert meeting.ends() == {("u-1", ES): ("spoken", ""), ("u-2", ES): ("spoken", "")}


# --- lag ---------------------------------------------------------------------------------------------


def test_after_a_stall_of_30_s_nothing_older_than_3_s_is_heard() -> None:
    stalled_until = 40.0

    def model(request: Interpret | Say) -> Script:
        late = max(0.0, stalled_until - meeting.now)
        return Answers(after=0.8 + late, text="Hola a todos", seconds=1.2)(request)

    meeting = Meeting(model=model)
    for number in range(20):
        meeting.says((ADA, BENITO)[number % 2], at=10.0 + 2.4 * number, seconds=1.5)
    meeting.run()
    heard = [entry for entry in meeting.settled() if entry.first_played_at is not None]
    ages = [(entry.first_audio_at or 0) - (entry.ended_at or 0) for entry in heard]
    assert max(ages) <= 3.0
    after = [entry for entry in heard if (entry.first_played_at or 0) >= stalled_until]
    assert len(after) >= 7, "it is heard again at once"
    waits = [(entry.first_played_at or 0) - (entry.ended_at or 0) for entry in after]
    assert max(waits) <= 3.0 + 1.2 + 0.2, "nor does it wait long for its turn"
    unheard = {entry.reason for entry in meeting.settled() if entry.first_played_at is None}
    assert unheard == {"model_timeout", "stale"}
    assert len(meeting.settled()) == 20


def test_a_voice_that_breaks_off_is_not_gone_on_with() -> None:
    meeting = Meeting(model=silent_model)
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.says(BENITO, at=0.5, seconds=1.0)
    meeting.run(until=2.5)
    meeting.handle(InterpretationText(ADA_INTO_SPANISH, "u-1", "Hola a todos"), 2.5)
    meeting.handle(InterpretationAudio(ADA_INTO_SPANISH, "u-1", numbered(1) * 10), 2.5)
    meeting.handle(InterpretationAudio(BENITO_INTO_ENGLISH, "u-2", numbered(2) * 10), 2.6)
    meeting.run(until=6.0)
    began_at, number = meeting.played()[10]
    assert (round(began_at, 2), number) == (2.7 + 2.5, 2), "others need not wait for it any longer"
    meeting.handle(InterpretationAudio(ADA_INTO_SPANISH, "u-1", numbered(1) * 10), 6.0)
    meeting.handle(InterpretationEnded(ADA_INTO_SPANISH, "u-1", InterpretationOutcome.COMPLETED), 6.0)
    meeting.run()
    assert meeting.ends()["u-1", ES] == ("caption_only", "stale")
    (entry,) = [entry for entry in meeting.settled() if entry.utterance == "u-1"]
    assert (entry.playouts["room"].played, entry.playouts["room"].dropped) == (10 * 960, 10 * 960)


def test_a_channel_that_lags_cuts_pauses_then_hurries_then_lets_the_oldest_be_read() -> None:
    def model(request: Interpret | Say) -> Script:
        """Interpretations that are twice as long as what was said, with a second of pause in each."""
        lane, utterance = request.lane, request.utterance
        voice = numbered(number_of(utterance)) * 100
        yield 0.5, InterpretationText(lane, utterance, "Hola a todos")
        yield 0.5, InterpretationAudio(lane, utterance, voice + bytes(50 * 960) + voice)
        yield 0.6, InterpretationEnded(lane, utterance, InterpretationOutcome.COMPLETED)

    meeting = Meeting(replace(TWO_LANGUAGES, attendees=SIX), model)
    for number in range(12):
        meeting.says((ADA, FRANK)[number % 2], at=2.5 * number, seconds=2.4, pause=0.5)
    meeting.run()
    entries = sorted(meeting.settled(), key=lambda one: number_of(one.utterance))
    speeds = [request.speed for request in meeting.effects(Interpret)]
    assert speeds[0] == 1.0
    assert max(speeds) > 1.0
    assert max(speeds) <= 1.2
    assert [entry.speed for entry in entries] == speeds
    trimmed = [entry.playouts["room"].trimmed for entry in entries]
    assert trimmed[0] < 40 * 960, "at first nobody had to wait"
    assert max(trimmed) == 40 * 960
    read = [entry for entry in entries if entry.state is EntryState.CAPTION_ONLY]
    assert read
    assert {entry.reason for entry in read} <= {"queue_full", "stale"}
    for entry in entries:
        playout = entry.playouts["room"]
        assert playout.played + playout.trimmed + playout.dropped == entry.received


# --- captions ----------------------------------------------------------------------------------------


def test_a_caption_whose_rest_will_never_come_is_closed_and_says_so() -> None:
    meeting = Meeting(model=silent_model)
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.run(until=2.0)
    meeting.handle(InterpretationText(ADA_INTO_SPANISH, "u-1", "Hola a"))
    meeting.handle(BoothLost(ADA_INTO_SPANISH, "connection", ("u-1",)))
    last = meeting.captions()[-1]
    assert (last.text, last.is_final, last.flags, last.revision) == ("Hola a", True, ("abandoned",), 2)


def test_balanced_captions_come_four_times_a_second_by_the_clock() -> None:
    meeting = Meeting(replace(TWO_LANGUAGES, stability=Stability.BALANCED), silent_model)
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.run(until=2.0)
    for number, word in enumerate(["Hola ", "a ", "todos ", "los "]):
        meeting.handle(InterpretationText(ADA_INTO_SPANISH, "u-1", word), 2.0 + number / 100)
    meeting.run(until=3.0)
    lines = [(at, effect.line.text) for at, effect in meeting.done if hasattr(effect, "line")]  # captions alone
    assert lines == [(2.0, "Hola"), (pytest.approx(2.25), "Hola a todos los")]


# --- the announcement --------------------------------------------------------------------------------


def test_the_interpreter_says_that_it_is_a_machine() -> None:
    meeting = Meeting(replace(TWO_LANGUAGES, announcement=True, announcements={"es": "Soy una máquina."}))
    meeting.run(until=0.5)
    assert [(line.language, line.text, line.is_final) for line in meeting.captions()] == [
        (EN, announcement(TWO_LANGUAGES, EN), True),
        (ES, "Soy una máquina.", True),
    ]
    meeting.model = lambda request: Answers(after=0.5, seconds=1.0)(replace(request, utterance="u-9"))
    meeting.handle(there(ADA, BENITO), 1.0)
    said = meeting.effects(Say)
    assert [(effect.lane, effect.text) for effect in said] == [
        (BENITO_INTO_ENGLISH, announcement(TWO_LANGUAGES, EN)),
        (ADA_INTO_SPANISH, "Soy una máquina."),
    ]


def announcing(script: list[tuple[float, float]]) -> Meeting:
    """Each announcement has 1 s of voice from 1.5 s on; Ada speaks from, and for, so many seconds."""

    def model(request: Interpret | Say) -> Script:
        if isinstance(request, Interpret):
            return Answers(after=0.5, seconds=1.0)(request)
        lane, utterance = request.lane, request.utterance
        return [
            (0.5, InterpretationAudio(lane, utterance, numbered(999) * 50)),
            (0.6, InterpretationEnded(lane, utterance, InterpretationOutcome.COMPLETED)),
        ]

    meeting = Meeting(replace(TWO_LANGUAGES, announcement=True), model)
    meeting.happens(1.0, there(ADA, BENITO))
    meeting.happens(1.1, BoothReady(ADA_INTO_SPANISH))
    for at, seconds in script:
        meeting.says(ADA, at=at, seconds=seconds)
    meeting.run()
    return meeting


def test_the_announcement_is_spoken_and_has_an_entry_of_its_own() -> None:
    meeting = announcing([])
    began_at, number = meeting.played()[0]
    assert (round(began_at, 2), number) == (1.5, 999)
    assert [(entry.lane, entry.kind, entry.state, entry.played_ms) for entry in meeting.settled()] == [
        (lane, EntryKind.ANNOUNCEMENT, EntryState.SPOKEN, 1000) for lane in (BENITO_INTO_ENGLISH, ADA_INTO_SPANISH)
    ]


def test_the_announcement_is_spoken_over_nobody_and_holds_nobody_up() -> None:
    meeting = announcing([(1.2, 3.0)])
    assert meeting.voices()[0] == 999
    assert meeting.played()[0][0] >= 4.2 + 0.25, "when Ada's turn was over"
    assert {entry.state for entry in meeting.settled()} == {EntryState.SPOKEN}


def refusing(refused: int, plan: RoomPlan = FOUR_LANGUAGES) -> Meeting:
    """So many booths cannot read the Spanish announcement aloud."""
    asked: list[Lane] = []

    def model(request: Interpret | Say) -> Script:
        assert isinstance(request, Say)
        lane, utterance = request.lane, request.utterance
        asked.append(lane)
        if lane.target == ES and len([each for each in asked if each.target == ES]) <= refused:
            yield 0.1, InterpretationEnded(lane, utterance, InterpretationOutcome.FAILED, "not_supported")
            return
        yield 0.5, InterpretationText(lane, utterance, "Una máquina")
        yield 0.5, InterpretationAudio(lane, utterance, numbered(999) * 50)
        yield 0.6, InterpretationEnded(lane, utterance, InterpretationOutcome.COMPLETED)

    meeting = Meeting(replace(plan, announcement=True, languages=(EN, ES), park_after_s=60.0), model)
    meeting.happens(1.0, there(ADA, BENITO, FRANK))
    meeting.run(until=40.0)
    return meeting


def test_the_announcement_is_asked_of_another_booth_where_the_first_cannot_say_it() -> None:
    meeting = refusing(1)
    spanish = [effect.lane.speaker for effect in meeting.effects(Say) if effect.lane.target == ES]
    assert spanish == [ADA, FRANK]
    assert [(one.utterance, one.state.value) for one in meeting.settled() if one.lane.target == ES] == [
        ("u-es-ES", "abandoned"),
        ("u-es-ES-1", "spoken"),
    ]
    assert len([line for line in meeting.captions() if line.language == ES]) == 1, "it is read once"


def test_where_no_booth_can_say_it_one_is_opened_for_it_and_closed_soon() -> None:
    meeting = refusing(2, replace(FOUR_LANGUAGES, mode=Mode.SIMULTANEOUS))
    own = Lane("interpreter", AUTO, ES)
    assert [effect.lane for effect in meeting.effects(Say) if effect.lane.target == ES][-1] == own
    (opened,) = (effect for effect in meeting.effects(OpenBooth) if effect.lane == own)
    assert opened.mode is Mode.CONSECUTIVE
    assert meeting.settled()[-1].state is EntryState.SPOKEN
    assert CloseBooth(own) in meeting.effects(CloseBooth)
    full = refusing(2, replace(FOUR_LANGUAGES, max_lanes=3))
    assert own not in [effect.lane for effect in full.effects(OpenBooth)]


def test_in_a_sister_room_that_is_joined_later_the_announcement_is_heard_then() -> None:
    meeting = Meeting(replace(SISTERS, announcement=True), announcing([]).model, playout=False)
    for name, at, who in ((EN, 0.1, ADA), (ES, 0.1, BENITO), (FR, 8.0, CHLOE)):
        meeting.happens(at, PresenceChanged(frozenset({who}), name))
        meeting.happens(at, PlayoutReady(True, name))
    meeting.run(until=60.0)
    heard = {one.lane.target: (one.state, one.first_played_at or 0.0) for one in meeting.settled()}
    assert [(tag, state) for tag, (state, _) in heard.items()] == [(tag, EntryState.SPOKEN) for tag in (EN, ES, FR)]
    assert len(meeting.settled()) == 3 and 8.0 < heard[FR][1] < 10.0, "asked for once each, when it can be heard"


def test_the_announcement_is_heard_where_people_talk_without_a_pause() -> None:
    meeting = Meeting(replace(TWO_LANGUAGES, announcement=True), announcing([]).model)
    for at in range(1, 40, 5):
        meeting.says(ADA, at=at, seconds=4.0)
        meeting.says(BENITO, at=at + 2, seconds=4.0)
    meeting.run(until=30.0)
    heard = [entry for entry in meeting.settled() if entry.kind is EntryKind.ANNOUNCEMENT]
    assert [entry.state for entry in heard] == [EntryState.SPOKEN] * 2
    assert all((entry.first_played_at or 99.0) < 15.0 for entry in heard)


def test_whoever_joins_however_late_is_to_read_that_it_is_a_machine() -> None:
    meeting = announcing([(10.0, 1.0)])
    assert [line.text for line in meeting.captions() if line.pinned] == [
        announcement(TWO_LANGUAGES, EN),
        announcement(TWO_LANGUAGES, ES),
    ]


# --- the guard ---------------------------------------------------------------------------------------

ASSISTANT = "Soy un modelo de lenguaje y no puedo ayudar con eso."


def judged(first: str, second: str, *, ahead: bool = True) -> Meeting:
    """Ada's words are interpreted as `first`, and if asked again as `second`, the text ahead of the voice or not."""

    def model(request: Interpret | Say) -> Script:
        assert isinstance(request, Interpret)
        lane, utterance = request.lane, request.utterance
        yield 0.1, SourceText(lane, utterance, "Good morning everybody, let us begin with the budget.")
        yield (0.4 if ahead else 0.6), InterpretationText(lane, utterance, second if request.strict else first)
        yield 0.5, InterpretationAudio(lane, utterance, numbered(2 if request.strict else 1) * 50)
        yield 0.7, InterpretationEnded(lane, utterance, InterpretationOutcome.COMPLETED)

    meeting = Meeting(model=model)
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.run()
    return meeting


GOOD = "Buenos días a todos, empecemos por el presupuesto."


def test_a_good_interpretation_is_heard_with_its_first_sound() -> None:
    for ahead in (True, False):
        meeting = judged(GOOD, "", ahead=ahead)
        (entry,) = meeting.settled()
        assert entry.first_played_at == entry.first_audio_at == pytest.approx(3.0)
        assert (entry.faults, entry.strict) == ((), False)


def test_what_begins_as_no_interpretation_is_held_back_and_asked_for_again() -> None:
    meeting = judged(ASSISTANT, GOOD)
    asked = [(request.strict, round(at, 2)) for at, request in meeting.done if isinstance(request, Interpret)]
    assert asked == [(False, 2.5), (True, 3.2)]
    assert meeting.voices() == [2]
    (entry,) = meeting.settled()
    assert (entry.state, entry.strict, entry.faults) == (EntryState.SPOKEN, True, ())
    assert entry.playouts["room"].dropped == 50 * 960
    assert meeting.captions()[-1].text == GOOD
    assert meeting.captions()[-1].flags == ()
    assert len(meeting.effects(Release)) == 1


def test_what_is_no_better_the_second_time_is_read_and_flagged() -> None:
    meeting = judged(ASSISTANT, ASSISTANT)
    (entry,) = meeting.settled()
    assert (entry.state, entry.reason, entry.strict) == (EntryState.CAPTION_ONLY, "faulty", True)
    assert meeting.voices() == []
    assert "assistant" in entry.faults
    assert meeting.captions()[-1].flags == entry.faults


def test_what_was_rejected_is_taken_back_from_readers_where_nothing_takes_its_place() -> None:
    def model(request: Interpret | Say) -> Script:
        assert isinstance(request, Interpret)
        yield 0.1, SourceText(request.lane, request.utterance, "Good morning everybody, let us begin with the budget.")
        if not request.strict:
            yield 0.4, InterpretationText(request.lane, request.utterance, ASSISTANT)
        yield 0.7, InterpretationEnded(request.lane, request.utterance, InterpretationOutcome.COMPLETED)

    meeting = Meeting(model=model)
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.run()
    last = meeting.captions()[-1]
    assert (last.language, last.text, last.is_final, last.flags) == (ES, "", True, ("empty",))
    assert meeting.ends() == {("u-1", ES): ("abandoned", "empty")}


def test_what_has_been_heard_already_is_flagged_and_not_said_twice() -> None:
    meeting = judged(ASSISTANT, GOOD, ahead=False)
    (entry,) = meeting.settled()
    assert meeting.voices() == [1]
    assert "assistant" in entry.faults
    assert not entry.strict


# --- simultaneous ------------------------------------------------------------------------------------

ALONG = replace(TWO_LANGUAGES, mode=Mode.SIMULTANEOUS)


def along(meeting: Meeting, lane: Lane, utterance: str, start: float, seconds: float) -> None:
    """The booth speaks from then on, as fast as it is heard."""
    for piece in range(round(seconds / 0.2)):
        at = start + piece * 0.2
        meeting.happens(at, InterpretationText(lane, utterance, "palabra "))
        meeting.happens(at, InterpretationAudio(lane, utterance, numbered(number_of(utterance)) * 10))
    meeting.happens(start + seconds, InterpretationEnded(lane, utterance, InterpretationOutcome.COMPLETED))


def test_in_simultaneous_mode_the_voice_does_not_wait_for_the_end_of_the_turn() -> None:
    meeting = Meeting(ALONG, silent_model)
    meeting.says(ADA, at=1.0, seconds=6.0)
    along(meeting, ADA_INTO_SPANISH, "u-1", start=3.0, seconds=8.0)
    meeting.run()
    (entry,) = meeting.settled()
    assert entry.first_played_at == pytest.approx(3.0)
    assert entry.committed_at == pytest.approx(7.25, abs=0.02)
    assert (entry.state, entry.played_ms) == (EntryState.SPOKEN, 8000)
    assert [effect.mode for effect in meeting.effects(OpenBooth)] == [Mode.SIMULTANEOUS]
    assert [request.utterance for request in meeting.effects(Interpret)] == ["u-1"], "that it is complete"


def test_in_simultaneous_mode_it_is_one_voice_at_a_time_as_well() -> None:
    meeting = Meeting(ALONG, silent_model)
    meeting.says(ADA, at=1.0, seconds=4.0)
    meeting.says(BENITO, at=2.0, seconds=3.0)
    along(meeting, ADA_INTO_SPANISH, "u-1", start=3.0, seconds=4.0)
    along(meeting, BENITO_INTO_ENGLISH, "u-2", start=4.0, seconds=3.0)
    meeting.run()
    assert meeting.voices() == [1, 2]
    assert {entry.state for entry in meeting.settled()} == {EntryState.SPOKEN}


def test_a_stream_that_has_said_its_last_word_early_is_listened_to_no_more() -> None:
    meeting = Meeting(ALONG, silent_model)
    meeting.says(ADA, at=1.0, seconds=4.0)
    along(meeting, ADA_INTO_SPANISH, "u-1", start=2.0, seconds=1.0)
    meeting.run()
    assert max(at for at, effect in meeting.done if isinstance(effect, Hear)) <= 3.0 + 0.02
    assert meeting.effects(Interpret) == []
    assert meeting.ends() == {("u-1", ES): ("spoken", "")}


def test_a_lane_served_by_less_is_told_and_its_captions_can_be_read() -> None:
    meeting = Meeting(ALONG, silent_model)
    meeting.says(ADA, at=1.0, seconds=2.0)
    meeting.happens(0.5, there(ADA, BENITO))
    meeting.happens(0.6, BoothDegraded(ADA_INTO_SPANISH, "captions", "quota"))
    meeting.happens(4.0, InterpretationText(ADA_INTO_SPANISH, "u-1", "Hola"))
    meeting.happens(4.1, InterpretationEnded(ADA_INTO_SPANISH, "u-1", InterpretationOutcome.COMPLETED))
    meeting.run()
    assert meeting.effects(LaneServed) == [LaneServed(ADA_INTO_SPANISH, "captions", "quota")]
    (entry,) = meeting.settled()
    assert (entry.state, entry.reason, entry.engine) == (EntryState.CAPTION_ONLY, "degraded", "captions")


def test_the_mode_changes_with_the_next_utterance() -> None:
    meeting = Meeting(model=Answers(after=0.5, seconds=1.0))
    meeting.says(ADA, at=1.0, seconds=2.0)
    meeting.happens(2.0, PlanChanged(ALONG))
    meeting.says(ADA, at=8.0, seconds=2.0)
    meeting.run()
    assert [effect.mode for effect in meeting.effects(OpenBooth)] == [Mode.CONSECUTIVE, Mode.SIMULTANEOUS]
    assert meeting.ends() == {("u-1", ES): ("spoken", ""), ("u-2", ES): ("spoken", "")}
    assert StopPlaying("room") not in meeting.effects(StopPlaying)


def test_the_end_of_a_pause_that_was_passed_through_is_not_heard_again_with_what_follows() -> None:
    people = {ADA: Attendee(ADA, "Ada", "es-ES", "en-US"), BENITO: PEOPLE[BENITO]}
    meeting = Meeting(RoomPlan(("en-US", "es-ES"), people, layout=Layout.SISTER), silent_model)
    speech = [*[True] * 100, *[False] * 27, *[True] * 100, *[False] * 60]
    for number, voiced in enumerate(speech, start=1):
        meeting.happens(number * 0.02, SpeakerAudio(ADA, numbered(number), voiced))
    meeting.run(until=8.0)
    heard = [number for _, number in meeting.played("es-ES")]
    assert heard == list(range(1, heard[-1] + 1))
