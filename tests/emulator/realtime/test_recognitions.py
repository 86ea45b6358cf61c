"""Transcription events, and one recognition per item."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from emulator.engine.base import EngineError, Heard
from emulator.realtime.faults.rules import FaultRule
from emulator.realtime.recognitions import hinted_languages
from emulator.realtime.session import Abandon
from tests.support.realtime_driver import AT_ONCE, Driver, kinds, last, pcm_of

TRANSCRIPTION = "conversation.item.input_audio_transcription"


def transcribing(*rules: FaultRule, config: Any = AT_ONCE, **settings: Any) -> Driver:
    driver = Driver(*rules, config=config)
    transcription = {"model": "gpt-transcribe", "language": "en", **settings}
    driver.send("session.update", session={"type": "realtime", "audio": {"input": {"transcription": transcription}}})
    return driver


def test_recognition_starts_at_commit_and_serves_the_response_too() -> None:
    driver = transcribing()
    item_id = driver.commit(2000)
    assert [job.languages for job in driver.hears] == [("en",)]
    driver.respond(conversation="none")
    assert len(driver.hears) == 1
    events = driver.heard("Hello there")
    assert kinds(events) == [f"{TRANSCRIPTION}.delta", f"{TRANSCRIPTION}.delta", f"{TRANSCRIPTION}.completed"]
    assert [event["delta"] for event in events[:-1]] == ["Hello", " there"]
    assert {event["item_id"] for event in events} == {item_id}
    completed = events[-1]
    assert (completed["transcript"], completed["content_index"]) == ("Hello there", 0)
    assert completed["languages"] == [{"code": "en"}]
    assert completed["usage"] == {
        "type": "tokens",
        "total_tokens": 23,
        "input_tokens": 20,
        "output_tokens": 3,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 20},
    }
    assert driver.interprets[0].heard == Heard("en", "Hello there")
    driver.respond(conversation="none")  # later, and still the same recognition
    assert not driver.hears
    (retrieved,) = driver.send("conversation.item.retrieve", item_id=item_id)
    assert retrieved["item"]["content"][0]["transcript"] == "Hello there"


def test_whisper_sends_everything_at_once_and_bills_by_duration() -> None:
    driver = transcribing(model="whisper-1")
    driver.commit(1200)
    delta, completed = driver.heard("Hello there")
    assert delta["delta"] == "Hello there"
    assert completed["usage"] == {"type": "duration", "seconds": 1.2}
    assert "languages" not in completed


@pytest.mark.parametrize("kind", ["tokens", "duration"])
def test_usage_can_be_chosen(kind: Any) -> None:
    driver = transcribing(config=replace(AT_ONCE, transcription_usage=kind))
    driver.commit()
    assert last(driver.heard("Hello"), f"{TRANSCRIPTION}.completed")["usage"]["type"] == kind


def test_items_may_be_transcribed_out_of_order() -> None:
    driver = transcribing()
    first, second = driver.commit(), driver.commit()
    driver.hears.rotate()
    assert last(driver.heard("second"), f"{TRANSCRIPTION}.completed")["item_id"] == second
    assert last(driver.heard("first"), f"{TRANSCRIPTION}.completed")["item_id"] == first


def test_without_transcription_nothing_is_heard_before_a_response() -> None:
    driver = Driver()
    driver.commit()
    assert not driver.hears
    driver.respond(conversation="none")
    assert driver.heard("Hello") == []


def test_what_is_not_understood_fails() -> None:
    driver = transcribing()
    item_id = driver.commit()
    (failed,) = driver.heard(None)
    assert (failed["type"], failed["item_id"], failed["content_index"]) == (f"{TRANSCRIPTION}.failed", item_id, 0)
    assert set(failed["error"]) == {"type", "code", "message", "param"}
    (note,) = driver.noted("realtime.transcription")
    assert note["understood"] is False


def test_an_engine_that_breaks_fails_transcription_and_response() -> None:
    driver = transcribing()
    driver.commit()
    driver.respond(conversation="none")
    events = driver.complete(driver.hears.popleft().work, EngineError("recogniser died"))
    assert events[0]["error"]["message"] == "recogniser died"
    assert last(events, "response.done")["response"]["status"] == "failed"


def test_a_deleted_item_is_not_spoken_of_but_its_response_goes_on() -> None:
    driver = transcribing()
    item_id = driver.commit()
    driver.respond(conversation="none")
    driver.send("conversation.item.delete", item_id=item_id)
    assert driver.heard("Hello") == []
    assert last(driver.spoken("Hola", pcm_of(100)), "response.done")["response"]["status"] == "completed"


def test_deleting_what_nobody_waits_for_abandons_the_work() -> None:
    driver = transcribing()
    item_id = driver.commit()
    work = driver.hears[0].work
    driver.send("conversation.item.delete", item_id=item_id)
    assert driver.effects == [Abandon(work)]
    assert driver.complete(work, Heard("en", "too late")) == []


def test_other_languages_are_another_hearing() -> None:
    driver = transcribing()
    driver.commit()
    driver.respond(conversation="none", instructions="from German into English")
    assert [job.languages for job in driver.hears] == [("en",), ("de",)]


def test_audio_given_in_the_request_is_heard_too() -> None:
    driver = Driver()
    content = [{"type": "input_audio", "audio": "AAAA" * 100}]
    driver.respond(conversation="none", input=[{"type": "message", "role": "user", "content": content}])
    assert driver.hears[0].pcm == bytes(300)
    driver.heard("Hello")
    assert driver.interprets


def test_transcription_can_be_late_or_fail() -> None:
    driver = transcribing(FaultRule("delay_transcription", seconds=3.0), FaultRule("fail_transcription", times=1))
    driver.commit()
    assert driver.heard("Hello") == []
    assert driver.advance(2.9) == []
    assert kinds(driver.advance(0.2)) == [f"{TRANSCRIPTION}.failed"]


@pytest.mark.parametrize("text", ["会議は三時です", ""])
def test_other_words_can_be_written_down(text: str) -> None:
    driver = transcribing(FaultRule("mishear", text=text, times=1))
    driver.commit()
    told = [message for message in driver.heard("Hello") if message["type"] == f"{TRANSCRIPTION}.completed"]
    assert [message["transcript"] for message in told] == [text]


@pytest.mark.parametrize(
    ("settings", "languages"),
    [
        (None, ()),
        ({"model": "m"}, ()),
        ({"language": "en-GB"}, ("en",)),
        ({"languages": ["es", "en-US", "es-MX"]}, ("es", "en")),
    ],
)
def test_hints(settings: dict[str, Any] | None, languages: tuple[str, ...]) -> None:
    assert hinted_languages(settings) == languages


def test_with_no_hint_at_all_the_default_is_listened_for() -> None:
    driver = Driver(config=replace(AT_ONCE, default_languages=("fr", "en")), configured=False)
    audio_input = {"turn_detection": None, "transcription": {"model": "gpt-transcribe"}}
    driver.send("session.update", session={"type": "realtime", "instructions": "", "audio": {"input": audio_input}})
    driver.commit()
    assert driver.hears[0].languages == ("fr", "en")
