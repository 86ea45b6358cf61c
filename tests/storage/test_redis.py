"""The connections to Redis: what is said when there is none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from storage.errors import StoreUnavailable, UnusableStore
from storage.redis import RENEW_AGAIN_S, RENEW_S, Password, RedisClient, Script
from tests.support.redis_server import RedisServer, free_port


async def test_nobody_there_is_said_without_the_password() -> None:
    port = free_port()
    with pytest.raises(UnusableStore) as raised:
        async with RedisClient(f"redis://:the-password@127.0.0.1:{port}"):
            pass
    assert f"127.0.0.1:{port}" in str(raised.value)
    assert "the-password" not in str(raised.value)


async def test_what_would_cost_data_is_told(own_redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async with RedisClient(own_redis.url) as client:
        assert [record.message for record in caplog.records] == [
            "redis configuration may lose data: set appendonly yes"
        ]
        await client.call("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
        await client.call("CONFIG", "SET", "appendonly", "yes")
        caplog.clear()
        await client.warn()
        assert [record.message for record in caplog.records] == [
            "redis configuration may lose data: set maxmemory-policy noeviction"
        ]
        await client.call("ACL", "SETUSER", "default", "-info")
        caplog.clear()
        async with RedisClient(own_redis.url) as other:
            assert await other.call("PING")
        assert not caplog.records


async def test_commands_pipelines_and_scripts(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with RedisClient(empty_redis.url) as client:
        assert client.address == f"127.0.0.1:{empty_redis.port}"
        assert await client.together([("SET", "a", "1"), ("GET", "a"), ("GET", "b")]) == [True, b"1", None]
        path = tmp_path / "counter.lua"
        await asyncio.to_thread(
            path.write_text,
            """local commands = {}
            function commands.add(number) return redis.call('INCRBY', KEYS[1], number) end
            function commands.upper(text) return string.upper(text) end
            return commands[ARGV[1]](unpack(ARGV, 2))""",
        )
        counter = Script(path)
        assert [await client.run(counter, "add", ["a"], 2), await client.run(counter, "add", ["a"], 3)] == [3, 6]
        await client.call("SCRIPT FLUSH")
        assert await client.run(counter, "add", ["a"], 1) == 7
        assert await client.run_each(counter, "upper", [["x"], ["y"]]) == [b"X", b"Y"]
        await client.call("SCRIPT FLUSH")
        assert await client.run_each(counter, "upper", [["z"]]) == [b"Z"]


async def test_a_redis_that_does_not_answer_is_said(own_redis: RedisServer) -> None:
    own_redis.freeze()
    with pytest.raises(UnusableStore, match="cannot be used: no answer$"):
        async with RedisClient(own_redis.url, answer_s=0.1):
            pass


async def test_no_cancellation_is_swallowed(empty_redis: RedisServer) -> None:
    """In whichever turn of the loop it comes: a task that is told once to end must end."""
    async with RedisClient(empty_redis.url) as client:
        for turns in range(40):
            await client.call("PING")
            calling = asyncio.ensure_future(client.call("GET", "a"))
            for _ in range(turns):
                await asyncio.sleep(0)
            told = calling.cancel()
            await asyncio.wait({calling})
            assert calling.cancelled() == told, turns


async def test_what_redis_refuses_is_an_error_of_the_store(empty_redis: RedisServer) -> None:
    async with RedisClient(empty_redis.url) as client:
        await client.call("SET", "a", "text")
        for refused in (client.call("INCR", "a"), client.together([("INCR", "a")]), client.wait("LPOP", "a")):
            with pytest.raises(StoreUnavailable):
                await refused


class Tokens:
    """Passwords that expire, of a user that Redis knows."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.text = "first"
        self.lifetime_s = 3600.0
        self.asked = 0
        self.failing = False

    async def __call__(self) -> Password:
        self.asked += 1
        if self.failing:
            raise OSError("no answer")
        return Password(self.text, self.now + self.lifetime_s)

    def time(self) -> float:
        return self.now


@pytest.fixture
async def tokens(own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Tokens:
    async with RedisClient(own_redis.url) as client:
        await client.call("ACL", "SETUSER", "somebody", "on", ">first", ">second", "~*", "+@all")
    tokens = Tokens(1_000_000.0)
    monkeypatch.setattr("storage.redis.time", tokens)
    return tokens


def with_user(server: RedisServer) -> str:
    return f"redis://somebody@127.0.0.1:{server.port}/0"


async def authentications(client: RedisClient) -> int:
    return int((await client.call("INFO", "commandstats"))["cmdstat_auth"]["calls"])


async def test_a_password_that_expires_is_given_again_before(own_redis: RedisServer, tokens: Tokens) -> None:
    async with RedisClient(with_user(own_redis), password=tokens) as client:
        assert await client.call("ACL", "WHOAMI") == b"somebody"
        before = await authentications(client)
        tokens.now += 3600 - RENEW_S - 1
        await client.call("PING")
        assert await authentications(client) == before
        tokens.text = "second"
        tokens.now += 2
        await client.together([("PING",), ("PING",)])
        assert await authentications(client) == before + 1
        assert await client.wait("BLPOP", "nothing", 0.01) is None
        asked = tokens.asked
        await client.call("PING")
        assert tokens.asked == asked


async def test_a_password_that_is_not_renewed_in_time_is_asked_for_now_and_then(
    own_redis: RedisServer, tokens: Tokens
) -> None:
    tokens.lifetime_s = RENEW_S / 2
    async with RedisClient(with_user(own_redis), password=tokens) as client:
        asked = tokens.asked
        for _ in range(10):
            await client.call("PING")
        assert tokens.asked == asked
        tokens.now += RENEW_AGAIN_S
        await client.call("PING")
        assert tokens.asked == asked + 1


async def test_without_a_password_the_store_is_unavailable(own_redis: RedisServer, tokens: Tokens) -> None:
    async with RedisClient(with_user(own_redis), password=tokens) as client:
        tokens.failing = True
        tokens.now += 3600
        with pytest.raises(StoreUnavailable):
            await client.call("PING")
        assert client.health.problem == "AuthenticationError"
        tokens.failing = False
        assert await client.call("PING")
    tokens.failing = True
    with pytest.raises(UnusableStore, match="no password: OSError"):
        async with RedisClient(with_user(own_redis), password=tokens):
            pass


async def test_a_password_that_redis_refuses_is_said_without_it(own_redis: RedisServer, tokens: Tokens) -> None:
    tokens.text = "an-expired-token"
    with pytest.raises(UnusableStore) as raised:
        async with RedisClient(with_user(own_redis), password=tokens):
            pass
    assert "expired-token" not in str(raised.value)
