"""One engine for all tests that run it: starting costs a second, hearing a sentence a tenth."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from emulator.engine.local import LocalEngine, Synthesiser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engine() -> AsyncIterator[LocalEngine]:
    async with LocalEngine() as engine:
        yield engine


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def voice() -> AsyncIterator[Synthesiser]:
    async with Synthesiser() as synthesiser:
        yield synthesiser
