"""A call of room 1 that runs alone, and everything round it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from bot.calls.call import Call
from bot.calls.call_record import new_record
from bot.calls.environment import CallAddresses, CallEnvironment
from bot.calls.media_recovery import PATIENCE_S, RecoveryStep
from bot.calls.replicas.registry import CallRecord, Registry
from bot.errors import CallError
from bot.live_room.frame_timer import FrameTimer
from bot.live_room.live_room import LiveRoom
from bot.outputs.listener_publisher import ListenerPublisher
from bot.outputs.transcript_writer import TranscriptWriter
from listeners.feed import Feed
from storage.errors import StoreUnavailable
from tests.support.booths import FakeBooths
from tests.support.call_service import ROOMS, FakeCalls, Kept
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.media_streams import FakeMediaStream, NumberedSpeech
from tests.support.meeting import Answers
from tests.support.virtual_time import virtual_time

REFUSED = CallError("acs_500", "", retryable=True)


class Store(InMemoryKeyValue):
    """May be away, or hang."""

    away = False
    hangs_s = 0.0

    async def _reach(self) -> None:
        await asyncio.sleep(self.hangs_s)
        if self.away:
            raise StoreUnavailable("away")

    async def get(self, key: str) -> bytes | None:
        await self._reach()
        return await super().get(key)

    async def swap(self, key: str, old: bytes | None, new: bytes | None, ttl_s: float | None = None) -> bool:
        await self._reach()
        return await super().swap(key, old, new, ttl_s)

    async def put(self, values: Any, ttl_s: float | None = None) -> None:
        await self._reach()
        await super().put(values, ttl_s)


class Scene:
    """A call of room 1 that runs, and everything round it."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.state = Store(self.loop.time)
        self.registry = Registry(self.state, "us")
        self.calls = FakeCalls()
        self.booths = FakeBooths(Answers(seconds=2.0))
        self.emitted: list[str] = []
        self.frame_timer = FrameTimer()
        self.call: Call
        self._tasks: list[asyncio.Task[None]] = []

    async def begin(self, *, adopted: bool = False, handed_over: bool = False, **changes: Any) -> None:
        record = msgspec.structs.replace(new_record(ROOMS["room-1"], "us", "server-call-1", 0.0), **changes)
        await self.registry.claim(record)
        live = LiveRoom(
            ROOMS["room-1"].plan,
            name=record.name,
            booths=self.booths,
            detectors=NumberedSpeech(),
            frame_timer=self.frame_timer,
            transcript=TranscriptWriter(Kept(), "room-1", 0),
            audience=ListenerPublisher(Feed(), "room-1", 0),
            clock=self.loop.time,
        )
        environment = CallEnvironment(
            self.calls,
            self.registry,
            CallAddresses("https://bot", "wss://bot"),
            lambda kind, *_: self.emitted.append(kind),
            self.loop.time,
            self.loop.time,
        )
        self.call = Call(ROOMS["room-1"], record, live, environment, adopted=adopted, handed_over=handed_over)
        self.start(self.frame_timer.run())
        self.running = self.start(self.call.run(lambda: None))
        await asyncio.sleep(0.5)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task

    async def dial(self) -> FakeMediaStream:
        acs = FakeMediaStream()

        async def serve() -> None:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(acs.stream.write())
                await self.call.media.serve(acs.stream)
                writer.cancel()
            await acs.stream.close()

        self.start(serve())
        await asyncio.sleep(0.05)
        return acs

    async def until_left(self, limit_s: float = 60.0) -> None:
        async with asyncio.timeout(limit_s):
            await asyncio.wait([self.running])

    async def kept(self) -> CallRecord | None:
        return await self.registry.call("room-1")

    async def end(self) -> None:
        for task in reversed(self._tasks):
            task.cancel()
            await asyncio.wait([task])


def scene(test: Callable[[Scene], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test with a scene that is over afterwards."""

    @virtual_time
    async def run() -> None:
        stage = Scene()
        try:
            await test(stage)
        finally:
            await stage.end()

    def named() -> None:
        run()

    named.__name__, named.__doc__ = test.__name__, test.__doc__
    return named


async def joining_again(stage: Scene, meanwhile: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Lose the stream for good; as soon as we hang up to join again, something else happens."""
    await stage.begin()
    (await stage.dial()).hangs_up()

    async def hang_up(call_connection_id: str) -> None:
        stage.calls.hang_ups.append(call_connection_id)
        await meanwhile()

    stage.calls.hang_up = hang_up  # type: ignore[method-assign]  # as told by the test
    await asyncio.sleep(PATIENCE_S[RecoveryStep.WAIT] + PATIENCE_S[RecoveryStep.RESTART] + 0.5)
