"""Helpers for tests of the ACS side: a running server, a bot made of sockets, short audio."""

from __future__ import annotations

import asyncio
import base64
import functools
import json
import math
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import websockets.asyncio.server
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.communication.rooms import ParticipantRole, RoomParticipant
from azure.communication.rooms._shared.models import CommunicationUserIdentifier
from azure.communication.rooms.aio import RoomsClient
from azure.core.credentials import AzureKeyCredential
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from emulator.acs.api.server import AcsServer
from emulator.acs.api.tls import Authority, make_authority
from emulator.acs.auth.keys import SigningKey
from emulator.config import Config, Switches, with_switches
from emulator.engine.base import Engine
from emulator.engine.scripted import ScriptedEngine
from emulator.faults import FaultPlan
from emulator.journal import Journal
from emulator.openapi import descriptions

ACCESS_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@functools.cache
def signing_key() -> SigningKey:
    """Return the signing key of all tests: generating a key takes a tenth of a second."""
    return SigningKey.generate()


@functools.cache
def authority() -> Authority:
    """Return the certificate authority of all tests."""
    return make_authority("127.0.0.1")


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for a condition; raises TimeoutError if it does not become true in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is anything a test can see, not an event
            await asyncio.sleep(0.005)


@dataclass
class Acs:
    """A running ACS side."""

    url: str
    journal: Journal
    faults: FaultPlan
    http: aiohttp.ClientSession
    tls_url: str
    authority: Authority

    @property
    def credential(self) -> AzureKeyCredential:
        return AzureKeyCredential(ACCESS_KEY)

    async def put(self, path: str, document: object) -> tuple[int, Any]:
        async with self.http.put(self.url + path, json=document) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(self.url + path) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, document: object) -> tuple[int, Any]:
        async with self.http.post(self.url + path, json=document) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def running_acs(
    switches: dict[str, Any] | None = None, *, engine: Engine | None = None, **settings: Any
) -> AsyncIterator[Acs]:
    """Run an ACS side on free ports, with and without TLS. Without an engine, a scripted one speaks and hears."""
    config = Config(access_key=ACCESS_KEY, realtime_key="unused", acs_port=0, **settings)
    journal = Journal()
    faults = FaultPlan(with_switches(Switches(), switches or {}))
    async with (
        engine or ScriptedEngine(0.0) as heard,
        AcsServer(config, journal, faults, heard, signing_key(), descriptions.routes()) as server,
        aiohttp.ClientSession() as http,
    ):
        runner = web.AppRunner(server.application(), handle_signals=False, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority().context).start()
            plain, tls = (address[1] for address in runner.addresses)
            yield Acs(f"http://127.0.0.1:{plain}", journal, faults, http, f"https://127.0.0.1:{tls}", authority())
            # A TLS connection takes some turns to close after its client has left it; not every client does.
            with suppress(TimeoutError):
                await until(lambda: not any(_is_tls(each) for each in _connections(runner)), 0.5)
            for connection in filter(_is_tls, _connections(runner)):
                if connection.transport is not None:
                    connection.transport.abort()
        finally:
            await runner.cleanup()


def _connections(runner: web.AppRunner) -> list[RequestHandler]:
    server = runner.server
    assert server is not None
    return server.connections


def _is_tls(connection: RequestHandler) -> bool:
    transport = connection.transport  # None: being closed
    return transport is None or transport.get_extra_info("sslcontext") is not None


@dataclass
class Guest:
    """A user with a token."""

    id: str
    token: str


async def make_guest(acs: Acs, scopes: list[str] | None = None) -> Guest:
    """Create a user with a token."""
    async with CommunicationIdentityClient(acs.url, acs.credential) as client:
        user, token = await client.create_user_and_token(scopes or ["voip"])
    return Guest(user.properties["id"], token.token)


async def make_room(acs: Acs, *guests: Guest, role: ParticipantRole = ParticipantRole.ATTENDEE) -> str:
    """Create a room with these users on its roster."""
    invited = [RoomParticipant(communication_identifier=CommunicationUserIdentifier(g.id), role=role) for g in guests]
    async with RoomsClient(acs.url, acs.credential) as client:
        room = await client.create_room(participants=invited)
    return str(room.id)


def tone(ms: int, *, hertz: float = 440.0, level: float = 0.3, rate: int = 24_000) -> bytes:
    """Return a sine tone, PCM16 mono."""
    step = 2 * math.pi * hertz / rate
    return array("h", [round(level * 32767 * math.sin(step * n)) for n in range(rate * ms // 1000)]).tobytes()


def constant(value: int, ms: int) -> bytes:
    """Return equal samples, PCM16 mono 24 kHz, which are easy to find in a mix."""
    return array("h", [value] * (24 * ms)).tobytes()


def samples(pcm: bytes | bytearray) -> array[int]:
    """Return PCM16 as numbers."""
    return array("h", bytes(pcm))


@dataclass
class Heard:
    """The messages that a media socket received."""

    headers: dict[str, str]
    path: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    arrived: list[float] = field(default_factory=list)
    socket: ServerConnection | None = None
    close_code: int | None = None

    def audio(self, raw_id: str | None = None) -> list[dict[str, Any]]:
        """Return the audio messages, of one speaker if given."""
        found = [message["audioData"] for message in self.messages if message["kind"] == "AudioData"]
        return found if raw_id is None else [each for each in found if each.get("participantRawID") == raw_id]

    def pcm(self, raw_id: str | None = None) -> bytes:
        """Return the audio as PCM, of one speaker if given."""
        return b"".join(base64.b64decode(each["data"]) for each in self.audio(raw_id))


class FakeBot:
    """A bot made of a webhook and a media server, controlled by the test.

    Attributes:
        events: callback events in order of arrival; posts: their types, grouped by request.
        tokens, queries: Authorization header and query of each post.
        sockets: all media sockets so far.
        answers: statuses of the webhook's next answers; 200 after those.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.posts: list[list[str]] = []
        self.tokens: list[str] = []
        self.queries: list[dict[str, str]] = []
        self.sockets: list[Heard] = []
        self.order: list[str] = []
        self.answers: list[int] = []
        self.callback_url = ""
        self.media_url = ""

    @property
    def kinds(self) -> list[str]:
        return [str(event["type"]).rpartition(".")[2] for event in self.events]

    def event(self, kind: str) -> dict[str, Any]:
        """Return the latest event of a kind, which must exist."""
        return [event for event in self.events if event["type"] == f"Microsoft.Communication.{kind}"][-1]

    async def wait_for(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Wait until there are `count` events of a kind, and return the latest."""
        await until(lambda: self.kinds.count(kind) >= count)
        return self.event(kind)

    async def wait_for_audio(self, frames: int = 1) -> Heard:
        """Wait until the first media socket has received `frames` frames, and return it."""
        await until(lambda: bool(self.sockets) and len(self.sockets[0].audio()) >= frames)
        return self.sockets[0]

    async def say(self, pcm: bytes, *, chunk_ms: int = 20, rate: int = 24_000) -> None:
        """Send audio without pacing, in messages of `chunk_ms`."""
        size = rate * 2 * chunk_ms // 1000
        for start in range(0, len(pcm), size):
            data = base64.b64encode(pcm[start : start + size]).decode()
            await self.send({"Kind": "AudioData", "AudioData": {"Data": data}, "StopAudio": None})

    async def send(self, message: object) -> None:
        """Send a message on the latest media socket: text unchanged, anything else as JSON."""
        socket = self.sockets[-1].socket
        assert socket is not None
        await socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def _webhook(self, request: web.Request) -> web.Response:
        self.queries.append(dict(request.query))
        self.tokens.append(request.headers.get("Authorization", ""))
        batch = await request.json()
        names = [event["type"].rpartition(".")[2] for event in batch]
        self.posts.append(names)
        self.order.extend(names)
        status = self.answers.pop(0) if self.answers else 200
        if status < 300:
            self.events.extend(batch)
        return web.Response(status=status)

    async def _media(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        heard = Heard(dict(socket.request.headers.raw_items()), socket.request.path, socket=socket)
        self.order.append("socket")
        self.sockets.append(heard)
        try:
            async for message in socket:
                heard.arrived.append(asyncio.get_running_loop().time())
                heard.messages.append(json.loads(message))
        except ConnectionClosed:
            pass
        heard.close_code = socket.close_code


@asynccontextmanager
async def running_bot() -> AsyncIterator[FakeBot]:
    """Run a bot on free ports."""
    bot = FakeBot()
    application = web.Application()
    application.router.add_post("/callbacks", bot._webhook)
    runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with websockets.asyncio.server.serve(bot._media, "127.0.0.1", 0, close_timeout=0.2) as server:
            bot.callback_url = f"http://127.0.0.1:{runner.addresses[0][1]}/callbacks"
            bot.media_url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/media/secret"
            yield bot
    finally:
        await runner.cleanup()
