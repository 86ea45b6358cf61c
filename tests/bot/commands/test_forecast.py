"""What a meeting uses, by its size."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.commands.forecast import Meeting, forecast

TWO = Meeting(
    languages=2, people=2, hours=1.0, speakers=2, listeners=0, talk=0.5, web=False, transcribed=True, engine=None
)
FOUR = replace(TWO, languages=4, people=12, speakers=4)


def quantities(meeting: Meeting) -> dict[str, float]:
    return {item.price: item.quantity for item in forecast(meeting)}


def test_a_conversation_is_billed_for_speech_alone() -> None:
    used = quantities(TWO)
    assert used["input_audio"] == pytest.approx(30 * 600 / 1e6)
    assert used["output_audio"] == pytest.approx(30 * 1200 / 1e6)
    assert used["transcription"] == pytest.approx(30)
    assert 100 < used["input_text"] * 1e6 / (30 * 60 / 8) < 1_000, "tokens of a briefing"
    assert "translation" not in used


def test_a_translation_is_billed_while_its_session_is_open() -> None:
    """Four take turns of 30 s in half of the time: each speaks again after 240 s, and is billed for 150 of them."""
    used = quantities(FOUR)
    assert used["translation"] == pytest.approx(60 * 3 * 4 * 150 / 240)
    assert used["transcription"] == used["translation"]
    assert quantities(replace(FOUR, speakers=1))["translation"] == pytest.approx(60 * 3)
    assert "input_audio" not in used


def test_interpreters_are_participants() -> None:
    assert quantities(TWO)["participant"] == pytest.approx(60 * (2 + 1))
    assert quantities(FOUR)["participant"] == pytest.approx(60 * (12 + 4)), "one in the room of each language"
    assert quantities(FOUR)["media_stream"] == pytest.approx(60 * 4)


def test_by_browser_there_is_no_call_but_there_are_listeners() -> None:
    lecture = replace(FOUR, web=True, people=1, speakers=1, transcribed=False)
    used = quantities(lecture)
    assert set(used) == {"translation", "egress"}
    more = quantities(replace(lecture, listeners=500))["egress"] - used["egress"]
    assert more == pytest.approx(500 * 3600 * 5_000 / 1e9)


def test_everything_grows_with_time() -> None:
    for meeting in (TWO, FOUR):
        once, twice = quantities(meeting), quantities(replace(meeting, hours=2.0))
        assert twice == pytest.approx({price: 2 * quantity for price, quantity in once.items()})


def test_the_engine_may_be_chosen() -> None:
    assert "translation" in quantities(replace(TWO, engine="translation"))
    assert "input_audio" in quantities(replace(FOUR, engine="conversation"))
