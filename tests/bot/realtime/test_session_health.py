from __future__ import annotations

import pytest

from bot.interpreting.events import (
    BoothReady,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    SourceText,
)
from bot.interpreting.plan import Lane
from bot.realtime.session_health import NO_ANSWER, NOT_JUDGED, SILENT, SessionHealth

LANE = Lane("8:acs:1", "en-US", "es-ES")
SPEECH = 3_000 * 48
VOICE = (b"\x00\x00" * 20 + b"\xff\x3f" * 30) * 20
SILENCE = bytes(9_600)
COMPLETED, FAILED = InterpretationOutcome.COMPLETED, InterpretationOutcome.FAILED


def health(
    *, speaks: bool = True, patience_s: float | None = 5.0, silence_is_bad: bool = True, transcribes: bool = False
) -> SessionHealth:
    return SessionHealth(speaks=speaks, patience_s=patience_s, silence_is_bad=silence_is_bad, transcribes=transcribes)


class Answers:
    """One session, and what it answers."""

    def __init__(self, session: SessionHealth) -> None:
        self.session = session
        self.count = 0

    def ask(self, heard: int = SPEECH, now: float = 0.0) -> str:
        self.count += 1
        utterance = f"u-{self.count}"
        self.session.hear(utterance, heard)
        self.session.asked(utterance, now)
        return utterance

    def answer(
        self,
        pcm: bytes = VOICE,
        text: str = "hola",
        outcome: InterpretationOutcome = COMPLETED,
        reason: str = "",
        *,
        heard: int = SPEECH,
        transcript: str | None = None,
    ) -> bool:
        utterance = self.ask(heard)
        if transcript is not None:
            self.session.take(SourceText(LANE, utterance, transcript), 0.1)
        if text:
            self.session.take(InterpretationText(LANE, utterance, text), 0.2)
        if pcm:
            self.session.take(InterpretationAudio(LANE, utterance, pcm), 0.2)
        return self.session.take(InterpretationEnded(LANE, utterance, outcome, reason), 0.3)


def test_a_new_session_has_heard_nothing_and_is_neither_proved_nor_bad() -> None:
    session = health()
    assert (session.heard, session.proved, session.bad, session.deadline) == (False, False, 0, None)
    assert not session.take(BoothReady(LANE), 0.0)


@pytest.mark.parametrize(("patience_s", "before_it_heard"), [(5.0, False), (None, True)])
def test_one_that_is_lost_before_it_is_proved_has_died_of_what_it_was_sent(
    patience_s: float | None, before_it_heard: bool
) -> None:
    session = health(patience_s=patience_s)
    assert (session.died(soon=True), session.died(soon=False)) == (before_it_heard, False)
    Answers(session).ask()
    assert session.died(soon=True) and session.died(soon=False)
    Answers(session).answer()
    assert not session.died(soon=True)


def test_a_voice_is_a_good_answer_and_ends_the_row_of_bad_ones() -> None:
    session = health()
    talk = Answers(session)
    assert not talk.answer(b"", "", FAILED, "server_error")
    assert (session.bad, session.reason, session.heard, session.proved) == (1, "server_error", True, False)
    assert talk.answer()
    assert (session.bad, session.proved) == (0, True)


def test_what_is_cut_off_after_some_voice_is_good_too() -> None:
    assert Answers(health()).answer(outcome=InterpretationOutcome.INCOMPLETE, reason="content_filter")


def test_a_failure_in_mid_voice_is_bad() -> None:
    session = health()
    Answers(session).answer(outcome=FAILED, reason="server_error")
    assert session.bad == 1


@pytest.mark.parametrize("reason", sorted(NOT_JUDGED))
def test_some_failures_say_nothing_about_the_session(reason: str) -> None:
    session = health()
    assert not Answers(session).answer(b"", "", FAILED, reason)
    assert session.bad == 0


@pytest.mark.parametrize("outcome", [InterpretationOutcome.CANCELLED, InterpretationOutcome.INCOMPLETE])
def test_an_answer_that_nobody_cut_but_the_service_is_bad_if_nothing_was_heard(outcome: InterpretationOutcome) -> None:
    session = health()
    Answers(session).answer(b"", "", outcome, "turn_detected")
    assert (session.bad, session.reason) == (1, "turn_detected")


@pytest.mark.parametrize("pcm", [b"", SILENCE, b"\x20\x00" * 4_800])
def test_text_without_a_voice_is_bad_where_a_voice_is_wanted(pcm: bytes) -> None:
    session = health()
    Answers(session).answer(pcm)
    assert (session.bad, session.reason) == (1, SILENT)


def test_text_is_all_that_is_wanted_of_captions() -> None:
    assert Answers(health(speaks=False)).answer(b"")


@pytest.mark.parametrize(
    ("heard", "transcript", "bad"),
    [(SPEECH, None, 1), (1_000 * 48, None, 0), (1_000 * 48, "hello", 1), (SPEECH, " ", 0)],
)
def test_nothing_is_a_bad_answer_to_words(heard: int, transcript: str | None, bad: int) -> None:
    session = health()
    Answers(session).answer(SILENCE, "", heard=heard, transcript=transcript)
    assert session.bad == bad


def test_short_utterances_of_which_nothing_comes_add_up_until_something_does() -> None:
    session = health()
    talk = Answers(session)
    short = 900 * 48
    bad = []
    for voice in (b"", b"", b"", b"", b"", b"", VOICE, b"", b"", b""):
        talk.answer(voice, "", heard=short)
        bad.append(session.bad)
    assert bad == [0, 0, 1, 1, 1, 2, 0, 0, 0, 1]
    for _ in range(9):
        talk.answer(b"", "", heard=short, transcript=" ")
    assert session.bad == 1, "these were noises"


def test_nothing_is_no_bad_answer_where_the_speaker_may_speak_the_target_language() -> None:
    session = health(silence_is_bad=False)
    Answers(session).answer(b"", "", transcript="hola")
    assert session.bad == 0


@pytest.mark.parametrize(("transcript", "bad"), [("hello", 1), ("", 0), (None, 1)])
def test_a_transcript_that_is_late_says_whether_nothing_was_right(transcript: str | None, bad: int) -> None:
    session = health(transcribes=True)
    Answers(session).answer(b"", "")
    assert session.bad == 0
    session.take(SourceText(LANE, "u-1", transcript), 1.0)
    assert session.bad == bad
    session.take(SourceText(LANE, "u-1", "again"), 1.0)
    assert session.bad == bad


def test_no_transcript_is_waited_for_without_end() -> None:
    session = health(transcribes=True)
    talk = Answers(session)
    for _ in range(20):
        talk.answer(b"", "")
    session.take(SourceText(LANE, "u-1", "hello"), 1.0)
    assert session.bad == 0
    session.take(SourceText(LANE, "u-20", "hello"), 1.0)
    assert session.bad == 1


def test_an_answer_that_gives_no_sign_is_bad_once_and_may_still_come() -> None:
    session = health()
    talk = Answers(session)
    utterance = talk.ask(now=10.0)
    assert session.deadline == 15.0
    session.check(14.9)
    assert session.bad == 0
    session.check(15.0)
    assert (session.bad, session.reason) == (1, NO_ANSWER)
    assert session.deadline is None
    session.check(30.0)
    session.take(InterpretationEnded(LANE, utterance, FAILED, "server_error"), 31.0)
    assert session.bad == 1
    session.take(InterpretationAudio(LANE, talk.ask(now=31.0), VOICE), 31.0)
    assert session.take(InterpretationEnded(LANE, "u-2", COMPLETED), 32.0)
    assert session.bad == 0


def test_every_sign_of_an_answer_gives_it_more_time() -> None:
    session = health()
    utterance = Answers(session).ask(now=0.0)
    session.take(InterpretationText(LANE, utterance, "ho"), 4.0)
    assert session.deadline == 9.0
    session.take(InterpretationAudio(LANE, utterance, VOICE), 8.0)
    assert session.deadline == 13.0
    session.forget(utterance)
    assert session.deadline is None


def test_a_session_without_ends_of_its_own_is_not_waited_for() -> None:
    session = health(patience_s=None)
    Answers(session).ask()
    session.check(100.0)
    assert (session.deadline, session.bad) == (None, 0)


def test_what_was_said_before_the_end_of_the_utterance_counts() -> None:
    session = health()
    session.hear("u-1", SPEECH)
    session.take(InterpretationText(LANE, "u-1", "hola"), 1.0)
    session.take(InterpretationAudio(LANE, "u-1", VOICE), 1.0)
    assert session.deadline is None
    session.asked("u-1", 2.0)
    assert session.take(InterpretationEnded(LANE, "u-1", COMPLETED), 3.0)


def test_events_about_unknown_utterances_do_no_harm() -> None:
    session = health()
    session.take(InterpretationAudio(LANE, "?", VOICE), 0.0)
    session.take(InterpretationText(LANE, "?", "x"), 0.0)
    session.take(SourceText(LANE, "?", "x"), 0.0)
    session.take(InterpretationEnded(LANE, "?", COMPLETED), 0.0)
    assert (session.bad, session.proved) == (0, False)
