"""Words of a translation session's source that come while somebody speaks."""

from __future__ import annotations

import pytest

from emulator.engine.base import BYTES_PER_MS, EngineError, Heard
from emulator.realtime.overhearing import GrowingText
from tests.support.realtime_driver import TranslationDriver

SOURCE = "session.input_transcript.delta"


def transcribing(driver: TranslationDriver) -> TranslationDriver:
    driver.send("session.update", session={"audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}})
    return driver


def written(driver: TranslationDriver) -> str:
    return "".join(event["delta"] for event in driver.events if event["type"] == SOURCE)


def overheard(driver: TranslationDriver, text: str | None) -> None:
    """The engine has recognised what it was given last of the speech that goes on."""
    driver.complete(driver.overhears[-1].work, Heard("en", text))


@pytest.mark.parametrize(
    ("recognised", "pieces", "whole", "rest"),
    [
        ([], [], "Good morning.", " Good morning."),
        (["Good"], [""], "Good morning.", " Good morning."),
        (["Good more", "Good morning every."], ["", " Good"], "Good morning, everyone.", " morning, everyone."),
        (["good morning.", "Good morning, every", "Good morning, everyone."],
         ["", " Good morning", ""], "Good morning, everyone.", ", everyone."),
        (["¿Qué tal", "¿Qué tal está", "¿Qué tal está usted"],
         ["", " ¿Qué tal", " está"], "¿Qué tal está usted?", " usted?"),
        (["one two three", "one two three", "six seven"], ["", " one two three", ""], "Six seven.", ""),
        (["des eaux et", "des eaux et"], ["", " des eaux et"], "d'Inzo et forêt, et.", " forêt, et."),
        (["he is here", "he is here now", "well he is here now"],
         ["", " he is here", ""], "Well, he is here now.", " now."),
        (["It's at half-past", "it's at half-past ten"], ["", " it's at half-past"], "It's at half-past ten.", " ten."),
    ],
)  # fmt: skip
def test_what_two_recognitions_agree_on_is_told_once(
    recognised: list[str], pieces: list[str], whole: str, rest: str
) -> None:
    text = GrowingText()
    assert [text.agreed(one, tell=True) for one in recognised] == pieces
    assert text.rest(whole) == rest
    assert text.agreed(whole, tell=True) == text.agreed(whole, tell=True) == ""


def test_words_come_while_somebody_speaks() -> None:
    driver = transcribing(TranslationDriver())
    driver.speak((1_200, 3000))
    overheard(driver, "I would")
    driver.speak((1_000, 3000))
    overheard(driver, "I would like")
    driver.speak((400, 3000))
    assert written(driver) == " I would"
    assert not driver.hears, "the sentence is not over"
    driver.speak((1_000, 3000), (400, 0))
    driver.heard("I would like some tea.")
    driver.speak((1_000, 0))
    assert written(driver) == " I would like some tea."


def test_one_recognition_at_a_time_and_each_of_a_second_more() -> None:
    driver = transcribing(TranslationDriver())
    driver.speak((4_000, 3000))
    (first,) = driver.overhears
    assert len(first.pcm) == 1_000 * BYTES_PER_MS
    overheard(driver, None)
    driver.speak((200, 3000))
    driver.complete(driver.overhears[-1].work, EngineError("busy"))
    driver.speak((800, 3000))
    assert [len(one.pcm) // BYTES_PER_MS for one in driver.overhears] == [1_000, 4_200]
    driver.speak((200, 3000))
    assert len(driver.overhears[-1].pcm) == 5_200 * BYTES_PER_MS
    assert driver.overhears[-1].languages == ("en", "es")


def test_words_wait_for_those_of_the_segment_before_and_come_no_more_after_the_whole() -> None:
    driver = transcribing(TranslationDriver())
    driver.speak((1_600, 3000), (400, 0), (1_200, 3000))
    overheard(driver, "Hello")  # of the first, which is over and not recognised yet
    driver.speak((200, 3000))
    overheard(driver, "How are")
    driver.speak((1_000, 3000))
    overheard(driver, "How are you")
    driver.speak((400, 3000))
    assert written(driver) == ""
    driver.heard("Hello there.")
    driver.speak((1_000, 3000))
    overheard(driver, "How are you all")
    driver.speak((600, 3000), (400, 0))
    assert written(driver) == " Hello there. How are you"
    driver.heard("How are you all?")
    driver.speak((600, 0))
    assert written(driver) == " Hello there. How are you all?"


def test_nothing_is_overheard_in_silence_or_where_nobody_reads_it() -> None:
    driver = TranslationDriver()
    driver.speak((3_000, 3000), (3_000, 0))
    transcribing(driver).speak((3_000, 0))
    assert driver.overhears == []
