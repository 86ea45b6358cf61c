"""The model speaks by itself when nobody has spoken for long enough after its answer."""

from __future__ import annotations

from typing import Any

from tests.support.realtime_driver import Driver, Event, kinds, last, pcm_of

TRIGGERED = "input_audio_buffer.timeout_triggered"


def driver_with(**detection: Any) -> Driver:
    driver = Driver(configured=False)
    settings = {"type": "server_vad", "idle_timeout_ms": 6_000, **detection}
    driver.send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": settings}}})
    return driver


def answer(driver: Driver, answer_ms: int = 2_000) -> None:
    """Say something and have it answered."""
    driver.append(pcm_of(400, 3_000) + pcm_of(400, 0))
    driver.heard("Hello")
    driver.said(pcm_of(answer_ms))


def wait(driver: Driver, seconds: float) -> list[Event]:
    """Let time pass while the client sends silence."""
    events: list[Event] = []
    for _ in range(round(seconds / 0.1)):
        events += driver.append(pcm_of(100, 0))
        events += driver.advance(0.1)
    return events


def test_it_speaks_by_itself_once_its_answer_was_played_and_the_time_has_passed() -> None:
    driver = driver_with()
    assert TRIGGERED not in kinds(wait(driver, 20)), "there was no answer yet"
    answer(driver)
    assert TRIGGERED not in kinds(wait(driver, 7.9))
    events = wait(driver, 0.2)
    assert kinds(events)[:5] == [
        TRIGGERED,
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    triggered = events[0]
    assert triggered["audio_end_ms"] - triggered["audio_start_ms"] == 6_000
    assert triggered["audio_end_ms"] == 20_000 + 800 + 8_100
    assert triggered["item_id"] == events[1]["item_id"]
    assert [say.text for say in driver.says] == ["I am listening."]
    driver.said(pcm_of(1_000))
    assert kinds(wait(driver, 7.1)).count(TRIGGERED) == 1, "the time counts from the new answer"


def test_speech_and_other_answers_stop_the_clock() -> None:
    driver = driver_with(create_response=False)
    driver.append(pcm_of(400, 3_000) + pcm_of(400, 0))
    driver.respond()
    driver.heard("Hello")
    driver.said()
    wait(driver, 5)
    driver.append(pcm_of(400, 3_000))
    driver.append(pcm_of(400, 0))
    assert TRIGGERED not in kinds(wait(driver, 10)), "somebody spoke"
    driver.respond()
    driver.heard("Hello again")
    driver.said()
    wait(driver, 5)
    driver.respond()
    assert TRIGGERED not in kinds(wait(driver, 10)), "another answer is being made"


def test_without_automatic_responses_the_silence_is_committed_alone() -> None:
    driver = driver_with(create_response=False)
    driver.respond()
    driver.said()
    found = kinds(wait(driver, 6.1))
    assert TRIGGERED in found
    assert "response.created" not in found


def test_nobody_sends_audio_and_it_speaks_all_the_same() -> None:
    driver = driver_with()
    driver.respond()
    driver.said()
    events = driver.advance(6.1)
    triggered = last(events, TRIGGERED)
    assert triggered["audio_start_ms"] == triggered["audio_end_ms"] == 0
    assert "response.created" in kinds(events)


def test_a_timeout_that_was_taken_back_does_nothing() -> None:
    driver = driver_with()
    answer(driver)
    detection = {"type": "server_vad", "idle_timeout_ms": None}
    driver.send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": detection}}})
    assert TRIGGERED not in kinds(wait(driver, 20))
    answer(driver)
    assert TRIGGERED not in kinds(wait(driver, 20))


def test_an_interpreter_says_nothing_of_its_own() -> None:
    driver = driver_with()
    driver.send("session.update", session={"type": "realtime", "instructions": "Interpret from English into Spanish."})
    driver.append(pcm_of(400, 3_000) + pcm_of(400, 0))
    driver.heard("Hello")
    driver.spoken("Hola")
    events = wait(driver, 6.5)
    assert last(events, "response.done")["response"]["output"][0]["content"][0]["transcript"] == ""
