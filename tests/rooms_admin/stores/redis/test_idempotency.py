"""What is particular to answers in Redis: a request repeated at another replica. The rest: test_idempotency.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from rooms_admin.errors import InProgress, KeyReused
from rooms_admin.idempotency import KeyClaim, StoredResponse
from rooms_admin.stores.redis import idempotency as module
from rooms_admin.stores.redis.idempotency import RedisIdempotency
from rooms_admin.stores.redis.keys import Keys
from storage.errors import StoreUnavailable
from storage.redis import RedisClient
from tests.support.redis_server import RedisServer

ANSWER = StoredResponse(201, b"{}")


@pytest.fixture
async def client(empty_redis: RedisServer) -> AsyncIterator[RedisClient]:
    async with RedisClient(empty_redis.url) as client:
        yield client


async def claimed(answers: RedisIdempotency) -> KeyClaim:
    claim = await answers.claim("ops", "k", b"one")
    assert isinstance(claim, KeyClaim)
    return claim


async def test_what_another_replica_carries_out_is_in_progress_as_long_as_that_lives(
    client: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ALIVE_S", 1.0)
    monkeypatch.setattr(module, "BEAT_S", 0.05)
    ours, theirs = RedisIdempotency(client, Keys()), RedisIdempotency(client, Keys())
    await claimed(theirs)
    living = asyncio.ensure_future(theirs.run())
    for _ in range(20):
        await asyncio.sleep(0.06)
        with pytest.raises(InProgress):
            await ours.claim("ops", "k", b"one")
    with pytest.raises(KeyReused):
        await ours.claim("ops", "k", b"another")
    living.cancel()
    await asyncio.wait({living})
    async with asyncio.timeout(30):
        while True:
            try:
                assert (await claimed(ours)).unfinished
                break
            except InProgress:
                await asyncio.sleep(0.01)


async def test_an_answer_is_given_by_whichever_replica(client: RedisClient) -> None:
    ours, theirs = RedisIdempotency(client, Keys()), RedisIdempotency(client, Keys())
    await theirs.keep(await claimed(theirs), ANSWER, None)
    assert await ours.claim("ops", "k", b"one") == ANSWER
    assert await theirs.claim("ops", "k", b"one") == ANSWER


async def test_one_of_many_at_once_carries_it_out(client: RedisClient) -> None:
    replicas = [RedisIdempotency(client, Keys()) for _ in range(3)]
    asked = [replicas[number % 3].claim("ops", "k", b"one") for number in range(12)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, KeyClaim) for one in outcomes) == 1
    assert sum(isinstance(one, InProgress) for one in outcomes) == 11


async def test_whoever_was_taken_for_dead_does_not_overwrite_the_answer(client: RedisClient) -> None:
    ours, theirs = RedisIdempotency(client, Keys()), RedisIdempotency(client, Keys())
    late = await claimed(theirs)
    await client.call("DEL", *await client.call("KEYS", "*alive*"))
    claim = await claimed(ours)
    await theirs.keep(late, StoredResponse(500, b""), None)
    await theirs.release(late)
    await ours.keep(claim, ANSWER, None)
    assert await theirs.claim("ops", "k", b"one") == ANSWER


async def test_an_answer_about_a_room_deleted_meanwhile_is_not_kept(client: RedisClient) -> None:
    answers = RedisIdempotency(client, Keys())
    await answers.keep(await claimed(answers), ANSWER, "room-1")
    assert not (await claimed(answers)).unfinished


async def test_a_claim_that_could_not_be_asked_for_is_not_open(own_redis: RedisServer) -> None:
    async with RedisClient(own_redis.url) as client:
        answers = RedisIdempotency(client, Keys())
        await asyncio.to_thread(own_redis.stop)
        with pytest.raises(StoreUnavailable):
            await answers.claim("ops", "k", b"one")
        await asyncio.to_thread(own_redis.start)
        assert not (await claimed(answers)).unfinished
