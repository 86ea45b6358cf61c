"""Token arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.realtime.usage import (
    ContextPart,
    PromptCache,
    model_audio_tokens,
    response_usage,
    text_tokens,
    user_audio_tokens,
)
from tests.support.realtime_driver import pcm_of


@pytest.mark.parametrize(("seconds", "heard", "spoken"), [(0, 0, 0), (1, 10, 20), (60, 600, 1200), (0.01, 1, 1)])
def test_documented_rates(seconds: float, heard: int, spoken: int) -> None:
    pcm = pcm_of(seconds * 1000)
    assert user_audio_tokens(len(pcm)) == heard
    assert model_audio_tokens(len(pcm)) == spoken


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("four", 1), ("fives", 2)])
def test_text_is_estimated(text: str, tokens: int) -> None:
    assert text_tokens(text) == tokens


def test_a_shared_beginning_is_cached_in_blocks_of_text() -> None:
    cache = PromptCache()
    instructions = ContextPart("instructions", text=150)
    assert cache.share([instructions, ContextPart("a", audio=20)]) == (0, 0)
    assert cache.share([instructions, ContextPart("a", audio=20), ContextPart("b", audio=9)]) == (128, 20)
    assert cache.share([instructions, ContextPart("b", audio=9)]) == (128, 0)
    assert cache.share([ContextPart("other", text=150)]) == (0, 0)


PARTS = st.lists(st.builds(ContextPart, st.text(max_size=2), st.integers(0, 500), st.integers(0, 500)), max_size=5)


@given(PARTS, PARTS, st.integers(0, 99), st.integers(0, 99))
def test_sums_agree(before: list[ContextPart], context: list[ContextPart], text: int, audio: int) -> None:
    cache = PromptCache()
    cache.share(before)
    usage = response_usage(context, cache.share(context), text, audio)
    inside = usage["input_token_details"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens"] == inside["text_tokens"] + inside["audio_tokens"] + inside["image_tokens"]
    assert usage["output_tokens"] == text + audio
    assert inside["cached_tokens"] == sum(inside["cached_tokens_details"].values()) <= usage["input_tokens"]
