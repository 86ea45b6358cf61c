"""Prices: list prices, and what MODEL_PRICES makes of them."""

from __future__ import annotations

import re

from bot.commands.prices import LIST_PRICES, effective
from rooms_admin.transcripts.model_prices import ModelPrices


def test_each_list_price_has_a_source_and_a_date() -> None:
    for price in LIST_PRICES.values():
        assert price.source
        assert re.fullmatch(r"20\d\d-\d\d", price.date)


def test_own_prices_replace_those_of_the_lists() -> None:
    given = ModelPrices(
        currency="USD",
        per_million_tokens={"input_audio": 10.0},
        per_minute={"participant": 0.003, "media_stream": 0.001},
        per_gigabyte={"egress": 0.05},
    )
    currency, prices = effective(given)
    assert currency == "USD"
    replaced = {name for name, price in prices.items() if price.source == "MODEL_PRICES"}
    assert replaced == {"input_audio", "participant", "media_stream", "egress"}
    assert (prices["input_audio"].amount, prices["media_stream"].amount) == (10.0, 0.001)
    assert prices["output_audio"] == LIST_PRICES["output_audio"]


def test_currencies_are_not_mixed() -> None:
    currency, prices = effective(ModelPrices(currency="EUR", per_million_tokens={"input_audio": 10.0}))
    assert currency == "EUR"
    assert {name for name, price in prices.items() if price.amount is not None} == {"input_audio"}
