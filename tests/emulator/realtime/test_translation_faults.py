"""What a translation session does wrong on request."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.realtime.faults.rules import FaultRule
from emulator.realtime.session import Abort, Close, Stall
from emulator.realtime.translation_model import OutputMode
from tests.support.realtime_driver import Event, TranslationDriver, kinds, pcm_of
from tests.support.translation_events import AUDIO, SENTENCE, SOURCE, WRITTEN, text, transcribing, voiced_ms

HOLOGRAM = "response.output_hologram.delta"


def one_sentence(driver: TranslationDriver, milliseconds: int = 1_000) -> list[Event]:
    """What comes for one sentence, with so long an interpretation."""
    events = driver.speak(*SENTENCE)
    events += driver.heard("Hello there")
    if driver.interprets:
        events += driver.spoken("Internacionalmente reconocidas", pcm_of(milliseconds, 5000))
    return events + driver.speak((2_000, 0))


@pytest.mark.parametrize(
    "point",
    ["connect", "created", "updated", "committed", "response", "mid_word", "first_delta", "mid_response", "done"],
)
def test_every_point_comes_once(point: Any) -> None:
    driver = transcribing(TranslationDriver(FaultRule("unknown_event", at=point)))
    one_sentence(driver)
    found = kinds(driver.events)
    assert found.count(HOLOGRAM) == 1
    place = found.index(HOLOGRAM)
    before = {"connect": None, "created": "session.created", "updated": "session.updated", "mid_word": WRITTEN}
    assert (found[place - 1] if place else None) == before.get(point, found[place - 1])
    voiced = {"mid_word": 400, "first_delta": 200, "mid_response": 600, "done": 1_000}
    assert voiced_ms(driver.events[:place]) == voiced.get(point, 0)
    assert voiced_ms(driver.events) == 1_000


def test_a_cut_in_the_middle_of_a_word() -> None:
    driver = TranslationDriver(FaultRule("close", at="mid_word", close_code=1012, reason="bye"))
    events = one_sentence(driver)
    assert driver.effects == [Close(1012, "bye")]
    assert events[-1]["type"] == WRITTEN
    written = text(events)
    assert "Internacionalmente reconocidas"[len(written)].isalpha()
    assert written[-1].isalpha()
    assert driver.session.next_deadline() is None


def test_a_fault_may_come_so_long_after_its_point() -> None:
    driver = TranslationDriver(FaultRule("abort", at="created", after_s=20.0))
    driver.advance(19.9)
    assert driver.effects == []
    driver.advance(0.2)
    assert driver.effects == [Abort()]
    assert driver.append(pcm_of(200)) == []


def test_a_stall_and_an_error_without_a_code() -> None:
    driver = TranslationDriver(
        FaultRule("stall", at="committed", seconds=5, direction="writes"),
        FaultRule("error_event", at="committed", error_code=None, message="odd"),
    )
    events = one_sentence(driver)
    assert Stall(5, False, True) in driver.effects
    (error,) = [event["error"] for event in events if event["type"] == "error"]
    assert (error["code"], error["message"]) == (None, "odd")


@pytest.mark.parametrize("do", ["extra_fields", "missing_event_id", "huge_frame"])
def test_odd_events_have_a_type_of_this_session(do: Any) -> None:
    driver = TranslationDriver(FaultRule(do, size=10))
    odd = driver.events[1]
    assert (odd["type"], odd["delta"]) == (WRITTEN, "")
    assert ("event_id" in odd) is (do != "missing_event_id")
    assert len(odd) == {"extra_fields": 5, "missing_event_id": 2, "huge_frame": 4}[do]


@pytest.mark.parametrize(
    ("rule", "said", "milliseconds"),
    [
        (FaultRule("say", text="I can help with that"), "I can help with that", 1_000),
        (FaultRule("echo"), "Hello there", 1_000),
        (FaultRule("double_audio"), "Internacionalmente reconocidas", 2_000),
        (FaultRule("say", target="fr", text="no"), "Internacionalmente reconocidas", 1_000),
    ],
    ids=["answers", "echo", "doubled", "other target"],
)
def test_misbehaving_models(rule: FaultRule, said: str, milliseconds: int) -> None:
    events = one_sentence(TranslationDriver(rule))
    assert (text(events), voiced_ms(events)) == (said, milliseconds)


def test_the_wrong_language() -> None:
    driver = TranslationDriver(FaultRule("wrong_language", language="ru", response=2))
    for _ in range(2):
        driver.speak(*SENTENCE)
        driver.heard("Hello")
    assert [job.target for job in driver.interprets] == ["es", "ru"]


def test_a_late_model_speaks_so_much_later() -> None:
    driver = TranslationDriver(FaultRule("delay_response", seconds=1.2))
    driver.speak(*SENTENCE)
    driver.heard("Hello")
    driver.spoken("Hola", pcm_of(200, 5000))
    (note,) = [one.due_ms for one in driver.session._interpretations.audible.values()]  # type: ignore[attr-defined]  # a TranslationSession
    assert note == 1_200


def test_a_failed_sentence_is_an_error_and_the_next_is_interpreted() -> None:
    driver = TranslationDriver(FaultRule("fail_response", response=1, error_code="rate_limit_exceeded"))
    first = one_sentence(driver)
    (error,) = [event["error"] for event in first if event["type"] == "error"]
    assert error["code"] == "rate_limit_exceeded"
    assert text(first) == ""
    assert text(one_sentence(driver)) == "Internacionalmente reconocidas"


def test_a_sentence_that_is_cut_short_stops_in_the_middle() -> None:
    driver = TranslationDriver(FaultRule("incomplete_response", times=1))
    events = one_sentence(driver, 2_000)
    assert voiced_ms(events) == 1_000
    assert text(events) != "Internacionalmente reconocidas"
    assert [note["status"] for note in driver.noted("realtime.interpretation")] == ["cut"]
    assert voiced_ms(one_sentence(driver)) == 1_000


def test_a_short_sentence_can_be_cut_in_its_only_chunk() -> None:
    driver = TranslationDriver(FaultRule("incomplete_response"))
    one_sentence(driver, 200)
    assert [note["status"] for note in driver.noted("realtime.interpretation")] == ["cut"]


def test_a_model_that_hangs_sends_nothing_more_and_never_closes() -> None:
    driver = TranslationDriver(FaultRule("hang_response"))
    assert voiced_ms(one_sentence(driver)) == 200
    assert driver.speak((1_000, 0)) == []
    assert driver.send("session.close") == []
    assert driver.advance(100) == []


def test_a_session_that_is_never_reported_closed() -> None:
    driver = TranslationDriver(FaultRule("omit_done"))
    one_sentence(driver)
    driver.send("session.close")
    driver.advance(100)
    assert "session.closed" not in kinds(driver.events)
    assert driver.effects == []


def test_source_transcripts_late_or_missing() -> None:
    driver = transcribing(
        TranslationDriver(
            FaultRule("delay_transcription", seconds=3, response=None, times=1), FaultRule("unknown_event")
        )
    )
    assert text(one_sentence(driver), SOURCE) == ""
    driver.advance(3)
    assert text(driver.speak((200, 0)), SOURCE) == " Hello there"
    driver = transcribing(TranslationDriver(FaultRule("fail_transcription")))
    assert text(one_sentence(driver), SOURCE) == ""


def test_updates_are_refused_or_confirmed_late() -> None:
    driver = TranslationDriver(
        FaultRule("refuse_session_update", times=1), FaultRule("delay_session_updated", seconds=2.0)
    )
    french: Any = {"audio": {"output": {"language": "fr"}}}
    assert driver.error("session.update", session=french)["code"] == "server_error"
    assert driver.send("session.update", session=french) == []
    assert kinds(driver.advance(2.0)) == ["session.updated"]


def test_single_messages_are_dropped_and_put_behind_others() -> None:
    driver = TranslationDriver(
        FaultRule("drop_message", event=AUDIO, nth=2), FaultRule("reorder_message", event=AUDIO, nth=3)
    )
    assert [event["elapsed_ms"] for event in driver.speak((1_000, 0))] == [200, 800, 600, 1_000]
    assert [note["do"] for note in driver.noted("realtime.fault")] == ["drop_message", "reorder_message"]


def test_a_cut_in_the_last_burst_comes_before_the_session_is_reported_closed() -> None:
    held = OutputMode(9_600, (9_600, 9_600), burst_steps=(500, 500))
    driver = TranslationDriver(FaultRule("close", at="done", close_code=1013), output=held)
    driver.speak(*SENTENCE)
    driver.heard("Hello")
    driver.spoken("Hola", pcm_of(400, 5000))
    driver.send("session.close")
    driver.advance(10)
    assert voiced_ms(driver.events) == 400
    assert "session.closed" not in kinds(driver.events)
    assert driver.effects == [Close(1013, "")]
