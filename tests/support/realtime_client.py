"""A Realtime server on a loopback port, and the vendor's own client connected to it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Any

from aiohttp import web
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.resources.realtime.translations.translations import AsyncTranslationsConnection

from emulator.engine.base import Engine
from emulator.engine.scripted import ScriptedEngine
from emulator.journal import Journal
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults.rules import FaultRule, RealtimeFaults
from emulator.realtime.server import RealtimeServer
from emulator.realtime.wire import encode_audio

KEY = "realtime-key"
MODEL = "interpreter"
TRANSLATE_MODEL = "gpt-realtime-translate"
PATIENCE_S = 30.0
LOOPBACK: Any = {"proxy": None}
"""Any keyword of `connect()` passes, the SDK's type names a few."""

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
    async def client(self, key: str = KEY, **options: Any) -> AsyncIterator[AsyncOpenAI]:
        async with AsyncOpenAI(base_url=self.base_url, api_key=key, max_retries=0, **options) as client:
            yield client

    @asynccontextmanager
    async def connect(self, key: str = KEY, model: str | None = MODEL, **options: Any) -> AsyncIterator[Talk]:
        """A conversation, or a transcription if `options` ask for one."""
        async with self.client(key) as client:
            manager = client.realtime.connect(**_named(model), websocket_connection_options=LOOPBACK, **options)
            async with manager as connection:
                yield Talk(connection)

    @asynccontextmanager
    async def translate(self, key: str = KEY, model: str = TRANSLATE_MODEL, **options: Any) -> AsyncIterator[Stream]:
        async with self.client(key) as client:
            manager = client.realtime.translations.connect(
                model=model, websocket_connection_options=LOOPBACK, **options
            )
            async with manager as connection:
                yield Stream(connection)


@dataclass
class Events:
    """One connection of the vendor's client, remembering every event."""

    connection: Any
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

    def kinds(self) -> list[str]:
        return [event.type for event in self.events]


@dataclass
class Talk(Events):
    """A conversation or a transcription."""

    connection: AsyncRealtimeConnection

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


@dataclass
class Stream(Events):
    """A translation."""

    connection: AsyncTranslationsConnection

    async def configure(self, language: str, transcription: str | None = None) -> None:
        update: Any = {"audio": {"output": {"language": language}}}
        if transcription is not None:
            update["audio"]["input"] = {"transcription": {"model": transcription}}
        await self.connection.session.update(session=update)
        await self.until("session.updated")

    async def append(self, pcm: bytes, pace: float = inf) -> None:
        """Append in frames of 200 ms, `pace` times as fast as speech."""
        start = asyncio.get_running_loop().time()
        for index, place in enumerate(range(0, len(pcm), 9_600)):
            await asyncio.sleep(start + index * 0.2 / pace - asyncio.get_running_loop().time())
            await self.connection.session.input_audio_buffer.append(audio=encode_audio(pcm[place : place + 9_600]))

    async def close(self) -> None:
        """Have the session drained and closed; every event up to `session.closed` is in `events`."""
        await self.connection.session.close()
        await self.until("session.closed")

    @property
    def audio(self) -> bytes:
        deltas = [event.delta for event in self.events if event.type == "session.output_audio.delta"]
        return b"".join(base64.b64decode(delta) for delta in deltas)

    def text(self, kind: str = "session.output_transcript.delta") -> str:
        return "".join(event.delta for event in self.events if event.type == kind)


def _named(model: str | None) -> Any:
    return {} if model is None else {"model": model}


@asynccontextmanager
async def realtime_service(
    *, config: RealtimeConfig | None = None, engine: Engine | None = None, deployments: Any = None
) -> AsyncIterator[Service]:
    """Run a server on a free port; by default its engine answers at once."""
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
