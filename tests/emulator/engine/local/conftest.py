"""Shares one engine and one voice between all tests: starting costs a second, recognising a sentence a tenth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from emulator.engine.local import LocalEngine, Synthesiser
from emulator.engine.local.weights import NoModel, model


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine() -> AsyncIterator[LocalEngine]:
    async with LocalEngine() as engine:
        yield engine


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def voice() -> AsyncIterator[Synthesiser]:
    async with Synthesiser() as synthesiser:
        yield synthesiser


@pytest.fixture(scope="session")
def free_speech() -> Path:
    """The folder of Whisper's model; tests that use it are skipped where there is none."""
    try:
        return model()
    except NoModel as error:
        pytest.skip(str(error))
