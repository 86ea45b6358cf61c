"""Guessing join codes takes for ever, from one network or from many, whichever replica is asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from http_serving.errors import TooManyRequests
from rooms_admin.auth import join_attempts as module
from rooms_admin.auth.join_attempts import FREE, FREE_OVER_ALL, LEAK_OVER_ALL_S, LEAK_S, LOCKED_S, JoinAttempts
from storage.key_value import KeyValueStore
from storage.redis import RedisClient
from storage.redis_key_value import RedisKeyValue
from storage.sqlite_key_value import SqliteKeyValue
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.stores import opened

HOME, OTHER, INGRESS = "2600:1f18:1:2::/64", "8.8.8.8", "10.0.0.4"


class Guesser:
    """Asks one of two replicas, at a time that passes when it is told to."""

    def __init__(self, store: KeyValueStore | None = None) -> None:
        self.now = 1_800_000_000.0
        self.store = store or InMemoryKeyValue(lambda: self.now)
        self.replicas = [JoinAttempts(self.store, now=lambda: self.now) for _ in range(2)]
        self.looked_up = 0

    async def wrong(self, network: str = HOME, replica: int = 0) -> float:
        """A wrong code; the seconds to wait if it is not even looked up."""
        return await self.ask(network, None, replica)

    async def right(self, network: str = HOME) -> float:
        return await self.ask(network, "a room", 0)

    async def ask(self, network: str, room: str | None, replica: int) -> float:
        async def find() -> str | None:
            self.looked_up += 1
            await asyncio.sleep(0)
            return room

        try:
            assert await self.replicas[replica].look_up(network, find) == room
        except TooManyRequests as refused:
            assert refused.retry_after_ms is not None
            return refused.retry_after_ms / 1000
        return 0.0

    async def locked_out(self, network: str = HOME) -> float:
        """Guess until locked out; for how long that is."""
        for _ in range(FREE + 2):
            if wait := await self.wrong(network):
                return wait
        pytest.fail("not locked out")


async def test_a_network_that_guesses_is_locked_out_and_no_other_is(caplog: pytest.LogCaptureFixture) -> None:
    guesser = Guesser()
    with caplog.at_level(logging.WARNING, "rooms_admin.audit"):
        assert await guesser.locked_out() == LOCKED_S
    assert guesser.looked_up == FREE + 1
    assert await guesser.right() == LOCKED_S, "nor is a right code looked up"
    assert await guesser.right(OTHER) == 0
    (record,) = caplog.records
    assert vars(record).items() >= {"caller": HOME, "lockouts": 1, "locked_s": 60, "reason": "wrong_codes"}.items()
    guesser.now += LOCKED_S
    assert await guesser.right() == 0


async def test_a_hall_of_phones_that_mistypes_now_and_then_is_not_locked_out() -> None:
    guesser = Guesser()
    for phone in range(500):
        if phone % 10 == 0:
            assert await guesser.wrong() == 0
        assert [await guesser.right() for _ in range(3)] == [0, 0, 0]


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.line)])
async def stored(request: pytest.FixtureRequest) -> AsyncIterator[Guesser]:
    """With counts in a store that replicas share."""
    async with opened(request.param, request) as stores:
        if isinstance(stores.database, RedisClient):
            yield Guesser(RedisKeyValue(stores.database))
        else:
            yield Guesser(SqliteKeyValue(stores.database))


async def test_replicas_count_together(stored: Guesser) -> None:
    guesser = stored
    waits = [await guesser.wrong(replica=number % 2) for number in range(FREE + 3)]
    assert [bool(wait) for wait in waits] == [False] * (FREE + 1) + [True] * 2


async def test_lockouts_grow_and_are_forgotten_after_a_day() -> None:
    guesser = Guesser()
    lengths = []
    for _ in range(14):
        lengths.append(await guesser.locked_out())
        guesser.now += lengths[-1]
    assert lengths == [min(LOCKED_S * 2**number, 24 * 3600) for number in range(14)]
    guesser.now += 24 * 3600 + 1
    assert await guesser.locked_out() == LOCKED_S


async def test_a_thousand_guesses_at_once_are_no_way_round() -> None:
    guesser = Guesser()
    waits = await asyncio.gather(*(guesser.wrong() for _ in range(1000)))
    assert guesser.looked_up == FREE + 1
    assert sum(wait > 0 for wait in waits) == 1000 - FREE - 1


async def test_an_office_that_mistypes_now_and_then_is_never_locked_out() -> None:
    guesser = Guesser()
    for _ in range(200):
        assert await guesser.wrong(OTHER) == 0
        for _ in range(50):
            assert await guesser.right(OTHER) == 0
        guesser.now += LEAK_S


async def test_an_ingress_that_is_not_named_is_not_locked_out() -> None:
    guesser = Guesser()
    for network in (INGRESS, "testclient", "fe80::/64"):
        for _ in range(FREE + 10):
            assert await guesser.wrong(network) == 0


async def test_many_networks_together_are_slowed_down(caplog: pytest.LogCaptureFixture) -> None:
    guesser = Guesser()
    with caplog.at_level(logging.WARNING, "rooms_admin.audit"):
        for number in range(FREE_OVER_ALL + 1):
            assert await guesser.wrong(f"2600:0:0:{number:x}::/64") == 0
        for number in range(5):
            assert await guesser.wrong(f"2600:0:1:{number:x}::/64") == LEAK_OVER_ALL_S
    assert [(record.message, vars(record)["reason"]) for record in caplog.records] == [
        ("look-ups of join codes limited", "wrong_codes_over_all")
    ]
    guesser.now += LEAK_OVER_ALL_S
    assert await guesser.right() == 0
    assert await guesser.wrong() == 0
    assert await guesser.wrong(OTHER) == LEAK_OVER_ALL_S


async def test_a_count_that_cannot_be_read_is_begun_anew() -> None:
    guesser = Guesser()
    await guesser.store.put({f"{module._PREFIX}{HOME}": b'{"level": "many"}', module._ALL: b"\xff"})
    assert await guesser.wrong() == 0
    assert await guesser.locked_out() == LOCKED_S


async def test_a_clock_that_is_behind_forgets_nothing_and_locks_nobody_out_for_longer() -> None:
    guesser = Guesser()
    for _ in range(FREE):
        await guesser.wrong()
    guesser.now -= 5
    assert await guesser.locked_out() == LOCKED_S
