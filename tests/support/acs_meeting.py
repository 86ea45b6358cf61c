"""Calls held over the emulator with the real SDKs: a bot that listens on both addresses, events, phones, files."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import websockets.asyncio.server
from aiohttp import web
from azure.communication.callautomation import (
    AudioFormat,
    CallConnectionProperties,
    MediaStreamingAudioChannelType,
    MediaStreamingContentType,
    MediaStreamingOptions,
    PhoneNumberIdentifier,
    StreamingTransportType,
)
from azure.communication.callautomation.aio import CallAutomationClient, CallConnectionClient
from azure.eventgrid import EventGridEvent, SystemEventNames
from websockets.asyncio.server import ServerConnection

from emulator.client import Participant
from tests.support.acs_emulator import (
    Acs,
    FakeBot,
    Guest,
    make_guest,
    make_room,
    running_acs,
    running_bot,
    tone,
    until,
)


def media_options(bot: FakeBot, **changes: Any) -> MediaStreamingOptions:
    settings: dict[str, Any] = {
        "transport_url": bot.media_url,
        "transport_type": StreamingTransportType.WEBSOCKET,
        "content_type": MediaStreamingContentType.AUDIO,
        "audio_channel_type": MediaStreamingAudioChannelType.UNMIXED,
        "start_media_streaming": True,
        "enable_bidirectional": True,
        "audio_format": AudioFormat.PCM24_K_MONO,
    }
    return MediaStreamingOptions(**(settings | changes))


@dataclass
class Meeting:
    """A room with Anna in it, and a bot that may connect."""

    acs: Acs
    bot: FakeBot
    calls: CallAutomationClient
    room_id: str
    anna: Guest
    ben: Guest

    async def connect(self, media: MediaStreamingOptions | None = None, **more: Any) -> CallConnectionProperties:
        return await self.calls.connect_call(
            room_id=self.room_id,
            callback_url=self.bot.callback_url,
            operation_context="room-42",
            media_streaming=media,
            **more,
        )

    def connection(self, properties: CallConnectionProperties) -> CallConnectionClient:
        assert properties.call_connection_id is not None
        return self.calls.get_call_connection(properties.call_connection_id)

    @asynccontextmanager
    async def joined(self, guest: Guest, name: str = "Somebody") -> AsyncIterator[Participant]:
        async with Participant.join(self.acs.url, self.room_id, guest.token, name) as participant:
            yield participant


@asynccontextmanager
async def meeting(switches: dict[str, Any] | None = None, **settings: Any) -> AsyncIterator[Meeting]:
    async with running_bot() as bot, running_acs(switches, **settings) as acs:
        anna, ben = await make_guest(acs), await make_guest(acs)
        room_id = await make_room(acs, anna, ben)
        async with CallAutomationClient(acs.url, acs.credential) as calls:
            yield Meeting(acs, bot, calls, room_id, anna, ben)


class Endpoint:
    """A webhook that answers as it is told."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.validation = "code"
        self.origin = "*"
        self.answers: list[int] = []

    async def post(self, request: web.Request) -> web.Response:
        body = await request.json()
        if request.headers.get("aeg-event-type") == "SubscriptionValidation":
            data = body[0]["data"]
            if self.validation == "visit":
                self.visit_url = data["validationUrl"]
                return web.Response(status=200)
            answer = data["validationCode"] if self.validation == "code" else "wrong"
            return web.json_response({"validationResponse": answer})
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    async def options(self, request: web.Request) -> web.Response:
        assert request.headers["WebHook-Request-Origin"] == "eventgrid.azure.net"
        return web.Response(headers={"WebHook-Allowed-Origin": self.origin} if self.origin else {})


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    there = Endpoint()
    application = web.Application()
    application.router.add_post("/events", there.post)
    application.router.add_route("OPTIONS", "/events", there.options)
    runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        there.url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
        yield there
    finally:
        await runner.cleanup()


async def subscribe(acs: Acs, there: Endpoint, schema: str, **more: Any) -> tuple[int, Any]:
    document = {"endpoint": there.url, "schema": schema, **more}
    return await acs.put("/emulator/eventgrid/subscriptions/calls", document)


async def hold_a_call(acs: Acs) -> tuple[str, str]:
    """Somebody joins a room and leaves it again: user id and room id."""
    anna = await make_guest(acs)
    room_id = await make_room(acs, anna)
    async with Participant.join(acs.url, room_id, anna.token, "Anna"):
        pass
    return anna.id, room_id


CALLER_ID = PhoneNumberIdentifier("+15550001111")

BOT = "28:acs:the-bot"


class Phone:
    """A client that can be rung: what it was told, and what it says."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self._socket = socket
        self.told: list[dict[str, Any]] = []
        self.frames = 0

    async def read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.told.append(message.json())
            else:
                self.frames += 1

    async def say(self, **message: Any) -> None:
        await self._socket.send_json(message)

    async def wait_for(self, kind: str) -> dict[str, Any]:
        await until(lambda: any(each["type"] == kind for each in self.told))
        return [each for each in self.told if each["type"] == kind][-1]


@asynccontextmanager
async def phone_of(m: Meeting, guest: Guest, name: str = "Somebody") -> AsyncIterator[Phone]:
    url = f"{m.acs.url}/emulator/phone"
    async with m.acs.http.ws_connect(url, params={"token": guest.token}) as socket:
        await socket.send_json({"type": "hello", "display_name": name})
        phone = Phone(socket)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(phone.read())
            await phone.wait_for("registered")
            try:
                yield phone
            finally:
                await socket.close()
                reading.cancel()


@asynccontextmanager
async def called(m: Meeting, phone: Phone) -> AsyncIterator[str]:
    """The incoming call context under which the owner of a phone calls the bot."""
    async with endpoint() as there:
        assert (await subscribe(m.acs, there, "EventGridSchema"))[0] == 201
        await phone.say(type="call", to=BOT)
        await until(lambda: there.bodies)
        event = EventGridEvent.from_dict(there.bodies[0][0])
        assert event.event_type == SystemEventNames.AcsIncomingCallEventName
        assert event.data["to"]["rawId"] == BOT
        assert event.data["from"]["communicationUser"]["id"] == event.data["from"]["rawId"]
        yield event.data["incomingCallContext"]


def wav(ms: int, *, rate: int = 16_000, channels: int = 1, width: int = 2, hertz: float = 300.0) -> bytes:
    """A sound file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(tone(ms, hertz=hertz, rate=rate) * (channels * width // 2))
    return out.getvalue()


@asynccontextmanager
async def files(**contents: bytes) -> AsyncIterator[dict[str, str]]:
    """A file server; name to address. Names it asks for are counted in `asked`."""
    asked: dict[str, int] = {}

    async def serve(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        asked[name] = asked.get(name, 0) + 1
        if name not in contents:
            raise web.HTTPNotFound
        return web.Response(body=contents[name], headers={"X-Asked": str(asked[name])})

    application = web.Application()
    application.router.add_get("/{name}", serve)
    runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        origin = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        yield {name: origin + name for name in (*contents, "missing")}
    finally:
        await runner.cleanup()


@asynccontextmanager
async def listener() -> AsyncIterator[tuple[str, list[dict[str, Any]], list[int | None]]]:
    """A socket for transcriptions: its address, what came, and the codes sockets were closed with."""
    came: list[dict[str, Any]] = []
    closed: list[int | None] = []

    async def take(socket: ServerConnection) -> None:
        async for message in socket:
            came.append(json.loads(message))
        closed.append(socket.close_code)

    async with websockets.asyncio.server.serve(take, "127.0.0.1", 0, close_timeout=0.2) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/words", came, closed
