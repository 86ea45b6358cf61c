"""A translation session step by step: messages in, messages out, told the time."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.interpreting.events import (
    BoothDegraded,
    BoothEvent,
    BoothReady,
    BoothUsed,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
    InterpretationText,
    SourceDelta,
    SourceText,
    Usage,
)
from bot.interpreting.plan import Lane
from bot.realtime.errors import SessionError
from bot.realtime.stream_alignment import INITIAL_LAG_MS
from bot.realtime.translation_messages import STEP_BYTES, TranslationSettings
from bot.realtime.translation_session import QUIET_S, TranslationSession

INITIAL_LAG_S = INITIAL_LAG_MS / 1000
LANE = Lane("8:acs:1", "en-US", "es-ES")
STEP = bytes(range(200)) * 48
SPEECH = struct.pack("<h", 3_000) * 4_800
NOISE = struct.pack("<h", 40) * 4_800


class Stream:
    """A protocol, and what the service has got of it."""

    def __init__(self, options: TranslationSettings | None = None, *, ready: bool = True) -> None:
        self.session = TranslationSession(LANE, options or TranslationSettings())
        self.now = 0.0
        self.events: list[BoothEvent] = []
        self.sent: list[dict[str, Any]] = []
        self.used = Usage()
        self.flush()
        if ready:
            assert self.tell(type="session.updated", session=self.sent[0]["session"]) == [
                BoothReady(LANE, "translation")
            ]
            self.events.clear()
            self.sent.clear()

    def flush(self) -> list[dict[str, Any]]:
        new = [json.loads(text) for text in self.session.data_to_send()]
        self.sent += new
        return new

    def tell(self, **message: Any) -> list[BoothEvent]:
        events = self.session.receive(json.dumps(message), self.now)
        return self.take(events)

    def take(self, events: list[BoothEvent]) -> list[BoothEvent]:
        """Note what was used apart from all else."""
        self.used = sum((event.usage for event in events if isinstance(event, BoothUsed)), self.used)
        others: list[BoothEvent] = [event for event in events if not isinstance(event, BoothUsed)]
        self.events += others
        return others

    def audio(self, pcm: bytes = SPEECH, **members: Any) -> list[BoothEvent]:
        return self.tell(type="session.output_audio.delta", delta=base64.b64encode(pcm).decode(), **members)

    def text(self, delta: str) -> list[BoothEvent]:
        return self.tell(type="session.output_transcript.delta", delta=delta, elapsed_ms=200)

    def until(self, at: float) -> list[BoothEvent]:
        """Let time pass, as the shell does: check at every deadline."""
        before = len(self.events)
        while (deadline := self.session.deadline) is not None and deadline <= at:
            self.now = max(self.now, deadline)
            self.take(self.session.check(self.now))
        self.now = at
        self.flush()
        return self.events[before:]

    def hear(self, utterance: str, seconds: float) -> None:
        """Speak in real time, 20 ms at once."""
        for _ in range(round(seconds * 50)):
            self.session.hear(utterance, SPEECH[:960], self.now)
            self.until(self.now + 0.02)

    def say(self, utterance: str, seconds: float = 1.0) -> None:
        self.hear(utterance, seconds)
        self.events += self.session.interpret(utterance, self.now)
        self.flush()

    @property
    def given(self) -> bytes:
        return b"".join(base64.b64decode(message["audio"]) for message in self.sent if "audio" in message)

    def ended(self, utterance: str) -> list[InterpretationEnded]:
        return [e for e in self.events if isinstance(e, InterpretationEnded) and e.utterance == utterance]


# --- opening


def test_the_session_is_told_its_language_and_nothing_it_does_not_know() -> None:
    stream = Stream(TranslationSettings(transcribe="whisper", noise_reduction="near_field"), ready=False)
    (update,) = stream.sent
    assert update["session"] == {
        "audio": {
            "input": {"transcription": {"model": "whisper"}, "noise_reduction": {"type": "near_field"}},
            "output": {"language": "es"},
        }
    }
    stream.tell(type="session.created", session={"expires_at": 1_790_000_000, "audio": {"output": {"language": "es"}}})
    assert not stream.session.ready
    assert stream.session.expires_at == 1_790_000_000
    assert stream.session.deadline is None


@pytest.mark.parametrize("language", ["fr", None])
def test_another_language_than_asked_for_ends_the_session(language: str | None) -> None:
    stream = Stream(ready=False)
    with pytest.raises(SessionError) as caught:
        stream.tell(type="session.updated", session={"audio": {"output": {"language": language}}})
    assert (caught.value.code, caught.value.retryable) == ("configuration_ignored", False)


def test_a_target_that_is_refused_is_refused_for_good() -> None:
    stream = Stream(ready=False)
    error = {"type": "invalid_request_error", "code": "invalid_value", "event_id": stream.sent[0]["event_id"]}
    with pytest.raises(SessionError) as caught:
        stream.tell(type="error", error=error)
    assert (caught.value.code, caught.value.retryable) == ("configuration_refused", False)


# --- audio in


def test_audio_goes_in_steps_of_200_ms_and_silence_without_a_gap() -> None:
    stream = Stream()
    stream.until(1.0)
    assert [message["type"] for message in stream.sent] == ["session.input_audio_buffer.append"] * 6
    assert stream.given == bytes(6 * STEP_BYTES)
    stream.sent.clear()
    stream.hear("u-1", 1.0)
    assert {len(base64.b64decode(message["audio"])) for message in stream.sent} == {STEP_BYTES}
    assert stream.given == SPEECH * 5
    stream.sent.clear()
    stream.session.interpret("u-1", stream.now)
    stream.until(stream.now + 10.0)
    assert stream.given == bytes(len(stream.given))
    assert len(stream.given) == pytest.approx(50 * STEP_BYTES, abs=STEP_BYTES)


def test_the_end_of_an_utterance_does_not_wait_for_a_whole_step() -> None:
    stream = Stream()
    stream.session.hear("u-1", STEP[:960], 0.0)
    assert stream.flush() == []
    stream.session.interpret("u-1", 0.0)
    stream.flush()
    assert stream.given == STEP[:960].ljust(STEP_BYTES, b"\0")


def test_a_speaker_whose_audio_stops_coming_is_followed_by_silence_after_a_moment() -> None:
    stream = Stream()
    stream.session.hear("u-1", STEP + STEP[:960], 0.0)
    stream.until(0.55)
    assert stream.given == STEP
    stream.until(0.7)
    assert stream.given == STEP + STEP[:960].ljust(STEP_BYTES, b"\0")


def test_late_silence_is_not_made_up_for() -> None:
    stream = Stream()
    stream.until(0.0)
    stream.sent.clear()
    stream.now = 5.0
    stream.session.check(5.0)
    stream.until(5.0)
    assert len(stream.given) <= 2 * STEP_BYTES


# --- output


def test_output_between_the_words_is_no_interpretation() -> None:
    stream = Stream()
    stream.say("u-1")
    assert stream.audio(NOISE) == []
    (event,) = stream.audio(NOISE + SPEECH)
    assert isinstance(event, InterpretationAudio)
    assert event.pcm.endswith(SPEECH)
    assert len(event.pcm) < len(NOISE + SPEECH)


def test_an_utterance_ends_once_when_it_has_been_quiet() -> None:
    stream = Stream()
    stream.say("u-1", 2.0)
    stream.until(4.0)
    stream.text("Ho")
    stream.text("la")
    stream.audio()
    said = stream.now
    assert stream.until(said + QUIET_S - 0.1) == []
    stream.until(20.0)
    assert stream.ended("u-1") == [InterpretationEnded(LANE, "u-1", InterpretationOutcome.COMPLETED)]
    texts = [event.delta for event in stream.events if isinstance(event, InterpretationText)]
    assert "".join(texts) == "Hola"
    assert stream.session.unfinished() == ()


def test_silence_is_a_complete_interpretation_of_nothing() -> None:
    """As of speech that is in the target language already."""
    stream = Stream()
    stream.say("u-1")
    ended_at = stream.now
    stream.until(ended_at + INITIAL_LAG_S)
    assert stream.events == []
    stream.until(ended_at + INITIAL_LAG_S + 1.1)
    assert [type(event) for event in stream.events] == [InterpretationEnded]


def test_what_comes_while_the_next_is_heard_is_still_of_the_first() -> None:
    stream = Stream()
    stream.say("u-1", 2.0)
    stream.hear("u-2", 1.5)
    (event,) = stream.audio()
    assert isinstance(event, InterpretationAudio)
    assert event.utterance == "u-1"
    stream.hear("u-2", 2.5)
    stream.events += stream.session.interpret("u-2", stream.now)
    ended, event = stream.audio()
    assert ended == InterpretationEnded(LANE, "u-1", InterpretationOutcome.COMPLETED)
    assert isinstance(event, InterpretationAudio)
    assert event.utterance == "u-2"
    stream.until(30.0)
    assert len(stream.ended("u-1")) == len(stream.ended("u-2")) == 1


def test_output_without_a_pause_passes_to_the_next_when_it_is_much_too_late() -> None:
    stream = Stream()
    stream.say("u-1", 1.0)
    stream.session.hear("u-2", STEP, stream.now)
    owners: list[str] = []
    for _ in range(60):
        stream.until(stream.now + 0.2)
        owners += [event.utterance for event in stream.audio() if isinstance(event, InterpretationAudio)]
    assert list(dict.fromkeys(owners)) == ["u-1", "u-2"]


def test_words_are_the_utterances_during_which_they_were_recognised_not_the_next_ones() -> None:
    stream = Stream(TranslationSettings(transcribe="whisper"))
    stream.say("u-1", 1.0)
    stream.until(stream.now + 0.5)
    stream.hear("u-2", 0.6)
    stream.tell(type="session.input_transcript.delta", delta=" one", elapsed_ms=1_800)
    stream.hear("u-2", 1.0)
    stream.tell(type="session.input_transcript.delta", delta=" two", elapsed_ms=3_000)
    stream.session.interpret("u-2", stream.now)
    stream.until(30.0)
    texts = [(event.utterance, event.text) for event in stream.events if isinstance(event, SourceText)]
    assert texts == [("u-1", "one"), ("u-2", "two")]


@pytest.mark.parametrize("elapsed_ms", [-5, 10**12, 1e300, None])
def test_impossible_positions_do_no_harm(elapsed_ms: float | None) -> None:
    stream = Stream()
    stream.say("u-1", 1.0)
    stream.until(5.0)
    assert [type(event) for event in stream.audio(elapsed_ms=elapsed_ms)] == [InterpretationAudio]


def test_how_late_the_stream_is_is_learnt() -> None:
    waits: list[float] = []
    stream = Stream()
    for number in range(8):
        stream.until(stream.now + 20.0)
        stream.say(f"u-{number}", 0.5)
        stream.until(stream.now + 1.0)
        stream.audio()
        said = stream.now
        while not stream.ended(f"u-{number}"):
            stream.until(stream.now + 0.05)
        waits.append(stream.now - said)
    assert waits[0] > waits[-1]
    assert waits[-1] == pytest.approx(QUIET_S, abs=0.1)


def test_what_the_speaker_said_comes_as_it_is_heard_and_whole_with_the_end() -> None:
    stream = Stream(TranslationSettings(transcribe="whisper"))
    stream.hear("u-1", 1.0)
    for delta in (" hello", " there"):
        stream.tell(type="session.input_transcript.delta", delta=delta)
    stream.session.interpret("u-1", stream.now)
    stream.until(20.0)
    assert stream.events == [
        SourceDelta(LANE, "u-1", " hello"),
        SourceDelta(LANE, "u-1", " there"),
        SourceText(LANE, "u-1", "hello there"),
        InterpretationEnded(LANE, "u-1", InterpretationOutcome.COMPLETED),
    ]
    assert stream.tell(type="session.input_transcript.delta", delta=" late") == []


def test_half_a_sample_waits_for_its_other_half() -> None:
    stream = Stream()
    stream.say("u-1")
    whole = SPEECH * 2
    events = stream.audio(whole[:1_921]) + stream.audio(whole[1_921:])
    assert b"".join(event.pcm for event in events if isinstance(event, InterpretationAudio)) == whole


def test_audio_of_another_format_is_no_use() -> None:
    stream = Stream()
    stream.audio(sample_rate=24_000, channels=1, format="pcm16")
    with pytest.raises(SessionError) as caught:
        stream.audio(sample_rate=16_000)
    assert not caught.value.retryable


def test_output_of_nobody_is_ignored() -> None:
    stream = Stream()
    assert stream.audio() == stream.text("x") == stream.tell(type="session.input_transcript.delta", delta="x") == []
    assert stream.session.counters.ignored == 3
    assert stream.text("") == []


def test_an_interpretation_without_end_is_cut() -> None:
    stream = Stream()
    stream.say("u-1")
    heard = 0
    for _ in range(100):
        for event in stream.audio():
            heard += len(event.pcm) if isinstance(event, InterpretationAudio) else 0
    assert stream.ended("u-1") == [InterpretationEnded(LANE, "u-1", InterpretationOutcome.INCOMPLETE, "endless")]
    assert heard == 3 * 48_000 + 5_000 * 48
    stream.until(60.0)
    assert len(stream.ended("u-1")) == 1


def test_no_last_word_is_said_while_somebody_speaks() -> None:
    stream = Stream()
    stream.hear("u-1", 0.2)
    for _ in range(60):
        stream.audio()
    assert stream.ended("u-1") == []
    stream.session.interpret("u-1", stream.now)
    stream.audio()
    assert [end.reason for end in stream.ended("u-1")] == ["endless"]


# --- what it cannot do


def test_there_are_no_retries_and_no_texts() -> None:
    stream = Stream()
    stream.say("u-1")
    assert stream.session.say("n", "Wait.", "es-ES", 0.0) == [
        InterpretationEnded(LANE, "n", InterpretationOutcome.FAILED, "not_supported")
    ]
    assert stream.session.interpret("u-1", 1.0) == [
        InterpretationEnded(LANE, "u-1", InterpretationOutcome.FAILED, "not_supported")
    ]
    stream.session.release("u-1")
    stream.session.brief("Other terms.")
    assert stream.flush() == []


def test_only_one_utterance_is_heard_at_a_time() -> None:
    stream = Stream()
    stream.session.hear("u-1", STEP, 0.0)
    assert stream.session.knows("u-1")
    with pytest.raises(ValueError, match="still being heard"):
        stream.session.hear("u-2", STEP, 0.0)
    stream.session.interpret("u-1", 0.0)
    assert not stream.session.knows("u-1")
    with pytest.raises(ValueError, match="complete"):
        stream.session.hear("u-1", STEP, 0.0)


@pytest.mark.parametrize("complete", [False, True])
def test_a_cancelled_utterance_is_silent(complete: bool) -> None:
    stream = Stream()
    stream.hear("u-1", 1.0)
    if complete:
        stream.session.interpret("u-1", stream.now)
    stream.session.cancel("u-1")
    stream.session.cancel("u-0")
    assert stream.session.unfinished() == ()
    assert stream.audio() == stream.text("x") == []
    stream.until(30.0)
    assert stream.events == []
    stream.say("u-2")
    assert [type(event) for event in stream.audio()] == [InterpretationAudio]


# --- what it costs


@pytest.mark.parametrize(("transcribe", "transcribed"), [(None, 0), ("whisper", 1)])
def test_all_that_is_streamed_is_counted_silence_included(transcribe: str | None, transcribed: int) -> None:
    stream = Stream(TranslationSettings(transcribe=transcribe))
    stream.say("u-1", 2.0)
    stream.until(60.0)
    streamed_ms = len(stream.given) // 48
    assert streamed_ms > 59_000
    assert streamed_ms - 5_000 < stream.used.translation_ms <= streamed_ms
    assert stream.used.transcription_ms == transcribed * stream.used.translation_ms


def test_what_was_streamed_is_counted_with_each_utterance_and_at_the_end() -> None:
    stream = Stream()
    stream.say("u-1", 1.0)
    while not stream.ended("u-1"):
        stream.until(stream.now + 0.02)
    assert stream.used.translation_ms >= len(stream.given) // 48 - 200  # a step may follow at the same moment
    stream.until(stream.now + 1.0)
    stream.session.retire(stream.now)
    stream.flush()
    stream.tell(type="session.closed")
    assert stream.used.translation_ms == len(stream.given) // 48


# --- ends


def test_a_session_that_retires_is_drained() -> None:
    stream = Stream()
    stream.hear("u-1", 1.0)
    stream.session.retire(stream.now)
    assert stream.flush() == []  # somebody is speaking
    stream.session.interpret("u-1", stream.now)
    stream.session.retire(stream.now)
    assert [message["type"] for message in stream.flush()][-1:] == ["session.close"]
    stream.audio()
    assert not stream.session.finished
    assert stream.tell(type="session.closed") == [InterpretationEnded(LANE, "u-1", InterpretationOutcome.COMPLETED)]
    assert stream.session.finished
    assert stream.session.unfinished() == ()
    stream.until(stream.now + 5)
    assert [message for message in stream.sent if message["type"] == "session.close"] == [{"type": "session.close"}]
    assert stream.sent[-1]["type"] == "session.close"  # and no audio after it


def test_a_session_that_closes_unasked_is_lost() -> None:
    stream = Stream()
    with pytest.raises(SessionError):
        stream.tell(type="session.closed")


def test_errors_are_counted_and_want_of_quota_is_told() -> None:
    stream = Stream()
    error = {"type": "tokens", "code": "rate_limit_exceeded"}
    assert stream.tell(type="error", error=error) == [BoothDegraded(LANE, "translation", "quota")]
    assert stream.tell(type="error", error={"code": "server_error"}) == []
    with pytest.raises(SessionError):
        stream.tell(type="error", error={"code": "session_expired"})


# --- laws

action = st.sampled_from(["hear", "hear", "interpret", "cancel", "audio", "noise", "text", "wait", "long wait"])


@settings(max_examples=150)
@given(st.lists(action, max_size=60))
def test_each_utterance_ends_once_whatever_comes(actions: list[str]) -> None:
    stream = Stream()
    hearing: str | None = None
    count = 0
    cancelled: set[str] = set()
    complete: set[str] = set()
    for what in actions:
        match what:
            case "hear":
                if hearing is None:
                    count += 1
                    hearing = f"u-{count}"
                stream.session.hear(hearing, SPEECH[:1_920], stream.now)
            case "interpret" if hearing is not None:
                stream.events += stream.session.interpret(hearing, stream.now)
                complete.add(hearing)
                hearing = None
            case "cancel" if count:
                cancelled.add(f"u-{count}")
                stream.session.cancel(f"u-{count}")
                if hearing == f"u-{count}":
                    hearing = None
            case "audio":
                stream.audio()
            case "noise":
                stream.audio(NOISE)
            case "text":
                stream.text(" palabra")
            case "wait":
                stream.until(stream.now + 0.3)
            case "long wait":
                stream.until(stream.now + 4.0)
            case _:
                pass  # nothing to interpret or to cancel
    if hearing is not None:
        stream.events += stream.session.interpret(hearing, stream.now)
        complete.add(hearing)
    stream.until(stream.now + 40.0 + 10 * count)
    assert stream.session.unfinished() == ()
    for number in range(1, count + 1):
        utterance = f"u-{number}"
        own = [event for event in stream.events if getattr(event, "utterance", "") == utterance]
        ends = [event for event in own if isinstance(event, InterpretationEnded)]
        assert len(ends) <= 1
        if utterance not in cancelled:
            assert len(ends) == 1
            assert own[-1] is ends[0]


def test_a_typed_text_is_refused() -> None:
    (end,) = Stream().session.translate("u-1", "Wait.", 0.0, strict=False, speed=1.0, condensed=False)
    assert isinstance(end, InterpretationEnded)
    assert end.reason == "not_supported"
