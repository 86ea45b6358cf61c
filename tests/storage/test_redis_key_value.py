"""What is particular to state in Redis: Redis that goes and comes back. The rest: test_shared_state.py."""

from __future__ import annotations

import asyncio

import pytest

from storage.errors import StoreUnavailable
from storage.redis import RedisClient
from storage.redis_key_value import RedisKeyValue
from tests.support.redis_server import RedisServer


async def test_it_goes_on_when_redis_comes_back(own_redis: RedisServer) -> None:
    async with RedisClient(own_redis.url) as client:
        state = RedisKeyValue(client)
        await state.put({"a": b"1"})
        await state.push("inbox", b"1")
        await asyncio.to_thread(own_redis.stop)
        calls = [state.get("a"), state.put({"a": b"1"}), state.swap("a", None, b"2"), state.find(""), state.remove("a")]
        for call in [*calls, state.push("inbox", b"1"), state.pop("inbox", 0.1)]:
            with pytest.raises(StoreUnavailable):
                await call
        await asyncio.to_thread(own_redis.start)
        assert await state.swap("a", None, b"2"), "what it kept is gone with it, and our scripts are"
        assert await state.find("") == {"a": b"2"}
        assert await state.pop("inbox", 0) is None


async def test_who_waits_when_redis_goes_is_told(own_redis: RedisServer) -> None:
    async with RedisClient(own_redis.url) as client:
        state = RedisKeyValue(client)
        waiting = asyncio.ensure_future(state.pop("inbox", 30))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(own_redis.stop)
        async with asyncio.timeout(30):
            with pytest.raises(StoreUnavailable):
                await waiting


async def test_a_redis_that_does_not_answer_is_not_waited_for(own_redis: RedisServer) -> None:
    async with RedisClient(own_redis.url, answer_s=1.0) as client:
        state = RedisKeyValue(client)
        await state.put({"a": b"1"})
        own_redis.freeze()
        with pytest.raises(StoreUnavailable):
            await state.get("a")
        own_redis.thaw()
        assert await state.get("a") == b"1"


async def test_keys_of_another_prefix_are_not_seen(empty_redis: RedisServer) -> None:
    async with RedisClient(empty_redis.url) as client:
        ours, theirs = RedisKeyValue(client, "ours:"), RedisKeyValue(client, "theirs:")
        await ours.put({"a": b"1"})
        await ours.push("inbox", b"1")
        assert await theirs.find("") == {}
        assert await theirs.pop("inbox", 0) is None
