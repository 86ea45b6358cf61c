"""The shell round a session: sockets, tasks, clocks. What the service says is tested elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from types import TracebackType
from typing import Any, Self

import aiohttp
import uvloop
from aiohttp import web

from emulator.engine.base import NO_TERMS, EngineError, Heard, Spoken
from emulator.journal import Journal
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.connection import MAX_OUTBOX_BYTES
from emulator.realtime.faults.rules import FaultRule, RealtimeFaults
from emulator.realtime.server import RealtimeServer
from emulator.realtime.wire import encode_audio
from tests.support.realtime_driver import MANUAL, pcm_of


@dataclass
class HangingEngine:
    """Never answers; counts what was asked and what was called off."""

    broken: bool = False
    """Rather than hang, it fails."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def hear(self, pcm: bytes, languages: Sequence[str]) -> Heard:
        self.asked.set()
        if self.broken:
            raise EngineError("broken")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        raise AssertionError

    async def overhear(self, pcm: bytes, languages: Sequence[str]) -> Heard:
        raise EngineError("broken")

    async def interpret(self, heard: Heard, target: str, terms: Mapping[str, str] = NO_TERMS) -> Spoken:
        raise EngineError("broken")

    async def say(self, text: str, language: str) -> Spoken:
        raise EngineError("broken")


@dataclass
class Running:
    server: RealtimeServer
    engine: HangingEngine
    journal: Journal
    socket: aiohttp.ClientWebSocketResponse

    async def send(self, kind: str, **members: Any) -> None:
        await self.socket.send_str(json.dumps({"type": kind, **members}))

    async def until(self, kind: str) -> Any:
        async with asyncio.timeout(30):
            while True:
                event = await self.socket.receive_json()
                if event["type"] == kind:
                    return event


@asynccontextmanager
async def running(key: str = "k") -> AsyncIterator[Running]:
    engine, journal = HangingEngine(), Journal()
    async with RealtimeServer(engine, journal, key=key, config=RealtimeConfig(pace=inf)) as server:
        runner = web.AppRunner(server.application(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"ws://127.0.0.1:{runner.addresses[0][1]}/v1/realtime?model=m"
        try:
            async with (
                aiohttp.ClientSession(headers={"api-key": key}) as client,
                client.ws_connect(url, max_msg_size=0) as socket,
            ):
                yield Running(server, engine, journal, socket)
        finally:
            await runner.cleanup()


async def ask(service: Running) -> str:
    """One utterance and a response to it that will never come; the response's id."""
    await service.send("session.update", session=MANUAL)
    await service.send("input_audio_buffer.append", audio=encode_audio(pcm_of(200)))
    await service.send("input_audio_buffer.commit")
    await service.send("response.create", response={"conversation": "none"})
    created = await service.until("response.created")
    async with asyncio.timeout(30):
        await service.engine.asked.wait()
    response_id: str = created["response"]["id"]
    return response_id


async def test_cancelling_a_response_cancels_the_engine() -> None:
    async with running() as service:
        response_id = await ask(service)
        await service.send("response.cancel", response_id=response_id)
        done = await service.until("response.done")
        assert done["response"]["status"] == "cancelled"
        async with asyncio.timeout(30):
            await service.engine.cancelled.wait()


async def test_a_client_that_leaves_takes_its_work_with_it() -> None:
    async with running() as service:
        await ask(service)
        await service.socket.close()
        async with asyncio.timeout(30):
            await service.engine.cancelled.wait()
        await service.server.close_connections()
    (entry,) = service.journal.entries("realtime.closed")
    assert (entry["code"], entry["frames_in"]) == (1000, 4)


async def test_a_client_that_drops_is_noticed_too() -> None:
    async with running() as service:
        await ask(service)
        connection = service.socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
        async with asyncio.timeout(30):
            await service.engine.cancelled.wait()


async def test_stopping_the_server_ends_sessions_that_are_in_the_middle_of_something() -> None:
    async with running() as service:
        await ask(service)
        async with asyncio.timeout(30):
            await service.server.close_connections()
        assert service.engine.cancelled.is_set()
        assert service.socket.closed or (await service.socket.receive()).type is not aiohttp.WSMsgType.TEXT


async def test_a_client_that_does_not_read_is_dropped_before_it_costs_memory() -> None:
    async with running() as service:
        rules = (
            FaultRule("huge_frame", at="committed", size=MAX_OUTBOX_BYTES),
            FaultRule("stall", at="updated", seconds=60, direction="writes"),
        )
        service.server.faults = RealtimeFaults(rules)
        await service.send("session.update", session=MANUAL)
        await service.send("input_audio_buffer.append", audio=encode_audio(pcm_of(200)))
        await service.send("input_audio_buffer.commit")
        async with asyncio.timeout(30):
            async for _ in service.socket:  # until it is gone
                pass
    assert service.journal.entries("realtime.overflow")
    assert service.journal.entries("realtime.closed")


async def test_an_engine_that_cannot_fails_the_response_and_nothing_else() -> None:
    async with running() as service:
        service.engine.broken = True
        await service.send("session.update", session=MANUAL)
        message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
        await service.send("response.create", response={"conversation": "none", "input": [message]})
        for _ in range(2):  # the first is the typed text, the second is spoken
            done = await service.until("response.done")
            assert done["response"]["status_details"]["error"]["message"] == "broken"
            await service.send("input_audio_buffer.append", audio=encode_audio(pcm_of(200)))
            await service.send("input_audio_buffer.commit")
            await service.send("response.create", response={"conversation": "none"})


async def test_two_keys_do_not_open_one_lock() -> None:
    async with running("ä-key") as service:
        assert (await service.until("session.created"))["session"]["model"] == "m"


def test_it_serves_under_uvloop() -> None:
    """Its transports are of other classes than asyncio's own."""

    async def hold() -> str:
        async with running() as service:
            return await ask(service)

    assert uvloop.run(hold()).startswith("resp_")


async def test_a_held_back_upgrade_does_not_hold_up_the_end() -> None:
    async with running() as service:
        service.server.faults = RealtimeFaults((FaultRule("slow_handshake", seconds=60),))
        async with aiohttp.ClientSession(headers={"api-key": "k"}) as client, asyncio.TaskGroup() as group:
            group.create_task(_refused(client, str(service.socket._response.url)))
            for _ in range(500):
                if len(service.journal.entries("realtime.connection")) == 2:
                    break
                await asyncio.sleep(0.01)
            await service.server.close_connections()


async def _refused(client: aiohttp.ClientSession, url: str) -> None:
    """It is let in late, or finds the server gone: what counts is that it does not wait a minute."""
    async with asyncio.timeout(30):
        try:
            async with client.ws_connect(url) as socket:
                await socket.receive()
        except aiohttp.ClientError:
            pass


async def test_a_server_that_stops_reading_reads_on_later() -> None:
    async with running() as service:
        service.server.stop_reading(0.3)
        loop = asyncio.get_running_loop()
        start = loop.time()
        await service.send("input_audio_buffer.clear")
        await service.until("input_audio_buffer.cleared")
        assert loop.time() - start >= 0.25
