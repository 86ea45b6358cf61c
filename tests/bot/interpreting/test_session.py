"""An interpreted meeting without a loop: scripts with times in, effects out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.interpreting.caption_text import CaptionLine
from bot.interpreting.captions import FOLLOW_UP_S
from bot.interpreting.effects import (
    Cancel,
    Caption,
    CloseBooth,
    Hear,
    Interpret,
    OpenBooth,
    Play,
    Say,
    Settled,
    StopPlaying,
)
from bot.interpreting.events import (
    BoothLost,
    BoothReady,
    HearingDropped,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationText,
    MeetingEnded,
    Order,
    Ordered,
    PlanChanged,
    PlayoutReady,
    PresenceChanged,
    ReadersChanged,
    SourceDelta,
    SourceText,
    SpeakerAudio,
    SpeakerMuted,
    Tick,
    Usage,
)
from bot.interpreting.events import InterpretationOutcome as Outcome
from bot.interpreting.ledger import EntryKind, EntryState
from bot.interpreting.plan import AUTO, MIXED, WEB, Attendee, Endpointing, Lane, Mode, RoomPlan
from bot.interpreting.rendition import MODEL_PATIENCE_S
from tests.support.audio import numbered, numbers, soft
from tests.support.meeting import (
    ADA,
    ADA_INTO_SPANISH,
    BENITO,
    BENITO_INTO_ENGLISH,
    CHLOE,
    GUEST,
    PEOPLE,
    THREE_LANGUAGES,
    TWO_LANGUAGES,
    Answers,
    Meeting,
    Script,
    silent_model,
    there,
)

GUEST_INTO_SPANISH = replace(
    TWO_LANGUAGES,
    languages=("es-ES",),
    attendees={GUEST: Attendee(GUEST, "Guest", AUTO), BENITO: PEOPLE[BENITO]},
)


def committed(*, plan: RoomPlan = TWO_LANGUAGES, playout: bool = True) -> Meeting:
    """A meeting in which Ada's first words are with a model that has not answered yet, at 2.5 s."""
    meeting = Meeting(plan, silent_model, playout=playout)
    meeting.says(ADA, at=1.0, seconds=1.0, pause=0.5)
    meeting.run(until=2.5)
    return meeting


def audio(seconds: float, utterance: str = "u-1", lane: Lane = ADA_INTO_SPANISH) -> InterpretationAudio:
    return InterpretationAudio(lane, utterance, numbered(int(utterance[2:])) * round(seconds * 50))


def ended(
    outcome: Outcome = Outcome.COMPLETED,
    reason: str = "",
    utterance: str = "u-1",
    lane: Lane = ADA_INTO_SPANISH,
) -> InterpretationEnded:
    return InterpretationEnded(lane, utterance, outcome, reason)


# --- one utterance ---------------------------------------------------------------------------------


def test_an_utterance_is_heard_interpreted_read_and_spoken() -> None:
    meeting = Meeting(model=Answers(after=0.5, text="Hola", seconds=1.0, heard="Hello"))
    meeting.says(ADA, at=1.0, seconds=2.0)
    meeting.run()
    assert meeting.story() == [
        "1.10 open es-ES",
        "1.10-3.50 hear u-1 for es-ES",  # the speech, and then 200 ms of the pause
        "3.50 interpret u-1 into es-ES",
        "4.00 final caption u-1 en-US 'Hello'",
        "4.00 partial caption u-1 es-ES 'Hola'",
        "4.00-4.24 play u-1",
        "4.25 final caption u-1 es-ES 'Hola'",
        "4.26-4.98 play u-1",
        "4.98 settled u-1 spoken",
    ]


def test_the_ledger_tells_where_the_time_went() -> None:
    meeting = Meeting(model=Answers(after=0.5, seconds=1.0))
    meeting.says(ADA, at=1.0, seconds=2.0)
    meeting.run()
    (entry,) = meeting.settled()
    assert entry.lane == ADA_INTO_SPANISH
    times = (entry.began_at, entry.ended_at, entry.committed_at, entry.first_audio_at, entry.first_played_at)
    assert times == pytest.approx((1.1, 3.0, 3.5, 4.0, 4.0))
    assert entry.last_played_at == pytest.approx(4.98)
    assert (entry.patience_ms, entry.waited_ms, entry.played_ms) == (500, 0, 1000)
    assert entry.tokens == {
        "input_text": 0,
        "input_audio": 10,
        "input_cached": 0,
        "output_text": 0,
        "output_audio": 20,
    }


def test_captions_say_who_spoke_when_and_for_how_long() -> None:
    meeting = Meeting(model=Answers(text="Hola", heard="Hello"))
    meeting.says(ADA, at=1.0, seconds=2.0)
    meeting.run()
    original, partial, final = meeting.captions()
    assert original == CaptionLine(
        "u-1", 1, ADA, "Ada", "en-US", "Hello", True, True, 1100, 1900, (), False, ("en-US", "en")
    )
    assert partial == CaptionLine(
        "u-1", 1, ADA, "Ada", "es-ES", "Hola", False, False, 1100, 1900, (), False, ("es-ES", "es")
    )
    assert final == replace(partial, revision=2, is_final=True)


def test_every_frame_of_an_utterance_reaches_every_lane_in_order() -> None:
    meeting = Meeting(THREE_LANGUAGES, silent_model)
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.run(until=2.0)
    for target in ("es-ES", "fr-FR"):
        heard = [e.pcm for _, e in meeting.done if isinstance(e, Hear) and e.lane.target == target]
        assert numbers(b"".join(heard)) == list(range(1, 61)), "1 s of speech, 200 ms of the pause"
    assert [e.lane.target for _, e in meeting.done if isinstance(e, Interpret)] == ["es-ES", "fr-FR"]


def test_one_voice_after_the_other_where_several_languages_are_spoken() -> None:
    meeting = Meeting(THREE_LANGUAGES, Answers(seconds=1.0))
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.run()
    into_spanish, into_french = meeting.settled()
    assert (into_spanish.lane.target, into_french.lane.target) == ("es-ES", "fr-FR")
    assert into_spanish.last_played_at == pytest.approx(2.98)
    assert into_french.first_played_at == pytest.approx(3.0 + 0.2)
    assert into_french.waited_ms == pytest.approx(1200)


def test_a_booth_is_opened_once_for_all_utterances_of_a_lane() -> None:
    meeting = Meeting()
    for at in (1.0, 5.0, 9.0):
        meeting.says(ADA, at=at, seconds=1.0)
    meeting.says(BENITO, at=13.0, seconds=1.0)
    meeting.run()
    opened = [effect for _, effect in meeting.done if isinstance(effect, OpenBooth)]
    assert [effect.lane for effect in opened] == [ADA_INTO_SPANISH, BENITO_INTO_ENGLISH]
    assert "from English (en-US) into Spanish (es-ES)" in opened[0].instructions


def test_booths_of_somebody_who_joins_are_opened_ahead() -> None:
    meeting = Meeting(THREE_LANGUAGES)
    assert meeting.handle(there(ADA)) == [], "nobody hears her"
    opened = [effect.lane for effect in meeting.handle(there(ADA, BENITO)) if isinstance(effect, OpenBooth)]
    assert opened == [ADA_INTO_SPANISH, BENITO_INTO_ENGLISH]
    assert meeting.handle(there(ADA, BENITO)) == []
    assert meeting.handle(BoothReady(ADA_INTO_SPANISH)) == []


def test_a_language_that_is_only_read_outside_the_call_is_written_and_not_spoken() -> None:
    meeting = Meeting(THREE_LANGUAGES, Answers(seconds=1.0))
    meeting.handle(there(ADA, BENITO))
    opened = meeting.handle(ReadersChanged(frozenset({"fr-FR"})))
    assert [(effect.lane.target, effect.voice) for effect in opened if isinstance(effect, OpenBooth)] == [
        ("fr-FR", False),
        ("fr-FR", False),
    ]
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.run(until=10.0)
    assert {lane: (state, reason) for (_, lane), (state, reason) in meeting.ends().items()} == {
        "es-ES": ("spoken", ""),
        "fr-FR": ("caption_only", "read_only"),
    }
    meeting.handle(ReadersChanged(frozenset({"fr-FR"}), frozenset({"fr-FR"})))
    meeting.says(ADA, at=21.0, seconds=1.0)
    meeting.run(until=30.0)
    assert [entry.state.value for entry in meeting.settled() if entry.utterance == "u-2"] == ["spoken", "spoken"]
    assert meeting.voices("fr-FR"), "somebody listens to the channel by now"
    meeting.handle(ReadersChanged(frozenset()))
    meeting.says(ADA, at=31.0, seconds=1.0)
    meeting.run(until=40.0)
    assert [entry.lane.target for entry in meeting.settled() if entry.utterance == "u-3"] == ["es-ES"]


def by_browser(*people: str) -> PresenceChanged:
    return PresenceChanged(frozenset(people), WEB)


def test_somebody_who_speaks_by_browser_is_brought_into_the_call_and_then_interpreted() -> None:
    meeting = Meeting(TWO_LANGUAGES, Answers(seconds=1.0))
    meeting.handle(there(BENITO))
    meeting.handle(by_browser(ADA))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.run(until=10.0)
    own = [at for at, effect in meeting.done if isinstance(effect, Play) and effect.original]
    spoken = [at for at, effect in meeting.done if isinstance(effect, Play) and not effect.original]
    assert 1.0 <= own[0] <= 1.2, "as it is said"
    assert len(own) >= 50
    assert own[-1] < spoken[0]
    assert [(entry.kind.value, entry.state.value) for entry in meeting.settled()] == [
        ("passthrough", "spoken"),
        ("utterance", "spoken"),
    ]


def test_who_is_brought_in_is_not_held_back_while_their_language_is_not_known() -> None:
    plan = replace(TWO_LANGUAGES, attendees=PEOPLE | {GUEST: Attendee(GUEST, "Guest", AUTO, "en-US")})
    meeting = Meeting(plan, Answers(seconds=1.0))
    meeting.handle(there(ADA, BENITO))
    meeting.handle(by_browser(GUEST))
    meeting.says(GUEST, at=1.0, seconds=1.0)
    meeting.run(until=12.0)
    assert meeting.settled()[0].kind is EntryKind.PASSTHROUGH
    assert meeting.settled()[0].played_ms >= 1_000
    assert not meeting.session.open_entries


def test_others_may_ask_who_speaks_and_who_is_there_by_browser_alone() -> None:
    meeting = Meeting(TWO_LANGUAGES, Answers(seconds=1.0))
    meeting.handle(there(BENITO))
    meeting.handle(by_browser(ADA))
    assert meeting.session.is_by_browser(ADA)
    assert not meeting.session.is_by_browser(BENITO)
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.run(until=1.5)
    assert meeting.session.speaking == {ADA}
    meeting.run(until=5.0)
    assert not meeting.session.speaking


def test_muting_ends_what_was_said() -> None:
    meeting = Meeting(TWO_LANGUAGES, Answers(seconds=1.0))
    meeting.handle(there(BENITO))
    meeting.handle(by_browser(ADA))
    meeting.says(ADA, at=1.0, seconds=1.0, pause=0.0)
    meeting.happens(2.02, SpeakerMuted(ADA))
    meeting.happens(2.04, SpeakerMuted(BENITO))
    meeting.run(until=2.1)
    assert any(isinstance(effect, Interpret) for _, effect in meeting.done), "without waiting for a pause"


def test_nobody_is_interpreted_to_people_who_speak_the_same() -> None:
    meeting = Meeting(replace(TWO_LANGUAGES, languages=("en-US", "en-GB")))
    meeting.says(ADA, at=0.0, seconds=12.0)
    meeting.run()
    assert meeting.done == []
    assert meeting.session.next_deadline() is None


# --- turns -------------------------------------------------------------------------------------------


def test_two_who_speak_at_once_are_both_interpreted_one_after_the_other() -> None:
    meeting = Meeting(model=Answers(after=0.5, seconds=2.0))
    meeting.says(ADA, at=1.0, seconds=3.0)
    meeting.says(BENITO, at=1.5, seconds=1.0)
    meeting.run()
    assert meeting.states() == {"u-1": ("spoken", ""), "u-2": ("spoken", "")}
    # Benito's is there while Ada still speaks; hers follows after a breath, each in one piece.
    played_at = [at for at, _ in meeting.played()]
    assert meeting.voices() == [2, 1]
    assert played_at == pytest.approx(
        [*(3.5 + i * 0.02 for i in range(100)), *(5.5 + 0.2 + i * 0.02 for i in range(100))]
    )


def test_who_began_first_is_heard_first() -> None:
    def model(request: Interpret | Say) -> Script:
        return Answers(after=2.0 if request.utterance == "u-1" else 0.5)(request)

    meeting = Meeting(model=model)
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.says(BENITO, at=1.5, seconds=1.0)
    meeting.run()
    assert meeting.voices() == [1, 2]
    first, second = meeting.settled()
    assert first.first_played_at == pytest.approx(2.5 + 2.0)
    assert second.first_audio_at == pytest.approx(3.0 + 0.5)
    assert second.first_played_at == pytest.approx(5.5 + 0.2)
    assert second.waited_ms == pytest.approx(2200)


def test_an_interpretation_that_is_3_s_late_lets_the_next_go_first_and_is_read() -> None:
    def model(request: Interpret | Say) -> Script:
        return Answers(after=5.0 if request.utterance == "u-1" else 0.5)(request)

    meeting = Meeting(model=model)
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.says(BENITO, at=1.5, seconds=1.0)
    meeting.run()
    assert meeting.voices() == [2]
    assert meeting.played()[0][0] == pytest.approx(2.5 + 3.0)
    assert meeting.states() == {"u-1": ("caption_only", "stale"), "u-2": ("spoken", "")}


def test_the_interpreter_goes_on_speaking_while_people_do() -> None:
    meeting = Meeting(model=Answers(seconds=3.0))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.says(BENITO, at=4.0, seconds=1.0)  # amid Ada's interpretation, heard from 3.0 to 6.0
    meeting.run()
    assert meeting.voices() == [1, 2]
    assert StopPlaying("room") not in [effect for _, effect in meeting.done]


def test_what_is_cut_in_a_gap_before_the_cap_ended_there_and_the_rest_began_behind_it() -> None:
    meeting = Meeting()
    for number in range(1, 540):
        gap = 450 <= number < 460
        pcm = soft(number) if gap else numbered(number)
        meeting.happens(number * 0.02, SpeakerAudio(ADA, pcm, not gap and number < 510))
    meeting.run()
    first, second = meeting.settled()
    assert first.ended_at == pytest.approx(449 * 0.02)
    assert (second.began_at, second.ended_at) == pytest.approx((460 * 0.02, 509 * 0.02))


def test_frames_that_stop_in_mid_utterance_end_it() -> None:
    meeting = Meeting()
    meeting.says(ADA, at=1.0, seconds=1.0, pause=0.0)
    meeting.run()
    assert "2.60 interpret u-1 into es-ES" in meeting.story()
    assert meeting.states() == {"u-1": ("spoken", "")}


def test_a_speaker_who_leaves_is_interpreted_to_the_last_word() -> None:
    meeting = Meeting()
    meeting.says(ADA, at=1.0, seconds=1.0, pause=0.1)
    meeting.happens(0.5, there(ADA, BENITO))
    meeting.happens(2.15, there())
    meeting.run()
    assert "2.15 interpret u-1 into es-ES" in meeting.story()
    assert meeting.states() == {"u-1": ("spoken", "")}


def test_captions_and_voice_keep_the_pace_of_the_channel() -> None:
    meeting = Meeting(model=Answers(seconds=4.0))
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.run()
    played_at = [at for at, _ in meeting.played()]
    assert played_at == pytest.approx([2.0 + i * 0.02 for i in range(200)])


# --- barge-in and orders ---------------------------------------------------------------------------


def test_where_the_room_wants_it_a_speaker_stops_the_interpreter() -> None:
    meeting = Meeting(replace(TWO_LANGUAGES, barge_in_stops=True), Answers(seconds=3.0))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.says(BENITO, at=4.0, seconds=1.0)
    meeting.run()
    story = meeting.story()
    stopped = story.index("4.10 stop playing")
    assert story[stopped - 1].endswith("play u-1")
    assert story[stopped + 1 : stopped + 4] == [
        "4.10 cancel u-1 into es-ES",
        "4.10 settled u-1 abandoned (barge_in)",
        "4.10 open en-US",
    ]
    assert meeting.states()["u-2"] == ("spoken", "")
    assert meeting.voices() == [1, 2]


def test_whoever_goes_on_after_a_pause_does_not_undo_the_own_words() -> None:
    meeting = Meeting(replace(TWO_LANGUAGES, barge_in_stops=True), Answers(after=1.0, seconds=1.0))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.says(ADA, at=2.85, seconds=1.0)  # the first half is with the model since 2.5, and not yet answered
    meeting.run()
    assert meeting.states() == {"u-1": ("spoken", ""), "u-2": ("spoken", "")}


def test_a_hush_stops_what_is_said_and_what_waits_and_nothing_that_comes_next() -> None:
    meeting = Meeting(model=Answers(seconds=3.0))
    meeting.says(ADA, at=1.0, seconds=1.0)  # heard from 3.0 on
    meeting.says(BENITO, at=2.5, seconds=1.0)  # waits
    meeting.says(ADA, at=4.5, seconds=1.0)  # being said
    meeting.happens(5.0, Ordered(Order.HUSH))
    meeting.run()
    assert "5.00 stop playing" in meeting.story()
    assert meeting.states() == {
        "u-1": ("abandoned", "hushed"),
        "u-2": ("abandoned", "hushed"),
        "u-3": ("spoken", ""),
    }


def test_a_pause_drops_everything_and_hears_nothing_until_resumed() -> None:
    meeting = Meeting(model=Answers(seconds=3.0))
    meeting.says(ADA, at=1.0, seconds=1.0)  # heard from 3.0 on
    meeting.says(BENITO, at=3.5, seconds=4.0)  # being said, and gone on with
    meeting.happens(4.0, Ordered(Order.PAUSE))
    meeting.happens(8.5, Ordered(Order.RESUME))
    meeting.says(ADA, at=9.0, seconds=1.0)
    meeting.run(until=8.0)
    assert meeting.session.paused
    assert meeting.states() == {"u-1": ("abandoned", "paused"), "u-2": ("abandoned", "paused")}
    assert meeting.story()[-1] == "4.00 settled u-2 abandoned (paused)"
    meeting.run()
    assert not meeting.session.paused
    assert meeting.states()["u-3"] == ("spoken", "")


# --- what booths may do ------------------------------------------------------------------------------


def test_a_model_that_stays_silent_is_given_up_on_and_heard_no_more() -> None:
    meeting = committed()
    assert meeting.session.next_deadline() == 2.5 + MODEL_PATIENCE_S
    meeting.run(until=12.4)
    assert meeting.settled() == []
    meeting.run(until=12.6)
    assert meeting.story()[-2:] == ["12.50 cancel u-1 into es-ES", "12.50 settled u-1 abandoned (model_timeout)"]
    assert meeting.handle(audio(1.0), 13.0) == []
    assert meeting.handle(InterpretationText(ADA_INTO_SPANISH, "u-1", "Hola"), 13.0) == []
    assert meeting.handle(ended(), 13.0) == []


def test_every_sign_of_the_model_renews_patience() -> None:
    meeting = committed()
    meeting.handle(InterpretationText(ADA_INTO_SPANISH, "u-1", "Ho"), 10.0)
    assert meeting.session.next_deadline() == 20.0
    meeting.handle(audio(0.02), 19.0)
    assert meeting.session.next_deadline() == 29.0
    meeting.run()
    assert meeting.played() == [], "by then nobody wants to hear it"
    assert meeting.story()[-3:] == [
        "29.00 cancel u-1 into es-ES",
        "29.00 final caption u-1 es-ES 'Ho' (abandoned)",
        "29.00 settled u-1 abandoned (model_timeout)",
    ]


def test_a_model_that_stalls_does_not_stop_the_others() -> None:
    def model(request: Interpret | Say) -> Script:
        return () if request.utterance == "u-1" else Answers()(request)

    meeting = Meeting(model=model)
    for at, speaker in ((1.0, ADA), (4.0, BENITO), (8.0, BENITO), (12.0, ADA)):
        meeting.says(speaker, at=at, seconds=1.0)
    meeting.run()
    assert meeting.states() == {
        "u-1": ("abandoned", "model_timeout"),
        "u-2": ("spoken", ""),
        "u-3": ("spoken", ""),
        "u-4": ("spoken", ""),
    }


def test_an_interpretation_without_voice_can_be_read() -> None:
    meeting = Meeting(model=Answers(text="Hola", seconds=0.0))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.run()
    assert meeting.states() == {"u-1": ("caption_only", "no_audio")}
    assert meeting.captions()[-1].is_final


@pytest.mark.parametrize(
    ("model", "state", "reason"),
    [
        (Answers(text="", seconds=0.0), "abandoned", "empty"),
        (Answers(text="", seconds=1.0), "spoken", ""),
        (Answers(text="", seconds=0.0, outcome=Outcome.INCOMPLETE), "abandoned", "incomplete"),
        (Answers(text="Ho", seconds=0.0, outcome=Outcome.INCOMPLETE, reason="filter"), "caption_only", "filter"),
        (Answers(text="Ho", seconds=1.0, outcome=Outcome.INCOMPLETE, reason="max_tokens"), "spoken", "max_tokens"),
        (Answers(text="Ho", seconds=1.0, outcome=Outcome.INCOMPLETE), "spoken", "incomplete"),
        (Answers(text="Ho", seconds=1.0, outcome=Outcome.FAILED), "abandoned", "failed"),
        (Answers(text="", seconds=0.0, outcome=Outcome.FAILED, reason="rate_limit"), "abandoned", "rate_limit"),
        (Answers(text="", seconds=0.0, outcome=Outcome.CANCELLED), "abandoned", "cancelled"),
    ],
)  # fmt: skip
def test_the_last_word_of_the_model_decides(model: Answers, state: str, reason: str) -> None:
    meeting = Meeting(model=model)
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.run()
    assert meeting.states() == {"u-1": (state, reason)}


def test_what_a_failed_model_had_begun_to_say_is_cut_off() -> None:
    meeting = Meeting(model=Answers(seconds=1.0, outcome=Outcome.FAILED, reason="server_error"))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.run()
    assert meeting.story()[-4:] == [
        "3.25 stop playing",
        "3.25 cancel u-1 into es-ES",
        "3.25 final caption u-1 es-ES 'Hola' (abandoned)",
        "3.25 settled u-1 abandoned (server_error)",
    ]


@pytest.mark.parametrize(
    ("spoken", "expected", "language"), [("", "not_needed", "es-ES"), ("Hola", "caption_only", "und")]
)
def test_a_speaker_of_unknown_language_may_need_no_interpretation(spoken: str, expected: str, language: str) -> None:
    meeting = Meeting(GUEST_INTO_SPANISH, Answers(text=spoken, seconds=0.0))
    meeting.says(GUEST, at=1.0, seconds=1.0)
    meeting.run()
    assert [entry.state for entry in meeting.settled()] == [expected]
    assert [line.language for line in meeting.captions() if line.is_original] == [language]


def test_an_answer_cut_short_does_not_mean_that_none_was_needed() -> None:
    model = Answers(text="", seconds=0.0, outcome=Outcome.INCOMPLETE, reason="content_filter")
    meeting = Meeting(GUEST_INTO_SPANISH, model)
    meeting.says(GUEST, at=1.0, seconds=1.0)
    meeting.run()
    assert meeting.states() == {"u-1": ("abandoned", "content_filter")}


def test_a_lost_booth_gives_up_what_it_was_working_on_and_no_more() -> None:
    meeting = Meeting(THREE_LANGUAGES, silent_model)
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.says(ADA, at=2.0, seconds=1.0)
    meeting.run(until=3.8)
    meeting.handle(BoothLost(ADA_INTO_SPANISH, "session_expired", ("u-1", "u-77")))
    assert [(e.utterance, e.lane.target, e.reason) for e in meeting.settled()] == [("u-1", "es-ES", "session_expired")]
    assert [(e.utterance, e.lane.target) for e in meeting.session.open_entries] == [
        ("u-1", "fr-FR"),
        ("u-2", "es-ES"),
        ("u-2", "fr-FR"),
    ]


def test_a_lost_booth_takes_nothing_back_that_it_has_said_in_full() -> None:
    meeting = committed()
    meeting.handle(audio(2.0))
    meeting.handle(ended())
    meeting.handle(BoothLost(ADA_INTO_SPANISH, "session_expired", ("u-1",)))
    meeting.handle(BoothLost(ADA_INTO_SPANISH, "unauthorized", final=True))
    meeting.run()
    assert meeting.states() == {"u-1": ("spoken", "")}


def test_pieces_of_an_utterance_that_was_given_up_are_not_sent() -> None:
    meeting = Meeting(model=silent_model)
    meeting.says(ADA, at=0.0, seconds=2.0)
    meeting.run(until=1.0)
    meeting.handle(HearingDropped(ADA_INTO_SPANISH, "u-1", "backlog"))
    meeting.run()
    assert meeting.story()[-2:] == ["1.00 cancel u-1 into es-ES", "1.00 settled u-1 abandoned (backlog)"]


def test_a_booth_that_can_never_serve_is_not_asked_again() -> None:
    meeting = committed()
    meeting.handle(BoothLost(ADA_INTO_SPANISH, "unauthorized", final=True))
    meeting.says(ADA, at=5.0, seconds=1.0)
    meeting.run()
    assert meeting.states() == {"u-1": ("abandoned", "unauthorized"), "u-2": ("abandoned", "booth_refused")}
    assert not any(isinstance(effect, Hear) for at, effect in meeting.done if at > 5.0)


def test_a_booth_that_was_closed_may_still_say_that_it_is_lost() -> None:
    meeting = committed()
    meeting.handle(ended())
    meeting.handle(PlanChanged(replace(TWO_LANGUAGES, languages=("en-US", "fr-FR"))))
    assert meeting.handle(BoothLost(ADA_INTO_SPANISH, "unauthorized", final=True)) == []
    meeting.handle(PlanChanged(TWO_LANGUAGES))
    meeting.model = Answers()
    meeting.says(ADA, at=5.0, seconds=1.0)
    meeting.run()
    assert meeting.states()["u-2"] == ("spoken", "")


def test_nothing_is_expected_of_a_model_before_it_is_asked() -> None:
    meeting = Meeting(model=silent_model)
    meeting.says(ADA, at=0.0, seconds=2.0)
    meeting.run(until=1.0)
    for event in (audio(1.0), InterpretationText(ADA_INTO_SPANISH, "u-1", "Hola"), ended()):
        assert meeting.handle(event) == []
    assert [entry.state for entry in meeting.session.open_entries] == [EntryState.HEARD]


def test_the_last_word_is_the_last() -> None:
    meeting = committed()
    meeting.handle(audio(0.5))
    meeting.handle(InterpretationEnded(ADA_INTO_SPANISH, "u-1", Outcome.COMPLETED, usage=Usage(output_audio=5)))
    assert meeting.handle(audio(0.01)) == []
    assert meeting.handle(InterpretationText(ADA_INTO_SPANISH, "u-1", "Hola")) == []
    assert meeting.handle(ended(Outcome.FAILED, "late")) == []
    meeting.run()
    (entry,) = meeting.settled()
    assert (entry.state, entry.reason, entry.played_ms, entry.tokens["output_audio"]) == (EntryState.SPOKEN, "", 500, 5)


def test_audio_without_audio_is_no_audio() -> None:
    meeting = committed()
    assert meeting.handle(audio(0.0)) == []
    assert [entry.state for entry in meeting.session.open_entries] == [EntryState.COMMITTED]


def test_text_without_text_is_no_caption() -> None:
    assert committed().handle(InterpretationText(ADA_INTO_SPANISH, "u-1", "")) == []


# --- the speaker's own words -------------------------------------------------------------------------


def test_what_was_said_is_told_once_whichever_lane_has_heard_it_first() -> None:
    meeting = Meeting(THREE_LANGUAGES, silent_model)
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.run(until=2.0)
    spanish, french = ADA_INTO_SPANISH, Lane(ADA, "en-US", "fr-FR")
    assert meeting.handle(SourceText(spanish, "u-1", None)) == []
    assert [type(effect) for effect in meeting.handle(SourceText(french, "u-1", "Hello"))] == [Caption]
    assert meeting.handle(SourceText(spanish, "u-1", "Hallo")) == []


def test_blanks_are_not_words() -> None:
    assert committed().handle(SourceText(ADA_INTO_SPANISH, "u-1", "  ")) == []


def test_what_was_said_may_be_recognised_for_10_s_after_its_interpretation() -> None:
    meeting = Meeting(model=Answers(heard=None))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.run(until=5.0)
    (entry,) = meeting.settled()
    assert meeting.session.next_deadline() == pytest.approx((entry.last_played_at or 0) + FOLLOW_UP_S)
    assert [type(e) for e in meeting.handle(SourceText(ADA_INTO_SPANISH, "u-1", "Hello"))] == [Caption]
    assert meeting.session.next_deadline() is None


def test_what_is_recognised_later_is_not_told() -> None:
    meeting = Meeting(model=Answers(heard=None))
    meeting.says(ADA, at=1.0, seconds=1.0)
    meeting.run()
    assert meeting.handle(SourceText(ADA_INTO_SPANISH, "u-1", "Hello")) == []


def test_words_nobody_interprets_are_told_in_the_speakers_language() -> None:
    """An utterance without lanes has no booth; what arrives about it all the same is not mislabelled."""
    meeting = Meeting(replace(TWO_LANGUAGES, languages=("en-US",)))
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.run(until=2.0)
    (effect,) = meeting.handle(SourceText(ADA_INTO_SPANISH, "u-1", "Hello"))
    assert isinstance(effect, Caption)
    assert effect.line.language == "en-US"


# --- too much, too late --------------------------------------------------------------------------------


def overflowing() -> Meeting:
    """Two interpretations on one channel: 12 s of u-1, being heard, and u-2 with more to come."""
    meeting = Meeting(model=silent_model)
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.says(BENITO, at=0.2, seconds=1.0)
    meeting.run(until=2.0)
    meeting.handle(audio(12.0))
    meeting.handle(ended())
    assert meeting.handle(InterpretationText(BENITO_INTO_ENGLISH, "u-2", "Hello")) != []
    return meeting


def test_one_that_waits_alone_is_heard_whatever_its_length() -> None:
    meeting = overflowing()
    meeting.handle(audio(19.0, "u-2", BENITO_INTO_ENGLISH))
    meeting.handle(ended(utterance="u-2", lane=BENITO_INTO_ENGLISH))
    meeting.run()
    assert set(meeting.states().values()) == {("spoken", "")}
    assert meeting.voices() == [1, 2]


def test_where_another_would_be_heard_too_late_one_is_read_whose_speaker_has_lost_less() -> None:
    meeting = overflowing()
    meeting.handle(audio(7.0, "u-2", BENITO_INTO_ENGLISH))
    meeting.handle(ended(utterance="u-2", lane=BENITO_INTO_ENGLISH))
    meeting.says(ADA, at=2.0, seconds=1.0)
    meeting.run(until=3.6)
    assert meeting.states() == {}
    meeting.handle(audio(5.0, "u-3"))
    meeting.handle(ended(utterance="u-3"))
    assert meeting.states() == {"u-3": ("abandoned", "queue_full")}, "19 s after it was said; Benito was never heard"
    meeting.run()
    assert meeting.voices() == [1, 2]


def test_one_still_being_interpreted_is_read_when_its_text_is_complete() -> None:
    meeting = overflowing()
    meeting.says(BENITO, at=2.0, seconds=1.0)
    meeting.run(until=3.6)
    meeting.handle(audio(12.0, "u-2", BENITO_INTO_ENGLISH))
    meeting.handle(audio(1.0, "u-3", BENITO_INTO_ENGLISH))
    assert meeting.session.queued_ms <= 22_500, "its voice is not kept"
    meeting.handle(InterpretationText(BENITO_INTO_ENGLISH, "u-3", "Hello"))
    meeting.handle(ended(utterance="u-3", lane=BENITO_INTO_ENGLISH))
    assert meeting.states() == {"u-3": ("caption_only", "queue_full")}
    meeting.handle(ended(utterance="u-2", lane=BENITO_INTO_ENGLISH))
    meeting.run()
    assert meeting.voices() == [1, 2]


def test_one_that_has_no_text_either_is_abandoned() -> None:
    meeting = Meeting(model=silent_model)
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.run(until=2.0)
    meeting.handle(audio(21.0))
    meeting.handle(ended())
    assert meeting.states() == {"u-1": ("abandoned", "queue_full")}


def test_a_model_that_does_not_stop_talking_is_cut_off() -> None:
    meeting = committed()
    meeting.says(BENITO, at=2.5, seconds=0.5)
    meeting.run(until=3.6)
    meeting.handle(InterpretationText(ADA_INTO_SPANISH, "u-1", "Hola"))
    for _ in range(3):
        meeting.handle(audio(10.0))
    story = meeting.story()
    assert story[-1] == "3.60 stop playing"
    assert meeting.session.queued_ms == 0
    meeting.handle(audio(1.0, "u-2", BENITO_INTO_ENGLISH))
    meeting.handle(ended(utterance="u-2", lane=BENITO_INTO_ENGLISH))
    meeting.handle(ended())
    meeting.run()
    assert meeting.states() == {"u-1": ("caption_only", "queue_full"), "u-2": ("spoken", "")}
    assert meeting.voices() == [1, 2]


@pytest.mark.parametrize(("who", "stopped"), [(ADA, False), (BENITO, True)])
def test_only_another_person_barges_in(who: str, stopped: bool) -> None:
    meeting = Meeting(replace(TWO_LANGUAGES, barge_in_stops=True), Answers(seconds=5.0))
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.says(who, at=3.0, seconds=1.0)
    meeting.run()
    assert meeting.states()["u-1"] == (("abandoned", "barge_in") if stopped else ("spoken", ""))


def test_who_goes_on_past_the_longest_utterance_does_not_barge_in() -> None:
    """In mixed audio, where nobody knows who speaks, too; but who speaks there after a pause may be another."""
    mixed = replace(TWO_LANGUAGES, barge_in_stops=True, mixed=True)
    meeting = Meeting(mixed, Answers(seconds=5.0))
    meeting.says(MIXED, at=0.0, seconds=19.0)
    meeting.run(until=18.0)
    assert meeting.ends()["u-1", "en-US"] == ("spoken", "")
    meeting.says(MIXED, at=23.0, seconds=1.0)
    meeting.run()
    assert meeting.ends()["u-2", "en-US"] == ("abandoned", "barge_in")


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("held_s", [4.0, 20.0])
def test_what_was_held_up_on_its_way_is_read_and_the_ledger_knows_when_it_was_said(mode: Mode, held_s: float) -> None:
    meeting = Meeting(replace(TWO_LANGUAGES, mode=mode), Answers(after=0.8))
    comes = 100.0 + held_s
    meeting.held_up(ADA, said=100.0 - 2.0, seconds=2.0, comes=comes, pause=0.6)
    meeting.says(ADA, at=comes + 1.0, seconds=1.0)
    meeting.run()
    late, new = meeting.settled()
    assert (late.state, late.reason, new.state) == ("caption_only", "stale", "spoken")
    assert (late.began_at, late.ended_at) == pytest.approx((98.1, 100.0))
    assert late.committed_at == pytest.approx(comes)
    assert (new.began_at, new.ended_at) == pytest.approx((comes + 1.1, comes + 2.0))
    (shown, *_) = [line for line in meeting.captions() if line.utterance == "u-1"]
    assert shown.timestamp_ms == 98_100


def test_what_was_held_up_for_a_moment_is_heard_and_its_span_is_true() -> None:
    meeting = Meeting(model=Answers(after=0.3))
    meeting.held_up(ADA, said=98.0, seconds=2.0, comes=102.5)
    meeting.run()
    (entry,) = meeting.settled()
    assert entry.state == "spoken"
    assert entry.first_played_at is not None and entry.ended_at is not None
    assert entry.first_played_at - entry.ended_at == pytest.approx(2.8)


# --- what is no interpretation -------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "end"), [("Hola", ("caption_only", "no_audio")), ("", ("abandoned", "empty"))])
def test_an_answer_of_silence_is_no_interpretation(text: str, end: tuple[str, str]) -> None:
    meeting = committed()
    meeting.handle(InterpretationAudio(ADA_INTO_SPANISH, "u-1", bytes(48_001)))
    if text:
        meeting.handle(InterpretationText(ADA_INTO_SPANISH, "u-1", text))
    meeting.handle(InterpretationAudio(ADA_INTO_SPANISH, "u-1", b"\x01\x00" * 24_000))
    meeting.handle(ended())
    assert meeting.states() == {"u-1": end}
    assert meeting.played() == []
    (entry,) = meeting.settled()
    assert entry.playouts["room"].dropped == entry.received == 96_001


def test_silence_before_the_first_sound_keeps_nobody_waiting_and_silence_after_it_is_heard() -> None:
    meeting = committed()
    for pcm in (bytes(48_000), numbered(1), bytes(960), numbered(1)):
        meeting.handle(InterpretationAudio(ADA_INTO_SPANISH, "u-1", pcm))
    meeting.handle(ended())
    meeting.run()
    assert [number for _, number in meeting.played()] == [1, 0, 1]
    assert meeting.states() == {"u-1": ("spoken", "")}


# --- playout -------------------------------------------------------------------------------------------


def test_what_breaks_off_with_the_media_stream_is_read_and_the_next_is_heard() -> None:
    meeting = Meeting(model=Answers(after=0.5, seconds=1.0))
    for at in (0.0, 2.0, 8.0):
        meeting.says(ADA, at=at, seconds=1.0)
    meeting.says(BENITO, at=0.6, seconds=1.0)
    meeting.happens(2.49, PlayoutReady(False))
    meeting.happens(7.0, PlayoutReady(True))
    meeting.run(until=2.5)
    assert len(meeting.session.open_entries) == 2, "what is with the model, or being said"
    meeting.run()
    away, spoken = ("caption_only", "channel_away"), ("spoken", "")
    assert meeting.states() == {"u-1": away, "u-2": away, "u-3": away, "u-4": spoken}
    assert [number for _, number in meeting.played()] == [1] * 25 + [4] * 50


def test_nothing_is_due_while_nothing_can_be_heard() -> None:
    meeting = Meeting(model=Answers(after=0.5, seconds=1.0), playout=False)
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.run()
    assert meeting.played() == []
    assert meeting.session.open_entries == []
    assert meeting.states() == {"u-1": ("caption_only", "channel_away")}


# --- changes -------------------------------------------------------------------------------------------


def test_lanes_nobody_needs_are_closed_and_new_ones_opened_when_needed() -> None:
    meeting = Meeting(model=Answers())
    meeting.says(ADA, at=0.0, seconds=3.0)
    meeting.happens(1.0, PlanChanged(replace(TWO_LANGUAGES, languages=("en-US", "fr-FR"))))
    meeting.says(ADA, at=5.0, seconds=1.0)
    meeting.run()
    story = meeting.story()
    closed = story.index("4.01 close es-ES")
    assert story[closed - 1] == "4.01 final caption u-1 es-ES 'Hola'", "an utterance under way keeps its lanes"
    assert "5.10 open fr-FR" in story
    assert meeting.states() == {"u-1": ("spoken", ""), "u-2": ("spoken", "")}


def test_lanes_that_stay_are_left_alone() -> None:
    meeting = committed()
    assert meeting.handle(PlanChanged(THREE_LANGUAGES)) == []


def test_a_changed_patience_holds_from_now_on() -> None:
    meeting = Meeting()
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.happens(0.5, PlanChanged(replace(TWO_LANGUAGES, endpointing=Endpointing(end_of_turn_ms=200))))
    meeting.run()
    assert "1.20 interpret u-1 into es-ES" in meeting.story()


# --- the end -------------------------------------------------------------------------------------------


def test_when_the_call_ends_the_books_are_closed_and_nothing_more_is_done() -> None:
    meeting = Meeting(THREE_LANGUAGES, Answers(seconds=3.0))
    meeting.says(ADA, at=0.0, seconds=1.0)  # heard from 2.0 on in Spanish; the French one waits
    meeting.says(BENITO, at=2.0, seconds=5.0)  # being said
    meeting.run(until=3.0)
    effects = meeting.handle(MeetingEnded("call_ended"))
    assert effects.count(StopPlaying("room")) == 1
    assert sum(isinstance(effect, Settled) for effect in effects) == 4
    assert [effect.lane.target for effect in effects if isinstance(effect, CloseBooth)] == [
        "es-ES",
        "fr-FR",
        "en-US",
        "fr-FR",
    ]
    assert {entry.reason for entry in meeting.settled()} == {"call_ended"}
    assert meeting.session.open_entries == []
    assert meeting.session.queued_ms == 0
    assert meeting.session.next_deadline() is None
    meeting.run()
    assert meeting.handle(Tick()) == meeting.handle(MeetingEnded("again")) == []
    assert meeting.done[-len(effects) :] == [(3.0, effect) for effect in effects]


def test_when_the_call_ends_the_words_that_were_being_recognised_are_final() -> None:
    meeting = Meeting(model=silent_model)
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.happens(1.7, SourceDelta(ADA_INTO_SPANISH, "u-1", "Good mor"))
    meeting.run(until=2.0)
    meeting.handle(MeetingEnded("call_ended"))
    lines = [(line.text, line.is_final, line.flags) for line in meeting.captions() if line.is_original]
    assert lines == [("Good mor", False, ()), ("Good mor", True, ("abandoned",))]


def test_when_the_call_ends_words_are_shown_though_their_language_is_not_known() -> None:
    meeting = Meeting(replace(TWO_LANGUAGES, attendees={**PEOPLE, GUEST: Attendee(GUEST, "Guest", AUTO)}), silent_model)
    meeting.says(GUEST, at=0.0, seconds=1.0)
    meeting.happens(1.7, SourceText(Lane(GUEST, AUTO, "es-ES"), "u-1", "Ok, ok."))
    meeting.run(until=2.0)
    assert "Ok, ok." not in [line.text for line in meeting.captions()]
    meeting.handle(MeetingEnded("call_ended"))
    last = meeting.captions()[-1]
    assert (last.text, last.language, last.is_final) == ("Ok, ok.", "und", True)


def test_every_open_entry_is_cancelled_before_it_is_settled() -> None:
    meeting = committed()
    assert [type(effect) for effect in meeting.handle(MeetingEnded("stopped"))] == [Cancel, Settled, CloseBooth]


def test_twenty_minutes_leave_nothing_behind() -> None:
    meeting = Meeting(THREE_LANGUAGES, Answers(after=1.0, seconds=0.4))
    speakers = (ADA, BENITO, CHLOE)
    sizes: list[int] = []
    for minute in range(20):
        for turn in range(6):
            meeting.says(speakers[turn % 3], at=minute * 60 + turn * 10, seconds=0.2)
        meeting.run(until=minute * 60 + 60)
        if minute == 10:  # one utterance nobody answers, and words nobody has asked for
            meeting.handle(SourceText(ADA_INTO_SPANISH, "u-999", "Hello"))
        session = meeting.session
        waiting = sum(len(floor.passages) for floor in session._renditions._channels.floors.values())
        captions = session._captions
        sizes.append(len(session.open_entries) + len(captions._text) + len(captions._utterances) + waiting)
    meeting.run()
    assert max(sizes) <= 4, "what the last few seconds have brought"
    assert {entry.state for entry in meeting.settled()} == {EntryState.SPOKEN}
    assert len(meeting.settled()) == 20 * 6 * 2
    assert sum(isinstance(effect, Play) for _, effect in meeting.done) == 20 * 6 * 2 * 20


def test_a_frame_that_changes_nothing_does_nothing() -> None:
    meeting = Meeting()
    meeting.run()
    assert meeting.handle(SpeakerAudio(ADA, bytes(960), False), 1.0) == []
    assert meeting.session.next_deadline() is None


def test_the_speakers_words_are_read_while_the_model_hears_them() -> None:
    meeting = Meeting(model=silent_model)
    meeting.says(ADA, at=0.0, seconds=1.0)
    meeting.run(until=2.1)
    meeting.handle(SourceDelta(ADA_INTO_SPANISH, "u-1", "Good"))
    meeting.handle(SourceDelta(ADA_INTO_SPANISH, "u-1", " morning"))
    meeting.handle(SourceText(ADA_INTO_SPANISH, "u-1", "Good morning."))
    lines = [effect.line for effect in meeting.effects(Caption) if effect.line.is_original]
    assert [(line.text, line.is_final) for line in lines] == [
        ("Good", False),
        ("Good morning", False),
        ("Good morning.", True),
    ]
