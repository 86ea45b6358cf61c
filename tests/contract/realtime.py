"""A Realtime server on a loopback port, and the vendor's own client connected to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Any

from aiohttp import web
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from emulator.engine.scripted import ScriptedEngine
from emulator.journal import Journal
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults import FaultRule, RealtimeFaults
from emulator.realtime.server import RealtimeServer
from emulator.realtime.wire import encode_audio

KEY = "realtime-key"
MODEL = "interpreter"
PATIENCE_S = 5.0

SESSION: Any = {
    "type": "realtime",
    "instructions": "Interpret from English (en-US) into Spanish (es-ES).",
    "audio": {
        "input": {
            "turn_detection": None,
            "noise_reduction": None,
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "gpt-transcribe", "language": "en"},
        },
        "output": {"voice": "marin", "format": {"type": "audio/pcm", "rate": 24000}},
    },
}


@dataclass
class Service:
    """A running server."""

    server: RealtimeServer
    journal: Journal
    port: int

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/openai/v1/"

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/openai/v1/realtime?model={MODEL}"

    def misbehave(self, *rules: FaultRule) -> None:
        self.server.faults = RealtimeFaults(rules)

    @asynccontextmanager
    async def connect(self, key: str = KEY, model: str = MODEL, **options: Any) -> AsyncIterator[Talk]:
        async with AsyncOpenAI(base_url=self.base_url, api_key=key, max_retries=0) as client:
            loopback: Any = {"proxy": None}  # any keyword of `connect()` passes, the type names a few
            manager = client.realtime.connect(model=model, websocket_connection_options=loopback, **options)
            async with manager as connection:
                yield Talk(connection)


@dataclass
class Talk:
    """One connection of the vendor's client, remembering every event."""

    connection: AsyncRealtimeConnection
    events: list[Any] = field(default_factory=list)

    async def next(self) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            event = await self.connection.recv()
        self.events.append(event)
        return event

    async def until(self, kind: str, **members: Any) -> Any:
        """Read up to the event of this type with these members."""
        while True:
            event = await self.next()
            if event.type == kind and all(getattr(event, name) == value for name, value in members.items()):
                return event

    async def configure(self, session: Any = SESSION) -> None:
        await self.connection.session.update(session=session)
        await self.until("session.updated")

    async def commit(self, pcm: bytes) -> str:
        """Append, commit, and return the item's id."""
        for start in range(0, len(pcm), 9_600):
            await self.connection.input_audio_buffer.append(audio=encode_audio(pcm[start : start + 9_600]))
        await self.connection.input_audio_buffer.commit()
        committed = await self.until("input_audio_buffer.committed")
        item_id: str = committed.item_id
        return item_id

    async def interpret(self, item_id: str, **members: Any) -> None:
        """Ask for one out-of-band response about one item."""
        response: Any = {
            "conversation": "none",
            "input": [{"type": "item_reference", "id": item_id}],
            **members,
        }
        await self.connection.response.create(response=response)

    def kinds(self) -> list[str]:
        return [event.type for event in self.events]


@asynccontextmanager
async def realtime_service(
    *, config: RealtimeConfig | None = None, engine: ScriptedEngine | None = None, deployments: Any = None
) -> AsyncIterator[Service]:
    """A server on a free port with an engine that answers at once, unless told otherwise."""
    journal = Journal()
    async with (
        engine or ScriptedEngine(0.0) as speech,
        RealtimeServer(
            speech, journal, key=KEY, deployments=deployments, config=config or RealtimeConfig(pace=inf)
        ) as server,
    ):
        runner = web.AppRunner(server.application(), access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield Service(server, journal, runner.addresses[0][1])
        finally:
            await runner.cleanup()
