"""The setting with the prices of the model, as it is written: JSON."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

TokenKind = Literal[
    "input_text",
    "input_audio",
    "input_cached",
    "output_text",
    "output_audio",
    "transcription_input_text",
    "transcription_input_audio",
    "transcription_output_text",
]
MinuteKind = Literal["translation", "transcription", "participant", "media_stream"]

MOST_PRICE = 10**9
"""Highest accepted price; anything beyond is a mistake."""


class ModelPrices(BaseModel):
    """Prices of the model's tokens, and of what is billed by duration or volume."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    currency: str = Field(pattern="^[A-Z]{3}$")
    per_million_tokens: dict[TokenKind, Annotated[float, Field(ge=0, le=MOST_PRICE)]]
    per_minute: dict[MinuteKind, Annotated[float, Field(ge=0, le=MOST_PRICE)]] = {}
    per_gigabyte: dict[Literal["egress"], Annotated[float, Field(ge=0, le=MOST_PRICE)]] = {}


def parsed_prices(text: object) -> object:
    """Parse JSON here, so that an error joins the list of problems; the library would raise its own."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError("is not JSON") from error
