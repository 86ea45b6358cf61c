"""Synthesised speech, made once in a test process for each text."""

from __future__ import annotations

import asyncio
import functools

import pytest

from emulator.engine.local import Synthesiser

RESULTS = "The results are better than expected."


@functools.cache
def spoken(text: str, language: str) -> bytes:
    """Return the text as PCM16 mono at 24 kHz, with the pause after it that ends a turn. Not to be called in a loop."""

    async def synthesise() -> bytes:
        async with Synthesiser() as synthesiser:
            return await synthesiser.say(text, language)

    return asyncio.run(synthesise())


@pytest.fixture(scope="session")
def english() -> bytes:
    """Two seconds of speech."""
    return spoken(RESULTS, "en")
