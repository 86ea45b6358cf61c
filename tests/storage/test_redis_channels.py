"""Messages among replicas over a real Redis: in order, and again after Redis was away or silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from storage import redis_channels
from storage.redis import RedisClient
from storage.redis_channels import OUTBOX_LIMIT, RedisChannels
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.timeout(60)


class Ear:
    """Keeps the messages of one channel."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.ready = asyncio.Event()

    def take(self, message: bytes) -> None:
        if message == b"raise":
            raise RuntimeError("a bug")
        self.heard.put_nowait(message)

    async def hears(self, number: int) -> list[bytes]:
        async with asyncio.timeout(30):
            return [await self.heard.get() for _ in range(number)]

    async def becomes_ready(self) -> None:
        async with asyncio.timeout(30):
            await self.ready.wait()
        self.ready.clear()


@asynccontextmanager
async def replicas(server: RedisServer) -> AsyncIterator[tuple[RedisChannels, RedisChannels]]:
    async with RedisClient(server.url, answer_s=1.3) as one, RedisClient(server.url, answer_s=1.3) as two:
        ends = RedisChannels(one), RedisChannels(two)
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(end.run()) for end in ends]
            yield ends
            for task in running:
                task.cancel()


async def test_messages_arrive_in_order_at_those_who_subscribe(
    empty_redis: RedisServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_channels, "STALE_S", 60.0)
    async with replicas(empty_redis) as (one, two):
        ear, other = Ear(), Ear()
        two.subscribe("room-1", ear.take, ear.ready.set)
        two.subscribe("room-2", other.take, other.ready.set)
        await ear.becomes_ready()
        await other.becomes_ready()
        sent = [b"%d" % number for number in range(2 * redis_channels.BATCH + 1)]
        one.publish("room-2", b"raise")
        for message in sent:
            one.publish("room-1", message)
        one.publish("room-2", bytes(range(256)))
        assert await ear.hears(len(sent)) == sent
        assert await other.hears(1) == [bytes(range(256))], "a bug with one message costs that message"
        assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
            "message of another replica not handled"
        ]
        two.unsubscribe("room-1")
        two.subscribe("room-1", ear.take, ear.ready.set)
        await ear.becomes_ready()
        two.unsubscribe("room-1")
        two.subscribe("room-3", ear.take, ear.ready.set)
        await ear.becomes_ready()
        one.publish("room-1", b"to nobody")
        one.publish("room-3", b"to somebody")
        assert await ear.hears(1) == [b"to somebody"]
        assert one.dropped == two.dropped == 0


async def test_after_redis_was_away_messages_arrive_again(own_redis: RedisServer) -> None:
    async with replicas(own_redis) as (one, two):
        ear = Ear()
        two.subscribe("room-1", ear.take, ear.ready.set)
        await ear.becomes_ready()
        await asyncio.to_thread(own_redis.stop)
        one.publish("room-1", b"lost")
        await asyncio.to_thread(own_redis.start)
        await ear.becomes_ready()
        one.publish("room-1", b"found")
        assert (await ear.hears(1))[-1] in (b"lost", b"found")


async def test_a_redis_that_is_silent_is_noticed_and_what_waits_grows_old(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_channels, "PING_S", 0.1)
    monkeypatch.setattr(redis_channels, "SILENT_S", 0.3)
    monkeypatch.setattr(redis_channels, "AGAIN_S", 0.05)
    async with replicas(own_redis) as (one, two):
        ear = Ear()
        two.subscribe("room-1", ear.take, ear.ready.set)
        await ear.becomes_ready()
        own_redis.freeze()
        one.publish("room-1", b"under way")
        await asyncio.sleep(0)
        for number in range(OUTBOX_LIMIT + 5):
            one.publish("room-1", b"%d" % number)
        assert one.dropped == 5, "the oldest"
        await asyncio.sleep(1.5)
        own_redis.thaw()
        await ear.becomes_ready()
        one.publish("room-1", b"fresh")
        heard = b""
        while heard != b"fresh":
            (heard,) = await ear.hears(1)
            assert heard in (b"under way", b"fresh"), "what waited is too old by now"
