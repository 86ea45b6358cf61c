"""The rules of a transcription session, event by event."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from emulator.realtime.config import RealtimeConfig
from emulator.realtime.deployments import read_deployments
from emulator.realtime.faults.rules import FaultRule
from tests.support.realtime_driver import AT_ONCE, Driver, TranscriptionDriver, kinds, last, pcm_of

COMPLETED = "conversation.item.input_audio_transcription.completed"
FAILED = "conversation.item.input_audio_transcription.failed"
DELTA = "conversation.item.input_audio_transcription.delta"


def configured(*rules: FaultRule, config: RealtimeConfig = AT_ONCE, **audio_input: Any) -> TranscriptionDriver:
    driver = TranscriptionDriver(*rules, config=config, model="")
    update(driver, **{"transcription": {"model": "gpt-transcribe"}, "turn_detection": None, **audio_input})
    return driver


def update(driver: TranscriptionDriver, **audio_input: Any) -> None:
    (event,) = driver.send("session.update", session={"type": "transcription", "audio": {"input": audio_input}})
    assert event["type"] == "session.updated", event


def test_session_created_comes_first() -> None:
    driver = TranscriptionDriver(model="")
    (created,) = driver.events
    assert created["type"] == "session.created"
    assert created["session"] == {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "id": driver.session.id,
        "expires_at": 1_003_600,
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 200,
                },
            }
        },
        "include": None,
    }


def test_the_guide_calls_the_object_otherwise() -> None:
    driver = TranscriptionDriver(config=replace(AT_ONCE, transcription_object="realtime.session"))
    assert driver.events[0]["session"]["object"] == "realtime.session"


def test_a_model_in_the_url_is_what_transcribes() -> None:
    audio_input = TranscriptionDriver(model="gpt-realtime-whisper").events[0]["session"]["audio"]["input"]
    assert audio_input["transcription"] == {"model": "gpt-realtime-whisper"}
    assert audio_input["turn_detection"] is None


def test_each_session_type_refuses_updates_for_the_other() -> None:
    assert Driver().error("session.update", session={"type": "transcription"})["message"] == (
        "Passing a transcription session update event to a realtime session is not allowed."
    )
    error = TranscriptionDriver().error("session.update", session={"type": "realtime"})
    assert error["message"] == "Passing a realtime session update event to a transcription session is not allowed."
    assert TranscriptionDriver().error("session.update", session={"type": "translation"})["param"] == "session.type"


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "transcription", "instructions": "x"}, "unknown_parameter", "session.instructions"),
        ({"type": "transcription", "audio": {"output": {}}}, "unknown_parameter", "session.audio.output"),
        (
            {"type": "transcription", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}},
            "integer_below_min_value",
            "session.audio.input.format.rate",
        ),
        (
            {"type": "transcription", "audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}},
            "invalid_value",
            "session.audio.input.turn_detection",
        ),
    ],
)
def test_a_bad_update_changes_nothing(session: dict[str, Any], code: str, param: str) -> None:
    driver = TranscriptionDriver()
    error = driver.error("session.update", session=session)
    assert (error["code"], error["param"]) == (code, param)
    (updated,) = driver.send("session.update", session={"type": "transcription"})
    assert updated["session"] == driver.events[0]["session"]


def test_a_manual_commit_is_transcribed_and_never_answered() -> None:
    driver = configured()
    item_id = driver.commit(1_200)
    assert kinds(driver.events)[-3:] == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    events = driver.heard("good morning")
    assert kinds(events) == [DELTA, DELTA, COMPLETED]
    assert [event["delta"] for event in events[:2]] == ["good", " morning"]
    completed = events[-1]
    assert {key: completed[key] for key in ("item_id", "content_index", "transcript", "languages", "usage")} == {
        "item_id": item_id,
        "content_index": 0,
        "transcript": "good morning",
        "languages": [{"code": "en"}],
        "usage": {
            "type": "tokens",
            "total_tokens": 15,
            "input_tokens": 12,
            "output_tokens": 3,
            "input_token_details": {"text_tokens": 0, "audio_tokens": 12},
        },
    }
    assert driver.advance(60) == []
    assert not driver.interprets


@pytest.mark.parametrize("kind", ["response.create", "response.cancel", "conversation.item.create", "session.close"])
def test_nothing_else_can_be_asked_for(kind: str) -> None:
    error = configured().error(kind)
    assert (error["code"], error["param"]) == ("invalid_value", "type")


def test_whisper_bills_by_duration_and_sends_one_delta() -> None:
    driver = configured(transcription={"model": "whisper-1"})
    driver.commit(1_200)
    events = driver.heard("good morning")
    assert kinds(events) == [DELTA, COMPLETED]
    assert events[0]["delta"] == "good morning"
    assert events[1]["usage"] == {"type": "duration", "seconds": 1.2}
    assert "languages" not in events[1]


def test_a_deployment_behaves_as_the_model_behind_it() -> None:
    deployments = read_deployments(["scribe=transcription:gpt-transcribe", "fast=transcription:gpt-realtime-whisper"])
    driver = configured(config=replace(AT_ONCE, deployments=deployments), transcription={"model": "scribe"})
    driver.commit()
    assert last(driver.heard("hello", "de"), COMPLETED)["languages"] == [{"code": "de"}]
    detection = {"type": "server_vad"}
    audio_input = {"transcription": {"model": "fast"}, "turn_detection": detection}
    error = driver.error("session.update", session={"type": "transcription", "audio": {"input": audio_input}})
    assert error["param"] == "session.audio.input.turn_detection"


@pytest.mark.parametrize(
    ("settings", "languages"),
    [
        ({}, ("en",)),
        ({"language": "de-DE"}, ("de",)),
        ({"languages": ["es", "fr"]}, ("es", "fr")),
    ],
)
def test_it_listens_for_what_the_settings_say(settings: dict[str, Any], languages: tuple[str, ...]) -> None:
    driver = configured(transcription={"model": "gpt-transcribe", **settings})
    driver.commit()
    assert driver.hears[0].languages == languages


def test_server_vad_commits_by_itself() -> None:
    driver = configured(turn_detection={"type": "server_vad", "silence_duration_ms": 300})
    started = driver.append(pcm_of(500, 3000))
    ended = driver.append(pcm_of(500, 0))
    assert kinds(started) == ["input_audio_buffer.speech_started"]
    assert kinds(ended) == [
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert ended[1]["item_id"] == started[0]["item_id"]
    assert kinds(driver.heard("hello")) == [DELTA, COMPLETED]


def test_semantic_vad_is_taken_without_its_answering_part() -> None:
    driver = configured(turn_detection={"type": "semantic_vad", "eagerness": "high"})
    assert driver.events[-1]["session"]["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "high",
    }


def test_without_a_model_turns_are_committed_and_not_written_down() -> None:
    driver = configured(transcription=None)
    driver.commit()
    assert not driver.hears


def test_items_can_be_looked_at_and_deleted() -> None:
    driver = configured()
    item_id = driver.commit(200)
    assert kinds(driver.send("conversation.item.retrieve", item_id=item_id)) == ["conversation.item.retrieved"]
    assert kinds(driver.send("conversation.item.delete", item_id=item_id)) == ["conversation.item.deleted"]
    assert not driver.hears  # nobody waits for it any more


def test_transcriptions_late_out_of_order_and_failed() -> None:
    driver = configured(
        FaultRule("delay_transcription", seconds=3.0, times=1), FaultRule("fail_transcription", times=1)
    )
    first, second, third = driver.commit(), driver.commit(), driver.commit()
    assert driver.heard("one") == []
    failed = last(driver.heard("two"), FAILED)
    completed = last(driver.heard("three"), COMPLETED)
    late = last(driver.advance(3.0), COMPLETED)
    assert [event["item_id"] for event in (failed, completed, late)] == [second, third, first]
    assert late["transcript"] == "one"


def test_what_cannot_be_understood_fails() -> None:
    driver = configured()
    driver.commit()
    (failed,) = driver.heard(None)
    assert (failed["type"], failed["error"]["code"]) == (FAILED, "audio_unintelligible")


def test_the_accounts_add_up() -> None:
    driver = configured()
    driver.commit(500)
    driver.append(pcm_of(300))
    driver.send("input_audio_buffer.clear")
    driver.append(pcm_of(50))
    assert driver.session.accounts() == {
        "audio_in": len(pcm_of(850)),
        "audio_in_committed": len(pcm_of(500)),
        "audio_in_dropped": len(pcm_of(300)),
        "audio_in_waiting": len(pcm_of(50)),
    }
