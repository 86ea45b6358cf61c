"""The version of what is in Redis: ours is marked, a newer one is left alone."""

from __future__ import annotations

import pytest

from rooms_admin.stores.redis.keys import VERSION, Keys, check_version
from storage.errors import UnusableStore
from storage.redis import RedisClient
from tests.support.redis_server import RedisServer


async def test_an_empty_redis_is_marked(empty_redis: RedisServer) -> None:
    async with RedisClient(empty_redis.url) as client:
        for _ in range(2):
            await check_version(client, Keys())
            assert await client.call("GET", Keys().schema) == b"%d" % VERSION


async def test_a_newer_one_is_refused_and_left_as_it_is(empty_redis: RedisServer) -> None:
    async with RedisClient(empty_redis.url) as client:
        await client.call("SET", Keys().schema, VERSION + 1)
        with pytest.raises(UnusableStore, match=f"version {VERSION + 1}, this service knows {VERSION}"):
            await check_version(client, Keys())
        assert await client.call("KEYS", "*") == [Keys().schema.encode()]
        assert await client.call("GET", Keys().schema) == b"%d" % (VERSION + 1)


@pytest.mark.parametrize("mark", ["", "one", "1.5", "-1", "²"])
async def test_a_mark_that_is_none_of_ours_is_refused_in_one_line(empty_redis: RedisServer, mark: str) -> None:
    async with RedisClient(empty_redis.url) as client:
        await client.call("SET", Keys().schema, mark)
        with pytest.raises(UnusableStore, match="its schema has version"):
            await check_version(client, Keys())
