"""Shares one engine and one voice between all tests: starting costs a second, recognising a sentence a tenth."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from emulator.engine.local import LocalEngine, Synthesiser
from emulator.engine.local.messages import DecoderSettings, Hypothesis
from emulator.engine.local.recognition import Recogniser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine() -> AsyncIterator[LocalEngine]:
    async with LocalEngine() as engine:
        yield engine


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def voice() -> AsyncIterator[Synthesiser]:
    async with Synthesiser() as synthesiser:
        yield synthesiser


@pytest.fixture(scope="session")
def decoded() -> dict[tuple[DecoderSettings, bytes], Hypothesis]:
    return {}


@pytest.fixture
def each_decoded_once(
    monkeypatch: pytest.MonkeyPatch, decoded: dict[tuple[DecoderSettings, bytes], Hypothesis]
) -> None:
    """Keep each decoder's answer to each utterance: a decoder gives the same answer to the same bytes (test_engine).

    Half the time of a recognition goes to the decoder of free phones, which several tests need for the same recording.
    """
    decode = Recogniser._on_free_worker

    async def decode_once(self: Recogniser, decoder: DecoderSettings, pcm: bytes) -> Hypothesis:
        if (decoder, pcm) not in decoded:
            decoded[decoder, pcm] = await decode(self, decoder, pcm)
        return decoded[decoder, pcm]

    monkeypatch.setattr(Recogniser, "_on_free_worker", decode_once)
