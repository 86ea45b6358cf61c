"""List prices of everything a meeting is billed for, each with its source and date; `MODEL_PRICES` replaces them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from rooms_admin.transcripts.model_prices import ModelPrices

PriceUnit = Literal["million tokens", "minute", "GB"]

MODEL = "OpenAI and Azure price lists, gpt-realtime-1.5 to 2.1", "2026-11"


@dataclass(frozen=True, slots=True)
class ListPrice:
    """A price; `amount` is None where none is published that we know of."""

    unit: PriceUnit
    amount: float | None
    source: str
    date: str


LIST_PRICES: Mapping[str, ListPrice] = {
    "input_text": ListPrice("million tokens", 4.0, *MODEL),
    "input_audio": ListPrice("million tokens", 32.0, *MODEL),
    "input_cached": ListPrice("million tokens", 0.4, *MODEL),
    "output_text": ListPrice("million tokens", 16.0, *MODEL),
    "output_audio": ListPrice("million tokens", 64.0, *MODEL),
    "translation": ListPrice("minute", 0.034, "OpenAI price list, gpt-realtime-translate", "2026-11"),
    "transcription": ListPrice("minute", 0.017, "OpenAI price list, gpt-realtime-whisper", "2026-11"),
    "participant": ListPrice("minute", 0.004, "ACS price list, VoIP group calling", "2026-11"),
    "media_stream": ListPrice("minute", None, "ACS, audio streaming: no price found", "2026-11"),
    "egress": ListPrice("GB", 0.087, "Azure bandwidth, first 10 TB, after 100 GB a month without charge", "2026-03"),
}
"""In US dollars."""
CURRENCY = "USD"


def effective(given: ModelPrices | None) -> tuple[str, Mapping[str, ListPrice]]:
    """Return the currency and all prices: those of `MODEL_PRICES` where it has them.

    In another currency than that of the list prices, what `MODEL_PRICES` does not have has no price.
    """
    if given is None:
        return CURRENCY, LIST_PRICES
    amounts: dict[str, float] = {str(kind): price for kind, price in given.per_million_tokens.items()}
    amounts |= {str(kind): price for kind, price in given.per_minute.items()}
    amounts |= {str(kind): price for kind, price in given.per_gigabyte.items()}
    same = given.currency == CURRENCY
    prices = {
        name: replace(price, amount=amounts[name], source="MODEL_PRICES")
        if name in amounts
        else replace(price, amount=price.amount if same else None)
        for name, price in LIST_PRICES.items()
    }
    return given.currency, prices
