"""Replicas that sign tickets with different secrets notice it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from bot.ticket_agreement import LIFETIME_S, TicketAgreement
from tests.support.in_memory_stores import InMemoryKeyValue


async def test_a_different_secret_is_told_once_until_it_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    state = InMemoryKeyValue(lambda: now)
    one, same, other = [
        TicketAgreement(state, name, secret)
        for name, secret in (("a", "secret-1"), ("b", "secret-1"), ("c", "secret-2"))
    ]
    with caplog.at_level(logging.INFO):
        await same.compare()
        await one.compare()
        assert not one.differs
        await other.compare()
        for _ in range(3):
            await one.compare()
        assert (one.differs, other.differs) == (True, True)
        now += LIFETIME_S + 1
        await one.compare()
        assert not one.differs
    told = [record.message for record in caplog.records]
    assert [text.partition(" of TICKET")[0] for text in told] == [
        "replicas have different values",
        "replicas have different values",
        "replicas have the same value",
    ]
    assert "secret-" not in caplog.text
    assert not any(b"secret" in value for value in (await state.find("")).values())


async def test_it_is_compared_for_as_long_as_the_service_runs() -> None:
    state = InMemoryKeyValue(asyncio.get_running_loop().time)
    task = asyncio.create_task(TicketAgreement(state, "a", "secret-1").run())
    await asyncio.sleep(0.01)
    assert await state.find("ticket-secret:")
    task.cancel()
    await asyncio.wait({task})
