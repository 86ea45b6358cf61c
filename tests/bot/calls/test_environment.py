"""How a failed hang-up is repeated, and which addresses ACS is given."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.calls.environment import CallAddresses, hang_up_orphan
from bot.calls.replicas.registry import Registry
from bot.errors import CallError
from storage.errors import StoreUnavailable
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.virtual_time import virtual_time


def test_addresses_hold_the_secret_and_nothing_that_ends_it_early() -> None:
    addresses = CallAddresses("https://bot", "wss://bot")
    assert addresses.callback_url("a/b") == "https://bot/webhooks/calls/a%2Fb"
    assert addresses.media_url("a?b") == "wss://bot/media/a%3Fb"


class FakeAcs:
    """Hangs up, or raises."""

    def __init__(self, refuses: Exception | None = None) -> None:
        self.hang_ups: list[str] = []
        self.refuses = refuses

    async def hang_up(self, call_connection_id: str) -> None:
        self.hang_ups.append(call_connection_id)
        if self.refuses is not None:
            raise self.refuses


@pytest.mark.parametrize("refusal", [None, CallError("timeout", "", retryable=False)])
def test_a_late_hang_up_while_the_store_is_away_troubles_nobody(
    refusal: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The regression: it ran in the dispatcher's own group, and would have ended that."""

    async def away(connection_id: str) -> None:
        raise StoreUnavailable("away")

    @virtual_time
    async def script() -> None:
        registry = Registry(InMemoryKeyValue(asyncio.get_running_loop().time), "us")
        acs = FakeAcs(refusal)
        monkeypatch.setattr(registry, "orphan", away)
        monkeypatch.setattr(registry, "forget_orphan", away)
        control: Any = acs
        await hang_up_orphan(control, registry, "connection-1")
        assert acs.hang_ups == ["connection-1"]

    script()
