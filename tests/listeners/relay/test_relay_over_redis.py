"""Three replicas on a real Redis: what one publishes is followed at another, whatever strangers say or who dies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from listeners.audio_frames import HEADER_BYTES
from listeners.feed import Feed
from listeners.messages import CaptionMessage, InterpreterSignal
from listeners.readers import AudioEncoding, AudioReader, Reader
from listeners.relay import relay
from listeners.relay.relay import Relay
from listeners.sockets.members import Members
from storage.redis import PREFIX, RedisClient
from storage.redis_channels import RedisChannels
from tests.support.redis_server import RedisServer, empty_redis, shared_redis

__all__ = ["empty_redis", "shared_redis"]
pytestmark = [pytest.mark.line, pytest.mark.timeout(90)]
ROOM = "room-1"
PATIENCE_S = 60


class Process:
    """What a replica has of the relay; it can be killed."""

    def __init__(self, number: int, client: RedisClient, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        self.feed = Feed()
        self.channels = RedisChannels(client)
        members = Members(self.feed.listeners)
        self.relay = Relay(self.channels, f"{number:016x}", self.feed, self._refuse, members, loop.time, time.time)
        self._client = client
        self._tasks = [group.create_task(self.channels.run()), group.create_task(self.relay.run())]

    @staticmethod
    async def _refuse(room_id: str, participant_id: str, ended: Callable[[str], None]) -> Any:
        raise AssertionError

    def killed(self) -> None:
        """It says nothing more, goodbye included."""
        for task in self._tasks:
            task.cancel()


@asynccontextmanager
async def processes(server: RedisServer, number: int) -> AsyncIterator[list[Process]]:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(RedisClient(server.url, answer_s=2.0)) for _ in range(number)]
        async with asyncio.TaskGroup() as group:
            made = [Process(place, client, group) for place, client in enumerate(clients)]
            yield made
            for one in made:
                one.killed()


class Followed:
    """What a reader reads, as it comes."""

    def __init__(self, reader: Reader[Any], group: asyncio.TaskGroup) -> None:
        self.items: list[Any] = []
        self._come = asyncio.Event()
        self._reader = reader
        group.create_task(self._follow())

    async def _follow(self) -> None:
        async for item in self._reader:
            self.items.append(item)
            self._come.set()

    async def until(self, holds: Callable[[list[Any]], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds(self.items):
                self._come.clear()
                await self._come.wait()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - compared in a while
            await asyncio.sleep(0.02)


def caption(number: int) -> CaptionMessage:
    return CaptionMessage(ROOM, f"u-{number}", 1, "8:acs:ada", "Ada", "es-ES", str(number), True, 0)


def texts(lines: list[Any]) -> list[str]:
    return [line.caption.text for line in lines]


async def test_listeners_of_another_replica_are_served_whatever_happens(
    empty_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "HERE_EVERY_S", 0.3)
    monkeypatch.setattr(relay, "SILENT_S", 2.0)
    async with processes(empty_redis, 3) as (owner, other, heir), asyncio.TaskGroup() as group:
        owner.feed.call_began(ROOM)
        reader, audio = other.feed.read_captions(ROOM), other.feed.read_audio(ROOM, "es-ES", AudioEncoding.OPUS)
        lines, frames = Followed(reader, group), Followed(audio, group)
        heard_at_heir = Followed(heir.feed.read_captions(ROOM), group)
        await until(lambda: owner.feed.listeners(ROOM) == {"es-ES": 1})
        await played(owner, frames)
        owner.feed.caption(caption(1))
        await lines.until(lambda items: texts(items) == ["1"])

        await strangers_say_anything(empty_redis)
        owner.feed.caption(caption(2))
        await lines.until(lambda items: texts(items) == ["1", "2"])
        assert other.relay.refused >= 3

        owner.feed.interpreter(ROOM, InterpreterSignal("listening"))
        await until(lambda: other.feed.present(ROOM)[0].state == "listening")
        owner.killed()
        await until(lambda: other.feed.present(ROOM)[0] == InterpreterSignal("off", reason="replica_lost"))
        heir.feed.call_began(ROOM)
        heir.feed.caption(caption(3))
        await lines.until(lambda items: texts(items) == ["1", "2", "3"])
        await until(lambda: heir.feed.listeners(ROOM) == {"es-ES": 1})
        await played(heir, frames)
        await heard_at_heir.until(lambda items: texts(items) == ["1", "2", "3"])
        numbers = [int.from_bytes(frame.data[4:8], "big") for frame in frames.items]
        assert numbers == sorted(set(numbers))
        for one in (other, heir):
            one.feed.close("service_stopping")


async def played(owner: Process, frames: Followed) -> None:
    """Play until it is heard at the other replica."""
    before, reader = len(frames.items), frames._reader
    assert isinstance(reader, AudioReader)
    async with asyncio.timeout(PATIENCE_S):
        while len(frames.items) < before + 3:
            owner.feed.audio(ROOM, "es-ES", bytes(960))
            await asyncio.sleep(0.02)
    assert all(len(frame.data) > HEADER_BYTES for frame in frames.items)


async def strangers_say_anything(server: RedisServer) -> None:
    async with RedisClient(server.url) as stranger:
        for channel in (ROOM, f"{ROOM}/es-ES/"):
            for message in (b"", b"\xff" * 100, b'{"kind":"everything"}', b"x" * 2_000_000):
                await stranger.call("PUBLISH", f"{PREFIX}channel:{channel}", message)
