"""Token arithmetic of a response: what its context costs, what of it was cached, what was produced.

Rates are the documented ones: one token per 100 ms of user audio, one per 50 ms of model audio. Text is estimated
at four characters a token, the usual rule of thumb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import ceil
from typing import Any

from emulator.engine.base import BYTES_PER_MS

USER_AUDIO_MS_PER_TOKEN = 100
MODEL_AUDIO_MS_PER_TOKEN = 50
CHARACTERS_PER_TOKEN = 4
CACHE_BLOCK = 64
"""Cached text tokens come in multiples of this, as in the documented example."""


def text_tokens(text: str) -> int:
    return ceil(len(text) / CHARACTERS_PER_TOKEN)


def user_audio_tokens(pcm_bytes: int) -> int:
    return ceil(pcm_bytes / (BYTES_PER_MS * USER_AUDIO_MS_PER_TOKEN))


def model_audio_tokens(pcm_bytes: int) -> int:
    return ceil(pcm_bytes / (BYTES_PER_MS * MODEL_AUDIO_MS_PER_TOKEN))


@dataclass(frozen=True, slots=True)
class ContextPart:
    """A stretch of the context: the instructions, or one item."""

    key: str
    """Equal keys mean equal content."""
    text: int = 0
    audio: int = 0


class PromptCache:
    """The context of the previous response: what the next one shares with it from the front on was cached."""

    def __init__(self) -> None:
        self._previous: Sequence[ContextPart] = ()

    def share(self, context: Sequence[ContextPart]) -> tuple[int, int]:
        """Cached (text, audio) tokens of `context`, which becomes the previous one."""
        pairs = zip(self._previous, context, strict=False)
        shared = [now for before, now in takewhile(lambda pair: pair[0] == pair[1], pairs)]
        self._previous = tuple(context)
        text = sum(part.text for part in shared)
        return text - text % CACHE_BLOCK, sum(part.audio for part in shared)


def response_usage(
    context: Sequence[ContextPart], cached: tuple[int, int], output_text: int, output_audio: int
) -> dict[str, Any]:
    """`usage` of `response.done`."""
    input_text = sum(part.text for part in context)
    input_audio = sum(part.audio for part in context)
    cached_text, cached_audio = cached
    return {
        "total_tokens": input_text + input_audio + output_text + output_audio,
        "input_tokens": input_text + input_audio,
        "output_tokens": output_text + output_audio,
        "input_token_details": {
            "text_tokens": input_text,
            "audio_tokens": input_audio,
            "image_tokens": 0,
            "cached_tokens": cached_text + cached_audio,
            "cached_tokens_details": {
                "text_tokens": cached_text,
                "audio_tokens": cached_audio,
                "image_tokens": 0,
            },
        },
        "output_token_details": {"text_tokens": output_text, "audio_tokens": output_audio},
    }


class TokenAllowance:
    """The tokens of a minute: used up by responses, coming back with time. It only counts, it refuses nothing."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0.0
        self._at = 0.0

    def use(self, tokens: int, now: float) -> None:
        self._used = self._still_used(now) + tokens
        self._at = now

    def state(self, now: float) -> dict[str, Any]:
        """The entry in `rate_limits.updated`."""
        used = self._still_used(now)
        return {
            "name": "tokens",
            "limit": self._limit,
            "remaining": max(0, int(self._limit - used)),
            "reset_seconds": round(used * 60 / self._limit, 3),
        }

    def _still_used(self, now: float) -> float:
        return max(0.0, self._used - (now - self._at) * self._limit / 60)
