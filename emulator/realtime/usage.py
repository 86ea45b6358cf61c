"""Computes the tokens of a response: context, cached part, output.

Documented rates: 1 token per 100 ms of user audio, 1 per 50 ms of model audio. Text is estimated at 4 characters per
token, the usual rule of thumb.
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
"""Cached text tokens are multiples of this, as in the documented example."""


def text_tokens(text: str) -> int:
    return ceil(len(text) / CHARACTERS_PER_TOKEN)


def user_audio_tokens(pcm_bytes: int) -> int:
    return ceil(pcm_bytes / (BYTES_PER_MS * USER_AUDIO_MS_PER_TOKEN))


def model_audio_tokens(pcm_bytes: int) -> int:
    return ceil(pcm_bytes / (BYTES_PER_MS * MODEL_AUDIO_MS_PER_TOKEN))


@dataclass(frozen=True, slots=True)
class ContextPart:
    """A part of the context: the instructions, or an item."""

    key: str
    """Identifies the content: equal keys mean equal content."""
    text: int = 0
    audio: int = 0


class PromptCache:
    """Keeps the previous response's context: the common prefix with the next context counts as cached."""

    def __init__(self) -> None:
        self._previous: Sequence[ContextPart] = ()

    def share(self, context: Sequence[ContextPart]) -> tuple[int, int]:
        """Return the cached (text, audio) tokens of `context` and keep it as the previous one."""
        pairs = zip(self._previous, context, strict=False)
        shared = [now for before, now in takewhile(lambda pair: pair[0] == pair[1], pairs)]
        self._previous = tuple(context)
        text = sum(part.text for part in shared)
        return text - text % CACHE_BLOCK, sum(part.audio for part in shared)


def response_usage(
    context: Sequence[ContextPart], cached: tuple[int, int], output_text: int, output_audio: int
) -> dict[str, Any]:
    """Return the `usage` of `response.done`."""
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


def miscounted(usage: dict[str, Any], tokens: int) -> dict[str, Any]:
    """Return a `usage` with `tokens` in place of every count."""
    return {name: miscounted(value, tokens) if isinstance(value, dict) else tokens for name, value in usage.items()}


class TokenAllowance:
    """Tracks the tokens left per minute for `rate_limits.updated`; refuses nothing."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0.0
        self._at = 0.0

    def use(self, tokens: int, now: float) -> None:
        self._used = self._still_used(now) + tokens
        self._at = now

    def state(self, now: float) -> dict[str, Any]:
        """Return the entry for `rate_limits.updated`."""
        used = self._still_used(now)
        return {
            "name": "tokens",
            "limit": self._limit,
            "remaining": max(0, int(self._limit - used)),
            "reset_seconds": round(used * 60 / self._limit, 3),
        }

    def _still_used(self, now: float) -> float:
        return max(0.0, self._used - (now - self._at) * self._limit / 60)
