from __future__ import annotations

import base64
import json
import logging
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
from bot.realtime.conversation_messages import ConversationSettings
from bot.realtime.conversation_session import ConversationSession
from bot.realtime.conversation_turns import COMMIT_PATIENCE_S, DOUBT_S, KEEP_S, KEPT_LIMIT, TURNS_LIMIT
from bot.realtime.errors import SessionError
from bot.realtime.messages import MOST_TOKENS
from bot.realtime.session_base import GARBAGE_LIMIT
from tests.support.realtime_service import ServiceModel, deep_merge

LANE = Lane("8:acs:1", "en-US", "es-ES")
BRIEFING = "Interpret from English (en-US) into Spanish (es-ES)."
SPEECH = bytes(range(200)) * 48  # 200 ms


class Talk:
    """A protocol and a service, wired together in memory."""

    def __init__(
        self,
        options: ConversationSettings | None = None,
        lane: Lane = LANE,
        *,
        ready: bool = True,
        keeps: bool = False,
        text_only: bool = False,
    ) -> None:
        """`keeps`: utterances are not released as soon as they have ended."""
        self.session = ConversationSession(
            lane, BRIEFING, options or ConversationSettings(transcribe="gpt-transcribe"), text_only=text_only
        )
        self.service = ServiceModel()
        self.events: list[BoothEvent] = []
        self.now = 0.0
        self.keeps = keeps
        if ready:
            self.exchange()
            assert self.events == [BoothReady(lane, self.session.engine)]
            self.events.clear()

    def exchange(self) -> list[BoothEvent]:
        """Carry messages both ways until nobody has any; return what the protocol made of them."""
        before = len(self.events)
        while True:
            outgoing = self.session.data_to_send()
            for text in outgoing:
                self.service.receive(text)
            incoming = self.service.messages()
            for text in incoming:
                self._hear(self.session.receive(text, self.now))
            if not outgoing and not incoming:
                return self.events[before:]

    def _hear(self, events: list[BoothEvent]) -> None:
        self.events += events
        for event in events:
            if isinstance(event, InterpretationEnded) and not self.keeps:
                self.session.release(event.utterance)

    def configure(self, change: dict[str, Any]) -> None:
        """Let the service take the configuration, but for this."""
        for text in self.session.data_to_send():
            self.service.receive(text)
        self.service.outgoing[-1]["session"] = deep_merge(self.service.session, change)

    def say(self, utterance: str, pcm: bytes = SPEECH) -> list[BoothEvent]:
        self.session.hear(utterance, pcm, 0.0)
        self.events += self.session.interpret(utterance, 0.0)
        return self.exchange()

    def step(self, number: int = 0) -> list[BoothEvent]:
        assert self.service.step(number)
        return self.exchange()

    def tell(self, **message: Any) -> list[BoothEvent]:
        """One message from the service."""
        events = self.session.receive(json.dumps(message), self.now)
        for event in events:
            if isinstance(event, InterpretationEnded) and not self.keeps:
                self.session.release(event.utterance)
        return events

    def finish(self) -> None:
        while self.service.step(0):
            self.exchange()


# --- opening


def test_the_session_is_configured_as_an_interpreter() -> None:
    talk = Talk(ConversationSettings(voice="cedar", transcribe="asr", noise_reduction="near_field"))
    (update,) = talk.service.of_type("session.update")
    pcm = {"type": "audio/pcm", "rate": 24000}
    assert update["session"] == {
        "type": "realtime",
        "instructions": BRIEFING,
        "output_modalities": ["audio"],
        "max_output_tokens": 1024,
        "audio": {
            "input": {
                "format": pcm,
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "asr", "language": "en"},
                "turn_detection": None,
            },
            "output": {"format": pcm, "voice": "cedar"},
        },
        "tools": [],
        "tool_choice": "none",
    }
    assert talk.session.expires_at == 4_000_000_000.0


def test_an_unknown_language_is_no_hint_and_nothing_is_transcribed_unless_asked_for() -> None:
    auto = Talk(lane=Lane("8:acs:1", "auto", "es-ES"))
    assert auto.service.session["audio"]["input"]["transcription"] == {"model": "gpt-transcribe"}
    mute = Talk(ConversationSettings())
    assert mute.service.session["audio"]["input"]["transcription"] is None


def test_it_is_not_ready_before_the_configuration_is_confirmed() -> None:
    talk = Talk(ready=False)
    (created,) = talk.service.messages()
    assert talk.session.receive(created, 0.0) == []
    assert not talk.session.ready
    assert talk.tell(type="conversation.created", conversation={"id": "conv_1"}) == []
    assert talk.exchange() == [BoothReady(LANE, "conversation")]
    assert talk.session.ready


@pytest.mark.parametrize(("kind", "retryable"), [("invalid_request_error", False), ("server_error", True)])
def test_a_refused_configuration_ends_the_session(kind: str, retryable: bool) -> None:
    talk = Talk(ready=False)
    (update,) = (json.loads(text) for text in talk.session.data_to_send())
    error = {"type": kind, "code": "unknown_parameter", "param": "session.x", "event_id": update["event_id"]}
    with pytest.raises(SessionError) as caught:
        talk.tell(type="error", event_id=None, error=error)
    assert caught.value.code == "configuration_refused"
    assert caught.value.retryable is retryable


@pytest.mark.parametrize(
    "change",
    [
        {"instructions": "You are a friendly assistant."},
        {"output_modalities": ["text"]},
        {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}},
        {"audio": {"input": {"format": {"type": "audio/pcmu"}}}},
        {"audio": {"output": {"voice": "alloy"}}},
        {"audio": None},
    ],
)
def test_a_configuration_that_was_not_taken_ends_the_session(change: dict[str, Any]) -> None:
    talk = Talk(ready=False)
    talk.configure(change)
    with pytest.raises(SessionError) as caught:
        talk.exchange()
    assert caught.value.code == "configuration_ignored"
    assert not caught.value.retryable


def test_a_lesser_difference_is_logged_only(caplog: pytest.LogCaptureFixture) -> None:
    talk = Talk(ready=False)
    talk.configure({"max_output_tokens": "inf"})
    with caplog.at_level(logging.WARNING):
        assert talk.exchange() == [BoothReady(LANE, "conversation")]
    assert [record.__dict__["fields"] for record in caplog.records] == [["max_output_tokens"]]


# --- one utterance


def test_an_utterance_is_interpreted_out_of_band_and_its_item_deleted() -> None:
    talk = Talk()
    assert talk.say("u-1") == []
    assert talk.session.unfinished() == ("u-1",)
    assert list(talk.service.items.values()) == [SPEECH]
    (create,) = talk.service.of_type("response.create")
    assert create["response"] == {
        "conversation": "none",
        "instructions": BRIEFING,
        "output_modalities": ["audio"],
        "max_output_tokens": 1024,
        "tool_choice": "none",
        "metadata": {"utterance": "u-1"},
        "input": [{"type": "item_reference", "id": "item_1"}],
    }
    assert talk.step() == [SourceText(LANE, "u-1", "hello")]
    talk.step()  # the response begins
    assert talk.step() == [
        InterpretationText(LANE, "u-1", "u-1"),
        InterpretationAudio(LANE, "u-1", "u-1".encode("utf-16-le")),
    ]
    usage = Usage(input_text=119, input_audio=13, input_cached=64, output_text=30, output_audio=91)
    assert talk.step() == [InterpretationEnded(LANE, "u-1", InterpretationOutcome.COMPLETED, "", usage)]
    assert talk.service.deleted == {"item_1"}
    assert talk.session.unfinished() == ()


def test_audio_goes_out_as_it_is_given() -> None:
    talk = Talk()
    for number in range(3):
        talk.session.hear("u-1", bytes([number]) * 4_800, 0.0)
    talk.exchange()
    appended = [base64.b64decode(message["audio"]) for message in talk.service.of_type("input_audio_buffer.append")]
    assert appended == [bytes([number]) * 4_800 for number in range(3)]
    assert not talk.session.has_data_to_send


def test_the_item_is_deleted_only_after_both_response_and_transcription() -> None:
    talk = Talk()
    talk.say("u-1")
    for _ in range(3):
        talk.step(1)  # the whole response, transcription last
    assert talk.service.deleted == set()
    assert talk.session.unfinished() == ()
    assert talk.step() == [SourceText(LANE, "u-1", "hello")]
    assert talk.service.deleted == {"item_1"}


def test_without_transcription_the_item_goes_with_the_response() -> None:
    talk = Talk(ConversationSettings())
    talk.say("u-1")
    talk.finish()
    assert talk.service.deleted == {"item_1"}


def test_a_failed_transcription_is_a_source_text_without_text() -> None:
    talk = Talk()
    talk.say("u-1")
    failed = {"type": "conversation.item.input_audio_transcription.failed", "item_id": "item_1"}
    assert talk.tell(**failed, error={"code": "audio_unintelligible"}) == [SourceText(LANE, "u-1", None)]
    assert talk.tell(**failed) == []


@pytest.mark.parametrize(
    ("status", "details", "outcome", "reason"),
    [
        (
            "incomplete",
            {"type": "incomplete", "reason": "max_output_tokens"},
            InterpretationOutcome.INCOMPLETE,
            "max_output_tokens",
        ),
        (
            "incomplete",
            {"type": "incomplete", "reason": "content_filter"},
            InterpretationOutcome.INCOMPLETE,
            "content_filter",
        ),
        (
            "failed",
            {"type": "failed", "error": {"type": "tokens", "code": "rate_limit_exceeded", "message": "…"}},
            InterpretationOutcome.FAILED,
            "rate_limit_exceeded",
        ),
        ("failed", {"type": "failed", "error": {"type": "server_error"}}, InterpretationOutcome.FAILED, "server_error"),
        ("failed", None, InterpretationOutcome.FAILED, "failed"),
        (
            "cancelled",
            {"type": "cancelled", "reason": "turn_detected"},
            InterpretationOutcome.CANCELLED,
            "turn_detected",
        ),
        ("paused", None, InterpretationOutcome.FAILED, "paused"),
        (None, None, InterpretationOutcome.FAILED, "unknown"),
    ],
)
def test_how_a_response_may_end(status: str | None, details: Any, outcome: InterpretationOutcome, reason: str) -> None:
    talk = Talk()
    talk.say("u-1")
    response = {"id": "resp_9", "status": status, "status_details": details, "metadata": {"utterance": "u-1"}}
    talk.tell(type="response.created", response=response)
    *before, ended = talk.tell(type="response.done", response=response)
    assert ended == InterpretationEnded(LANE, "u-1", outcome, reason, Usage())
    assert before == ([BoothDegraded(LANE, "conversation", "quota")] if "rate_limit" in reason else [])
    assert talk.tell(type="response.done", response=response) == []


@pytest.mark.parametrize("usage", [None, {}, {"input_token_details": None}, {"input_token_details": "many"}, 7])
def test_usage_that_is_not_as_documented_counts_as_none(usage: object) -> None:
    talk = Talk()
    talk.say("u-1")
    response = {"id": "resp_9", "status": "completed", "metadata": {"utterance": "u-1"}, "usage": usage}
    (ended,) = talk.tell(type="response.done", response=response)
    assert isinstance(ended, InterpretationEnded)
    assert ended.usage == Usage()


@pytest.mark.parametrize(
    "odd",
    [
        {"metadata": ""},
        {"metadata": [], "usage": {"input_token_details": {"text_tokens": 5}}},
        {"metadata": {}, "status_details": "failed", "unknown": 1},
        {"metadata": {"utterance": "u-1"}, "status_details": {"error": {"code": 429}}},
    ],
)
def test_a_field_that_is_not_as_documented_loses_no_answer(odd: dict[str, Any]) -> None:
    talk = Talk()
    talk.say("u-1")
    talk.tell(type="response.created", response={"id": "r-1", **odd})
    (said,) = talk.tell(type="response.output_audio_transcript.delta", response_id="r-1", item_id="i", delta="hola")
    (ended,) = talk.tell(type="response.done", response={"id": "r-1", "status": "failed", **odd})
    assert said == InterpretationText(LANE, "u-1", "hola")
    assert isinstance(ended, InterpretationEnded) and (ended.outcome, ended.reason) == ("failed", "failed")
    assert ended.usage.input_text == (5 if "usage" in odd else 0)
    assert talk.tell(type="response.done", response={"status": "failed", "status_details": 1}) == []  # it has no id
    assert talk.session.counters.garbage == 1


@pytest.mark.parametrize("odd", [{"code": 429}, {"message": {"en": "no"}}, {"param": ["input"]}, {"event_id": 5}])
def test_an_error_whose_fields_are_not_as_documented_ends_the_utterance_that_waits(odd: dict[str, Any]) -> None:
    talk = Talk()
    talk.say("u-1")
    talk.tell(type="error", error=odd)
    (ended,) = talk.session.check(DOUBT_S)
    assert isinstance(ended, InterpretationEnded) and ended.outcome == "failed"


def test_half_a_sample_waits_for_its_other_half() -> None:
    talk = Talk()
    talk.say("u-1")
    talk.tell(type="response.created", response={"id": "r", "metadata": {"utterance": "u-1"}})
    heard: list[bytes] = []
    for piece in (b"\1\2\3", b"\4", b"\5", b"\6\7\x08"):
        delta = base64.b64encode(piece).decode()
        for event in talk.tell(type="response.output_audio.delta", response_id="r", item_id="i", delta=delta):
            assert isinstance(event, InterpretationAudio)
            assert len(event.pcm) % 2 == 0
            heard.append(event.pcm)
    assert b"".join(heard) == bytes(range(1, 9))


def test_commentary_of_the_model_is_not_played() -> None:
    talk = Talk()
    talk.say("u-1")
    talk.tell(type="response.created", response={"id": "r", "metadata": {"utterance": "u-1"}})
    for item, phase in [("i1", "commentary"), ("i2", "final_answer")]:
        talk.tell(type="response.output_item.added", response_id="r", item={"id": item, "phase": phase})
    text = {"type": "response.output_audio_transcript.delta", "response_id": "r"}
    assert talk.tell(**text, item_id="i1", delta="Let me translate that.") == []
    assert talk.tell(**text, item_id="i2", delta="Hola") == [InterpretationText(LANE, "u-1", "Hola")]
    assert talk.tell(**text, item_id="i2", delta="") == []


def test_too_little_audio_is_not_committed_and_not_left_behind() -> None:
    talk = Talk()
    assert talk.say("u-1", bytes(4_798)) == []
    assert talk.events == [InterpretationEnded(LANE, "u-1", InterpretationOutcome.FAILED, "too_short")]
    assert talk.service.of_type("input_audio_buffer.commit") == []
    assert talk.service.buffer == b""
    talk.say("u-2")
    assert list(talk.service.items.values()) == [SPEECH]


def test_an_empty_utterance_fails() -> None:
    talk = Talk()
    talk.say("u-1", b"")
    assert talk.events == [InterpretationEnded(LANE, "u-1", InterpretationOutcome.FAILED, "too_short")]
    assert talk.service.of_type("input_audio_buffer.clear") == []


# --- errors of the service


@pytest.mark.parametrize("next_one_begun", [False, True])
def test_a_refused_commit_fails_its_utterance_only(next_one_begun: bool) -> None:
    talk = Talk()
    talk.session.hear("u-1", SPEECH, 0.0)
    talk.session.interpret("u-1", 0.0)
    talk.session.data_to_send()
    if next_one_begun:
        talk.session.hear("u-2", SPEECH, 0.0)
        talk.session.data_to_send()
    error = {"type": "invalid_request_error", "code": "input_audio_buffer_commit_empty", "event_id": "commit:u-1"}
    assert talk.tell(type="error", error=error) == [
        InterpretationEnded(LANE, "u-1", InterpretationOutcome.FAILED, "input_audio_buffer_commit_empty")
    ]
    # What the service kept must not begin the next utterance; what has begun must not be cut.
    clears = [json.loads(text)["type"] for text in talk.session.data_to_send()]
    assert clears == ([] if next_one_begun else ["input_audio_buffer.clear"])
    assert talk.session.deadline is None
    assert talk.tell(type="error", error=error) == []


def test_a_refused_response_fails_its_utterance() -> None:
    talk = Talk()
    talk.say("u-1")
    error = {"type": "invalid_request_error", "code": "item_not_found", "event_id": "create:u-1"}
    assert talk.tell(type="error", error=error) == [
        InterpretationEnded(LANE, "u-1", InterpretationOutcome.FAILED, "item_not_found")
    ]


def test_an_error_about_nothing_in_particular_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    talk = Talk()
    talk.say("u-1")
    talk.say("u-2")  # the error may be about either
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            talk.service.error("server_error", kind="server_error")
            talk.service.error("item_not_found", "delete:item_1")
            assert talk.exchange() == []
    assert talk.session.unfinished() == ("u-1", "u-2")
    assert talk.session.counters.errors == 6
    assert len(caplog.records) == 2  # once per code


@pytest.mark.parametrize("code", ["server_error", None])
def test_an_error_that_does_not_say_so_is_about_the_only_request_that_waits(code: str | None) -> None:
    talk = Talk()
    talk.say("u-1")
    error = {"type": "server_error", "code": code, "event_id": None}
    assert talk.tell(type="error", error=error) == []
    due = talk.session.deadline
    assert due is not None and due <= 1.0
    assert talk.session.check(due) == [InterpretationEnded(LANE, "u-1", InterpretationOutcome.FAILED, "server_error")]
    assert talk.tell(type="error", error=error) == []  # nothing waits any more
    assert talk.session.check(due + 1.0) == []


def test_what_is_acknowledged_after_all_was_not_refused() -> None:
    talk = Talk()
    talk.say("u-1")
    talk.tell(type="error", error={"type": "server_error", "code": None, "event_id": None})
    talk.tell(type="response.created", response={"id": "r-1", "metadata": {"utterance": "u-1"}})
    assert talk.session.check(1.0) == []
    assert talk.session.unfinished() == ("u-1",)


def test_an_error_that_does_not_say_so_may_be_about_a_commit() -> None:
    talk = Talk()
    talk.session.hear("u-1", SPEECH, 0.0)
    talk.session.interpret("u-1", 0.0)
    talk.tell(type="error", error={"type": "server_error", "code": None, "event_id": None})
    assert talk.session.check(1.0) == [InterpretationEnded(LANE, "u-1", InterpretationOutcome.FAILED, "server_error")]
    assert "input_audio_buffer.clear" in [json.loads(text)["type"] for text in talk.session.data_to_send()]


def test_an_error_that_does_not_say_so_is_about_the_oldest_request_of_several() -> None:
    talk = Talk()
    talk.say("u-1")
    talk.say("u-2")
    talk.tell(type="error", error={"type": "server_error", "code": None, "event_id": None})
    talk.tell(type="response.created", response={"id": "r-2", "metadata": {"utterance": "u-2", "attempt": "1"}})
    assert talk.session.check(1.0) == [InterpretationEnded(LANE, "u-1", InterpretationOutcome.FAILED, "server_error")]
    assert talk.session.unfinished() == ("u-2",)


def test_each_error_is_about_another_request() -> None:
    talk = Talk()
    for utterance in ("u-1", "u-2", "u-3"):
        talk.say(utterance)
    for _ in range(2):
        talk.tell(type="error", error={"type": "server_error", "code": None, "event_id": None})
    talk.session.check(1.0)
    assert talk.session.unfinished() == ("u-3",)


def test_an_error_about_a_commit_is_about_the_first_that_waits() -> None:
    talk = Talk()
    for utterance in ("u-1", "u-2"):
        talk.session.hear(utterance, SPEECH, 0.0)
        talk.session.interpret(utterance, 0.0)
    assert talk.tell(type="error", error={"type": "server_error", "event_id": None}) == []  # it may be, or not
    refused = talk.tell(type="error", error={"code": "input_audio_buffer_commit_empty", "event_id": None})
    assert [event.utterance for event in refused if isinstance(event, InterpretationEnded)] == ["u-1"]
    talk.tell(type="input_audio_buffer.committed", item_id="item-2")
    (create,) = [json.loads(text) for text in talk.session.data_to_send() if "response.create" in text]
    assert create["response"]["metadata"]["utterance"] == "u-2"


@pytest.mark.parametrize("code", ["response_cancel_not_active", "item_delete_invalid_item_id"])
def test_an_error_about_tidying_up_is_not_about_what_waits(code: str) -> None:
    talk = Talk()
    talk.say("u-1")
    assert talk.tell(type="error", error={"type": "invalid_request_error", "code": code, "event_id": None}) == []
    assert talk.session.check(1.0) == []


def test_a_response_without_metadata_belongs_to_the_only_utterance_that_waits() -> None:
    talk = Talk()
    talk.say("u-1")
    talk.tell(type="response.created", response={"id": "r-1", "status": "in_progress", "metadata": None})
    said = talk.tell(type="response.output_audio_transcript.delta", response_id="r-1", item_id="i", delta="hola")
    assert said == [InterpretationText(LANE, "u-1", "hola")]
    (ended,) = talk.tell(type="response.done", response={"id": "r-1", "status": "completed", "metadata": None})
    assert ended == InterpretationEnded(LANE, "u-1", InterpretationOutcome.COMPLETED)


def test_a_response_without_metadata_is_not_of_an_utterance_whose_audio_is_not_accepted_yet() -> None:
    talk = Talk()
    talk.say("u-1")
    talk.session.hear("u-2", SPEECH, 0.0)
    talk.session.interpret("u-2", 0.0)
    talk.tell(type="response.created", response={"id": "r-1", "status": "in_progress", "metadata": None})
    (ended,) = talk.tell(type="response.done", response={"id": "r-1", "status": "completed", "metadata": None})
    assert ended == InterpretationEnded(LANE, "u-1", InterpretationOutcome.COMPLETED)


def test_a_response_without_metadata_is_nobodys_if_two_utterances_wait() -> None:
    talk = Talk()
    talk.say("u-1")
    talk.say("u-2")
    talk.tell(type="response.created", response={"id": "r-1", "status": "in_progress", "metadata": None})
    assert talk.tell(type="response.output_audio_transcript.delta", response_id="r-1", item_id="i", delta="x") == []


def test_an_expired_session_is_over() -> None:
    talk = Talk()
    talk.service.error("session_expired")
    with pytest.raises(SessionError) as caught:
        talk.exchange()
    assert caught.value.retryable


def test_a_commit_that_nobody_acknowledges_is_noticed() -> None:
    talk = Talk()
    assert talk.session.deadline is None
    talk.session.hear("u-1", SPEECH, 0.0)
    talk.session.interpret("u-1", 10.0)
    assert talk.session.deadline == 10.0 + COMMIT_PATIENCE_S
    talk.session.check(10.0 + COMMIT_PATIENCE_S - 0.01)
    with pytest.raises(SessionError):
        talk.session.check(10.0 + COMMIT_PATIENCE_S)
    talk.exchange()
    talk.session.check(1e9)


# --- several utterances


def test_responses_may_run_at_once_and_keep_their_names() -> None:
    talk = Talk(ConversationSettings())
    talk.say("u-1")
    talk.say("u-2", SPEECH[::-1])
    assert list(talk.service.items.values()) == [SPEECH, SPEECH[::-1]]
    talk.finish()
    assert [type(event).__name__ for event in talk.events].count("InterpretationEnded") == 2
    for utterance in ("u-1", "u-2"):
        texts = [event for event in talk.events if event == InterpretationText(LANE, utterance, utterance)]
        assert len(texts) == 1


def test_commits_are_acknowledged_in_their_order_even_after_a_cancelled_one() -> None:
    talk = Talk()
    for utterance in ("u-1", "u-2"):
        talk.session.hear(utterance, SPEECH, 0.0)
        talk.session.interpret(utterance, 0.0)
    talk.session.cancel("u-1")
    talk.exchange()
    (create,) = talk.service.of_type("response.create")
    assert create["response"]["metadata"] == {"utterance": "u-2"}
    assert create["response"]["input"] == [{"type": "item_reference", "id": "item_2"}]
    assert talk.service.deleted == {"item_1"}


def test_only_one_utterance_is_heard_at_a_time() -> None:
    talk = Talk()
    talk.session.hear("u-1", SPEECH, 0.0)
    with pytest.raises(ValueError, match="still being heard"):
        talk.session.hear("u-2", SPEECH, 0.0)
    with pytest.raises(ValueError, match="not being heard"):
        talk.session.interpret("u-2", 0.0)
    talk.session.interpret("u-1", 0.0)
    with pytest.raises(ValueError, match="complete"):
        talk.session.hear("u-1", SPEECH, 0.0)
    with pytest.raises(ValueError, match="not being heard"):
        talk.session.interpret("u-1", 0.0)


def test_a_service_that_ends_nothing_is_left() -> None:
    talk = Talk()
    for number in range(TURNS_LIMIT):
        talk.say(f"u-{number}")
    with pytest.raises(SessionError) as caught:
        talk.session.hear("one too many", SPEECH, 0.0)
    assert caught.value.code == "unanswered"


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_service_that_never_transcribes_does_no_harm(cancelled: bool) -> None:
    talk = Talk()
    for number in range(3 * TURNS_LIMIT):
        talk.say(f"u-{number}")
        if cancelled:
            talk.session.cancel(f"u-{number}")  # and its response never ends
            talk.exchange()
        else:
            talk.service.pending = [pending for pending in talk.service.pending if pending[0] != "transcribe"]
            talk.finish()
        talk.service.pending.clear()
    assert len(talk.service.items) <= TURNS_LIMIT


# --- cancelling


def test_cancelling_what_is_being_heard_empties_the_buffer() -> None:
    talk = Talk()
    talk.session.hear("u-1", SPEECH, 0.0)
    talk.session.cancel("u-1")
    talk.session.cancel("u-1")
    talk.say("u-2")
    assert list(talk.service.items.values()) == [SPEECH]
    assert len(talk.service.of_type("input_audio_buffer.clear")) == 1


def test_cancelling_before_the_response_has_begun_cancels_it_when_it_does() -> None:
    talk = Talk(ConversationSettings())
    talk.say("u-1")
    talk.session.cancel("u-1")
    talk.exchange()
    assert talk.service.of_type("response.cancel") == []
    talk.step()
    (cancel,) = talk.service.of_type("response.cancel")
    assert cancel["response_id"] == "resp_2"
    assert [type(event) for event in talk.events] == [BoothUsed]
    assert talk.service.deleted == {"item_1"}
    assert talk.service.pending == []


def test_cancelling_while_the_model_speaks_silences_it() -> None:
    talk = Talk()
    talk.say("u-1")
    talk.step(1)
    talk.step(1)
    talk.events.clear()
    talk.session.cancel("u-1")
    assert talk.session.unfinished() == ()
    talk.service.speak("resp_2", "u-1")  # crosses our cancel
    talk.exchange()
    talk.finish()
    (used,) = talk.events
    assert isinstance(used, BoothUsed)
    assert used.usage.input_audio > 0
    assert talk.service.deleted == {"item_1"}


def test_cancelling_a_response_whose_end_was_lost_tidies_up() -> None:
    talk = Talk(ConversationSettings())
    talk.say("u-1")
    talk.step()
    talk.service.pending.clear()  # its response.done never comes
    talk.session.cancel("u-1")
    assert talk.exchange() == []
    assert talk.service.deleted == {"item_1"}


def test_a_cancel_that_crosses_the_end_is_nothing_to_report(caplog: pytest.LogCaptureFixture) -> None:
    talk = Talk(ConversationSettings())
    talk.say("u-1")
    talk.finish()
    talk.service.error("response_cancel_not_active", "cancel:u-1")
    assert talk.exchange() == []
    assert caplog.records == []


def test_cancelling_what_nobody_knows_is_nothing() -> None:
    talk = Talk()
    talk.session.cancel("u-1")
    assert talk.session.data_to_send() == []


# --- what is not for us, or for nobody


@pytest.mark.parametrize(
    "message",
    [
        {"type": "input_audio_buffer.committed", "item_id": "item_7"},
        {"type": "response.created", "response": {"id": "r", "metadata": None}},
        {"type": "response.created", "response": {"id": "r", "metadata": {"utterance": 3}}},
        {"type": "response.output_item.added", "response_id": "r", "item": {"id": "i"}},
        {"type": "response.output_audio.delta", "response_id": "r", "delta": "AAA="},
        {"type": "response.output_audio.delta"},
        {"type": "response.output_audio_transcript.delta", "response_id": "r", "delta": "Hola"},
        {"type": "response.done", "response": {"id": "r", "status": "completed"}},
        {"type": "conversation.item.input_audio_transcription.completed", "item_id": "i", "transcript": "x"},
    ],
)
def test_what_concerns_nothing_we_know_is_ignored_and_counted(message: dict[str, Any]) -> None:
    talk = Talk()
    assert talk.tell(**message) == []
    assert talk.session.counters.ignored == 1
    assert talk.session.data_to_send() == []


@pytest.mark.parametrize(
    "message",
    [
        {"type": "rate_limits.updated", "rate_limits": []},
        {"type": "response.output_audio.done", "response_id": "r"},
        {"type": "response.audio.delta", "response_id": "r", "delta": "AAAA"},
        {"type": "something.new", "delta": {"of": ["another", "shape"]}, "item_id": 3},
    ],
)
def test_kinds_we_do_not_know_may_look_as_they_like(message: dict[str, Any]) -> None:
    talk = Talk()
    for _ in range(2 * GARBAGE_LIMIT):
        assert talk.tell(**message) == []
    assert talk.session.counters.garbage == 0


GARBAGE = [
    b"",
    b"{",
    b"\x00\x01\x02\xff",
    b"[]",
    b"null",
    b'{"no": "type"}',
    b'{"type": 7}',
    b'{"type": "response.output_audio.delta", "response_id": "r", "delta": 7}',
    b'{"type": "response.output_audio.delta", "response_id": "r", "delta": "A"}',
    '{"type": "response.output_audio.delta", "response_id": "r", "delta": "äöü="}'.encode(),
    b'{"type": "response.created"}',
    b'{"type": "response.done", "response": {"status": "completed"}}',
    b'{"type": "session.updated", "session": 3}',
    b'{"type": "error", "error": "bad"}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_counted_and_survived_up_to_a_limit(garbage: bytes) -> None:
    talk = Talk()
    talk.say("u-1")
    talk.tell(type="response.created", response={"id": "r", "metadata": {"utterance": "u-1"}})
    for _ in range(GARBAGE_LIMIT - 1):
        assert talk.session.receive(garbage, 0.0) == []
    assert talk.session.counters.garbage == GARBAGE_LIMIT - 1
    talk.tell(type="input_audio_buffer.cleared")
    for _ in range(GARBAGE_LIMIT - 1):
        talk.session.receive(garbage, 0.0)
    with pytest.raises(SessionError) as caught:
        talk.session.receive(garbage, 0.0)
    assert caught.value.code == "garbage"
    assert caught.value.retryable


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=4,
)
identity = st.sampled_from(["item_1", "resp_2", "r", "u-1", "commit:u-1", "create:u-1", "cancel:u-1"])
odd_message = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            [
                "session.created",
                "input_audio_buffer.committed",
                "response.created",
                "response.output_item.added",
                "response.output_audio.delta",
                "response.output_audio_transcript.delta",
                "response.done",
                "conversation.item.input_audio_transcription.completed",
                "error",
            ]
        )
    },
    optional={
        "response_id": identity | any_json,
        "item_id": identity | any_json,
        "delta": st.text(max_size=8) | any_json,
        "transcript": any_json,
        "session": any_json,
        "item": st.fixed_dictionaries({"id": identity | any_json}, optional={"phase": any_json}) | any_json,
        "response": st.fixed_dictionaries(
            {"id": identity},
            optional={
                "status": st.sampled_from(["completed", "failed", "odd"]) | any_json,
                "metadata": st.fixed_dictionaries({"utterance": identity}) | any_json,
                "status_details": any_json,
                "usage": any_json,
            },
        )
        | any_json,
        "error": st.fixed_dictionaries({"event_id": identity}, optional={"code": any_json, "type": any_json}),
    },
)


@given(
    st.lists(odd_message.map(json.dumps) | st.text(st.characters(), max_size=20), max_size=25),
    st.integers(0, 30),
)
def test_whatever_the_service_says_nothing_but_a_session_error_is_raised(
    messages: list[str], cancelled_at: int
) -> None:
    talk = Talk()
    talk.say("u-1")
    talk.session.hear("u-2", SPEECH, 0.0)
    ended = 0
    try:
        for number, message in enumerate(messages):
            if number == cancelled_at:
                talk.session.cancel("u-1")
            events = talk.session.receive(message, 0.0)
            ended += sum(isinstance(event, InterpretationEnded) for event in events)
    except SessionError:
        pass
    assert ended <= 1


@settings(max_examples=200)
@given(st.data())
def test_each_utterance_gets_one_last_word_and_leaves_nothing_behind(data: st.DataObject) -> None:
    """Any order of what we do and what the service does, over several utterances."""
    talk = Talk(ConversationSettings(transcribe="asr" if data.draw(st.booleans()) else None))
    cancelled_after: dict[str, int] = {}
    interpreted: set[str] = set()
    hearing: str | None = None
    count = 0
    for action in data.draw(st.lists(st.sampled_from(["hear", "interpret", "cancel", "step", "step", "carry"]))):
        match action:
            case "hear":
                if hearing is None:
                    count += 1
                    hearing = f"u-{count}"
                talk.session.hear(hearing, hearing.encode("utf-16-le") * 1_200, 0.0)
            case "interpret" if hearing is not None:
                talk.events += talk.session.interpret(hearing, 0.0)
                interpreted.add(hearing)
                hearing = None
            case "cancel" if count:
                chosen = f"u-{data.draw(st.integers(1, count))}"
                talk.session.cancel(chosen)
                cancelled_after.setdefault(chosen, len(talk.events))
                if chosen == hearing:
                    hearing = None
            case "step":
                talk.service.step(data.draw(st.integers(0, 5)))
            case _:
                talk.exchange()
    if hearing is not None:
        talk.session.cancel(hearing)
    talk.exchange()
    while talk.service.step(data.draw(st.integers(0, 5))):
        talk.exchange()
    for pcm in talk.service.items.values():
        raise AssertionError(f"left behind: {len(pcm)} bytes")
    assert talk.service.buffer == b""
    assert talk.session.unfinished() == ()
    for utterance in interpreted - set(cancelled_after):
        last = [e for e in talk.events if isinstance(e, InterpretationEnded) and e.utterance == utterance]
        assert [event.outcome for event in last] == [InterpretationOutcome.COMPLETED]
        assert InterpretationAudio(LANE, utterance, utterance.encode("utf-16-le")) in talk.events
        assert talk.events.index(last[0]) > talk.events.index(InterpretationText(LANE, utterance, utterance))
    for utterance, position in cancelled_after.items():
        later = [event for event in talk.events[position:] if getattr(event, "utterance", None) == utterance]
        assert later == []
    for create in talk.service.of_type("response.create"):
        assert create["response"]["metadata"]["utterance"] in interpreted


# --- once more


def test_a_kept_utterance_is_interpreted_again_strictly() -> None:
    talk = Talk(ConversationSettings(), keeps=True)
    talk.say("u-1")
    talk.finish()
    assert talk.session.knows("u-1")
    assert talk.session.unfinished() == ()
    assert talk.service.deleted == set()
    assert talk.session.interpret("u-1", 1.0, strict=True) == []
    talk.exchange()
    talk.finish()
    first, second = (create["response"] for create in talk.service.of_type("response.create"))
    assert second["input"] == first["input"]
    assert first["instructions"] == BRIEFING
    assert second["instructions"].startswith(BRIEFING)
    assert "not a translation" in second["instructions"]
    ended = [event for event in talk.events if isinstance(event, InterpretationEnded)]
    assert [event.outcome for event in ended] == [InterpretationOutcome.COMPLETED] * 2
    talk.session.release("u-1")
    talk.exchange()
    assert talk.service.deleted == {"item_1"}
    assert not talk.session.knows("u-1")


def test_what_is_late_of_the_first_attempt_is_not_taken_for_the_second() -> None:
    talk = Talk(ConversationSettings(), keeps=True)
    talk.say("u-1")
    talk.finish()
    talk.session.interpret("u-1", 1.0)
    first = {"id": "resp_2", "status": "failed", "metadata": {"utterance": "u-1"}}
    assert talk.tell(type="response.done", response=first) == []
    assert talk.tell(type="response.created", response=first) == []
    assert talk.session.unfinished() == ("u-1",)
    talk.exchange()
    talk.finish()
    assert [type(event) for event in talk.events].count(InterpretationEnded) == 2


def test_what_nobody_releases_goes_by_itself() -> None:
    talk = Talk(ConversationSettings(), keeps=True)
    for number in range(3 * KEPT_LIMIT):
        talk.say(f"u-{number}")
        talk.finish()
        assert len(talk.service.items) <= KEPT_LIMIT
    assert talk.session.deadline == KEEP_S
    assert talk.session.check(KEEP_S - 0.01) == []
    talk.exchange()
    assert len(talk.service.items) == KEPT_LIMIT
    talk.session.check(KEEP_S)
    talk.exchange()
    assert talk.service.items == {}
    assert talk.session.deadline is None


def test_releasing_early_or_twice_or_nothing_does_no_harm() -> None:
    talk = Talk(keeps=True)
    talk.session.release("u-1")
    talk.say("u-1")
    talk.session.release("u-1")
    talk.finish()
    talk.session.release("u-1")
    talk.exchange()
    assert talk.service.deleted == {"item_1"}


def test_a_kept_utterance_can_be_cancelled() -> None:
    talk = Talk(ConversationSettings(), keeps=True)
    talk.say("u-1")
    talk.finish()
    talk.session.cancel("u-1")
    talk.exchange()
    assert talk.service.deleted == {"item_1"}
    assert not talk.session.knows("u-1")


def test_a_session_that_retires_is_finished_when_nothing_is_kept() -> None:
    talk = Talk(ConversationSettings(), keeps=True)
    talk.say("u-1")
    talk.session.retire(0.0)
    assert not talk.session.finished
    talk.finish()
    assert not talk.session.finished
    talk.session.release("u-1")
    assert talk.session.finished


# --- how it is said


def test_speed_is_the_sessions_and_changes_between_two_turns_only() -> None:
    talk = Talk(ConversationSettings())
    for utterance, speed in [("u-1", 1.0), ("u-2", 1.2)]:
        talk.session.hear(utterance, SPEECH, 0.0)
        talk.session.interpret(utterance, 0.0, speed=speed)
        talk.exchange()
    assert len(talk.service.of_type("session.update")) == 1  # u-1 is being answered
    talk.finish()
    talk.session.hear("u-3", SPEECH, 0.0)
    talk.session.interpret("u-3", 0.0, speed=1.2)
    talk.exchange()
    kinds = [message["type"] for message in talk.service.received]
    assert kinds[-2:] == ["session.update", "response.create"]
    assert talk.service.session["audio"]["output"]["speed"] == 1.2
    assert talk.service.session["instructions"] == BRIEFING


def test_one_response_is_condensed_and_the_next_is_not() -> None:
    talk = Talk(ConversationSettings())
    for utterance, condensed in [("u-1", True), ("u-2", False)]:
        talk.session.hear(utterance, SPEECH, 0.0)
        talk.session.interpret(utterance, 0.0, condensed=condensed)
        talk.exchange()
        talk.finish()
    first, second = (create["response"]["instructions"] for create in talk.service.of_type("response.create"))
    assert first.startswith(BRIEFING)
    assert "few words" in first
    assert second == BRIEFING
    assert len(talk.service.of_type("session.update")) == 1


def test_a_new_briefing_is_for_what_is_not_complete_and_told_to_the_session_when_it_is_idle() -> None:
    talk = Talk(ConversationSettings())
    talk.say("u-1")
    talk.session.brief("Terms have changed.")
    talk.say("u-2")
    assert len(talk.service.of_type("session.update")) == 1
    talk.finish()
    given = [create["response"]["instructions"] for create in talk.service.of_type("response.create")]
    assert given == [BRIEFING, "Terms have changed."]
    talk.exchange()
    assert talk.service.of_type("session.update")[-1]["session"] == {
        "type": "realtime",
        "instructions": "Terms have changed.",
    }
    talk.session.brief("Terms have changed.")
    assert not talk.session.has_data_to_send


def test_a_text_is_read_aloud_out_of_band() -> None:
    talk = Talk()
    assert talk.session.say("notice-1", "Please wait.", "es-ES", 0.0) == []
    talk.exchange()
    (create,) = talk.service.of_type("response.create")
    response = create["response"]
    assert response["conversation"] == "none"
    assert "aloud in Spanish (es-ES)" in response["instructions"]
    assert response["input"][0]["content"] == [{"type": "input_text", "text": "Please wait."}]
    talk.finish()
    assert [type(event) for event in talk.events] == [InterpretationText, InterpretationAudio, InterpretationEnded]
    assert {getattr(event, "utterance", "") for event in talk.events} == {"notice-1"}
    assert not talk.session.knows("notice-1")
    talk.session.say("notice-2", "Please wait.", "es-ES", 0.0)
    with pytest.raises(ValueError, match="already"):
        talk.session.say("notice-2", "Please wait.", "es-ES", 0.0)


def test_captions_only_is_a_session_of_text() -> None:
    talk = Talk(ConversationSettings(), text_only=True)
    assert talk.service.session["output_modalities"] == ["text"]
    talk.say("u-1")
    (create,) = talk.service.of_type("response.create")
    assert create["response"]["output_modalities"] == ["text"]
    talk.tell(type="response.created", response={"id": "r", "metadata": {"utterance": "u-1"}})
    text = {"type": "response.output_text.delta", "response_id": "r", "item_id": "i"}
    assert talk.tell(**text, delta="Hola") == [InterpretationText(LANE, "u-1", "Hola")]


# --- a model that does not stop


def endless(talk: Talk, response: str = "r") -> list[BoothEvent]:
    """A second of audio after the other, until the last word."""
    delta = {"type": "response.output_audio.delta", "response_id": response, "item_id": "i"}
    events: list[BoothEvent] = []
    for _ in range(60):
        events += talk.tell(**delta, delta=base64.b64encode(bytes(48_000)).decode())
        if isinstance(events[-1], InterpretationEnded):
            break
    return events


def test_an_interpretation_without_end_is_cut() -> None:
    talk = Talk(ConversationSettings())
    talk.say("u-1")
    talk.tell(type="response.created", response={"id": "r", "metadata": {"utterance": "u-1"}})
    *audio, last = endless(talk)
    assert last == InterpretationEnded(LANE, "u-1", InterpretationOutcome.INCOMPLETE, "endless")
    heard = sum(len(event.pcm) for event in audio if isinstance(event, InterpretationAudio))
    assert heard == 3 * len(SPEECH) + 5_000 * 48
    (cancel,) = [json.loads(text) for text in talk.session.data_to_send()]
    assert (cancel["type"], cancel["response_id"]) == ("response.cancel", "r")
    assert talk.tell(type="response.output_audio.delta", response_id="r", item_id="i", delta="AAAA") == []
    assert talk.tell(type="response.done", response={"id": "r", "status": "cancelled"}) == []
    (delete,) = [json.loads(text) for text in talk.session.data_to_send()]
    assert delete["type"] == "conversation.item.delete"


def test_what_was_cut_may_be_interpreted_again() -> None:
    talk = Talk(ConversationSettings(), keeps=True)
    talk.say("u-1")
    talk.tell(type="response.created", response={"id": "r", "metadata": {"utterance": "u-1"}})
    endless(talk)
    talk.session.interpret("u-1", 1.0)
    again = {"id": "r2", "metadata": {"utterance": "u-1", "attempt": "2"}}
    assert talk.tell(type="response.created", response={"id": "r", "metadata": {"utterance": "u-1"}}) == []
    assert talk.tell(type="response.done", response={"id": "r", "status": "cancelled"}) == []
    talk.tell(type="response.created", response=again)
    (ended,) = talk.tell(type="response.done", response={**again, "status": "completed"})
    assert isinstance(ended, InterpretationEnded)
    assert ended.outcome is InterpretationOutcome.COMPLETED


def test_a_cut_that_crosses_the_end_tidies_up_too() -> None:
    talk = Talk(ConversationSettings())
    talk.say("u-1")
    talk.tell(type="response.created", response={"id": "r", "metadata": {"utterance": "u-1"}})
    endless(talk)
    talk.session.data_to_send()
    error = {"type": "invalid_request_error", "code": "response_cancel_not_active", "event_id": "cancel:u-1"}
    assert talk.tell(type="error", error=error) == []
    assert [json.loads(text)["type"] for text in talk.session.data_to_send()] == ["conversation.item.delete"]


# --- quota


def test_want_of_quota_is_told_once_until_something_goes_well() -> None:
    talk = Talk(ConversationSettings())
    details = {"type": "failed", "error": {"type": "tokens", "code": "insufficient_quota"}}
    told: list[int] = []
    for number, bad in enumerate([True, True, False, True]):
        talk.say(f"u-{number}")
        response = {"id": f"r-{number}", "metadata": {"utterance": f"u-{number}"}}
        ending = {"status": "failed", "status_details": details} if bad else {"status": "completed"}
        events = talk.tell(type="response.done", response={**response, **ending})
        if BoothDegraded(LANE, "conversation", "quota") in events:
            told.append(number)
    assert told == [0, 3]
    talk.service.error("rate_limit_exceeded", kind="tokens")
    assert talk.exchange() == []


# --- any order


@settings(max_examples=150)
@given(st.data())
def test_in_any_order_of_messages_no_utterance_ends_twice(data: st.DataObject) -> None:
    """Whole conversations, their messages shuffled and repeated."""
    talk = Talk(ConversationSettings(), keeps=True)
    for number in range(3):
        talk.say(f"u-{number}")
    script: list[str] = []
    for number in range(3):
        response = {"id": f"r-{number}", "metadata": {"utterance": f"u-{number}"}}
        place = {"response_id": f"r-{number}", "item_id": "i"}
        script += [
            json.dumps(message)
            for message in (
                {"type": "response.created", "response": response},
                {"type": "response.output_audio.delta", **place, "delta": "AAAA"},
                {"type": "response.output_audio_transcript.delta", **place, "delta": "x"},
                {"type": "response.done", "response": {**response, "status": "completed"}},
            )
        ]
    order = data.draw(st.permutations(script + data.draw(st.lists(st.sampled_from(script), max_size=6))))
    events = [event for text in order for event in talk.session.receive(text, 0.0)]
    for number in range(3):
        assert sum(isinstance(e, InterpretationEnded) and e.utterance == f"u-{number}" for e in events) == 1
        after = [type(event) for event in events if getattr(event, "utterance", "") == f"u-{number}"]
        assert after[-1] is InterpretationEnded


# --- what it costs


def test_a_response_that_was_cut_is_paid_for() -> None:
    talk = Talk()
    talk.say("u-1")
    talk.tell(type="response.created", response={"id": "r", "metadata": {"utterance": "u-1"}})
    endless(talk)
    usage = {"input_token_details": {"audio_tokens": 30}, "output_token_details": {"audio_tokens": 400}}
    response = {"id": "r", "status": "cancelled", "metadata": {"utterance": "u-1"}, "usage": usage}
    assert talk.tell(type="response.done", response=response) == [
        BoothUsed(LANE, Usage(input_audio=30, output_audio=400))
    ]
    assert talk.tell(type="response.done", response=response) == [], "once"


def test_a_response_about_an_utterance_that_is_forgotten_is_paid_for() -> None:
    talk = Talk()
    usage = {"output_token_details": {"audio_tokens": 400}}
    response = {"id": "r-9", "status": "completed", "metadata": {"utterance": "u-9"}, "usage": usage}
    assert talk.tell(type="response.done", response=response) == [BoothUsed(LANE, Usage(output_audio=400))]


@pytest.mark.parametrize(
    ("usage", "used"),
    [
        (
            {
                "type": "tokens",
                "input_tokens": 14,
                "output_tokens": 5,
                "input_token_details": {"text_tokens": 4, "audio_tokens": 10},
            },
            Usage(transcription_input_text=4, transcription_input_audio=10, transcription_output_text=5),
        ),
        (
            {"type": "tokens", "input_tokens": 14, "output_tokens": 5},
            Usage(transcription_input_audio=14, transcription_output_text=5),
        ),
        ({"type": "duration", "seconds": 1.25}, Usage(transcription_ms=1_250)),
        ({"type": "duration", "seconds": -1e300}, Usage()),
        ("nonsense", Usage()),
        (None, Usage()),
    ],
)
def test_transcripts_are_paid_for_by_tokens_or_by_duration(usage: Any, used: Usage) -> None:
    talk = Talk(ConversationSettings(transcribe="gpt-transcribe"))
    talk.say("u-1")
    kind = "conversation.item.input_audio_transcription.completed"
    events = talk.tell(type=kind, item_id="item_1", transcript="hello", usage=usage)
    assert events == [*([BoothUsed(LANE, used)] if used != Usage() else []), SourceText(LANE, "u-1", "hello")]


@pytest.mark.parametrize(("reported", "counted"), [(-5, 0), (10**30, MOST_TOKENS), (7, 7)])
def test_impossible_token_counts_are_corrected_and_logged(
    reported: int, counted: int, caplog: pytest.LogCaptureFixture
) -> None:
    talk = Talk()
    talk.say("u-1")
    usage = {"input_token_details": {"audio_tokens": reported}, "output_token_details": {"audio_tokens": reported}}
    response = {"id": "r", "status": "completed", "metadata": {"utterance": "u-1"}, "usage": usage}
    (ended,) = talk.tell(type="response.done", response=response)
    assert isinstance(ended, InterpretationEnded)
    assert ended.usage == Usage(input_audio=counted, output_audio=counted)
    assert bool(caplog.records) is (reported != counted)


# --- what the speaker says, as it is heard


def test_a_transcript_is_passed_on_while_it_grows() -> None:
    talk = Talk(ConversationSettings(transcribe="gpt-transcribe"))
    talk.say("u-1")
    delta = "conversation.item.input_audio_transcription.delta"
    assert talk.tell(type=delta, item_id="item_1", delta="hel") == [SourceDelta(LANE, "u-1", "hel")]
    assert talk.tell(type=delta, item_id="item_9", delta="x") == talk.tell(type=delta, item_id="item_1", delta="") == []
    done = "conversation.item.input_audio_transcription.completed"
    assert talk.tell(type=done, item_id="item_1", transcript="hello") == [SourceText(LANE, "u-1", "hello")]
    assert talk.tell(type=delta, item_id="item_1", delta="lo") == []
    talk.say("u-2")
    talk.session.cancel("u-2")
    assert talk.tell(type=delta, item_id="item_2", delta="x") == []


# --- typed texts


def test_a_typed_text_is_sent_with_the_request_and_kept_nowhere() -> None:
    talk = Talk()
    talk.session.translate("u-1", "Where is the pier?", 0.0, strict=False, speed=1.0, condensed=False)
    talk.exchange()
    (create,) = talk.service.of_type("response.create")
    assert create["response"]["conversation"] == "none"
    assert create["response"]["instructions"] == BRIEFING
    content = [{"type": "input_text", "text": "Where is the pier?"}]
    assert create["response"]["input"] == [{"type": "message", "role": "user", "content": content}]
    with pytest.raises(ValueError, match="begun already"):
        talk.session.translate("u-1", "Again?", 0.0, strict=False, speed=1.0, condensed=False)
    talk.finish()
    assert [end.outcome for end in talk.events if isinstance(end, InterpretationEnded)] == ["completed"]
    assert not talk.session.knows("u-1")
    talk.session.translate("u-1", "Where is the pier?", 0.0, strict=True, speed=1.0, condensed=True)
    talk.exchange()
    again = talk.service.of_type("response.create")[-1]["response"]["instructions"]
    assert again.startswith(BRIEFING) and "Translate the user input" in again and "fewer" not in BRIEFING
    assert talk.session.unfinished() == ("u-1",)
