from __future__ import annotations

from dataclasses import replace

import pytest

from rooms_admin.transcripts.records import LedgerRecord
from rooms_admin.transcripts.usage import Prices, paid_for, usage_by_lane

PRICES = Prices(
    "USD", {"input_text": 4.0, "input_audio": 32.0, "input_cached": 0.4, "output_text": 16.0, "output_audio": 64.0}
)


def passage(target: str = "es-ES", state: str = "spoken", spoken_ms: int | None = 2000, **tokens: int) -> LedgerRecord:
    return LedgerRecord("u", "8:acs:a", "en-US", target, state, "", spoken_ms, 1500, None, None, 0, None, tokens)


def test_lanes_are_added_up_apart() -> None:
    spanish, french = usage_by_lane(
        [
            passage(input_audio=10, output_text=2),
            passage("fr-FR", input_audio=7),
            passage(state="abandoned", spoken_ms=None, input_audio=5),
        ]
    )
    assert (spanish.target, french.target) == ("es-ES", "fr-FR")
    assert spanish.utterances == {"spoken": 1, "abandoned": 1}
    assert (spanish.spoken_ms, spanish.interpreted_ms) == (2000, 3000)
    assert spanish.tokens == {"input_audio": 15, "output_text": 2}
    assert french.tokens == {"input_audio": 7}


def test_a_voice_that_is_passed_through_is_no_usage() -> None:
    passed = replace(passage("en-US"), kind="passthrough")
    assert list(paid_for([passed, passage()])) == [passage()]
    assert [lane.target for lane in usage_by_lane([passed, passage()])] == ["es-ES"]


def test_nothing_used_is_no_lane() -> None:
    assert usage_by_lane([]) == []


@pytest.mark.parametrize(
    ("tokens", "cost"),
    [
        ({}, 0.0),
        ({"input_audio": 1_000_000}, 32.0),
        ({"output_text": 500_000, "output_audio": 250_000}, 24.0),
        ({"something new": 1_000_000}, 0.0),
        # 100,000 cached: 60,000 of the text, the rest of the audio.
        ({"input_text": 60_000, "input_audio": 140_000, "input_cached": 100_000}, 100_000 * 32e-6 + 100_000 * 0.4e-6),
    ],
)
def test_money(tokens: dict[str, int], cost: float) -> None:
    assert PRICES.cost(tokens) == pytest.approx(cost)


def test_what_is_billed_by_duration_is_priced_by_the_minute_and_is_no_token() -> None:
    used = passage()
    used = replace(used, tokens={"input_audio": 1_000_000, "translation_ms": 90_000, "transcription_ms": 30_000})
    (lane,) = usage_by_lane([used])
    assert lane.tokens == {"input_audio": 1_000_000}
    assert lane.model_ms == {"translation": 90_000, "transcription": 30_000}
    prices = Prices("USD", {"input_audio": 32.0}, {"translation": 0.034, "transcription": 0.017})
    assert prices.cost(lane.used) == pytest.approx(32.0 + 1.5 * 0.034 + 0.5 * 0.017)
    assert Prices("USD", {"input_audio": 32.0}).cost(lane.used) == 32.0


def test_what_was_used_after_the_last_utterance_is_no_utterance() -> None:
    (lane,) = usage_by_lane([passage(), replace(passage(), kind="usage", state="not_needed", tokens={"input_text": 1})])
    assert lane.utterances == {passage().state: 1}
    assert lane.tokens["input_text"] == passage().tokens.get("input_text", 0) + 1
