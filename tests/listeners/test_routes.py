"""The listeners' routes under the real server: sockets and events of real clients."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bot.error_responses import install_error_handlers
from http_serving import websocket_protocol
from http_serving.connection_limit import ConnectionLimit
from http_serving.server import server_config
from listeners.feed import Feed
from listeners.messages import CaptionMessage
from listeners.routes import router
from listeners.sockets.door import PER_TICKET, Door
from tests.support.listeners import TICKETS, door

pytestmark = pytest.mark.line


def ticket(purpose: Any = "captions", room_id: str = "room-1") -> str:
    return TICKETS.issue(purpose, room_id)[0]


def caption(number: int) -> CaptionMessage:
    return CaptionMessage("room-1", f"u-{number}", 1, "8:ada", "Ada", "es-ES", f"línea {number}", True, 1000)


class Served:
    """Listeners' routes under the server of the product."""

    def __init__(self, feed: Feed, entry: Door, port: int, server: uvicorn.Server) -> None:
        self.server = server
        self.feed = feed
        self.door = entry
        self.port = port

    def dial(self, kind: str = "captions", **query: Any) -> connect:
        query = {"ticket": ticket(kind)} | query
        return connect(f"ws://127.0.0.1:{self.port}/ws/{kind}/room-1?{urlencode(query)}", proxy=None, compression=None)

    async def silent(self) -> ClientConnection:
        """Dial, answer pings, and do nothing else."""
        url = f"ws://127.0.0.1:{self.port}/ws/captions/room-1?ticket={ticket()}"
        return await connect(url, proxy=None, compression=None, ping_interval=None, open_timeout=60)

    def events(self, **query: Any) -> str:
        return f"http://127.0.0.1:{self.port}/api/rooms/room-1/captions?{urlencode({'ticket': ticket()} | query)}"


@asynccontextmanager
async def serving() -> AsyncIterator[Served]:
    feed = Feed()
    feed.call_began("room-1")
    entry = door(feed)
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router(entry, feed))
    config = server_config(app, connections=ConnectionLimit(4000), lifespan="off")
    config.ws_ping_interval = None  # on a busy machine, both ends in one loop answer too late
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[listening]))
            async with asyncio.timeout(30):
                while not server.started:  # noqa: ASYNC110  (uvicorn offers no event to wait for)
                    await asyncio.sleep(0.005)
            try:
                yield Served(feed, entry, listening.getsockname()[1], server)
            finally:
                await entry.drain()
                server.should_exit = True


async def hears(client: ClientConnection, kind: str = "") -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            message: dict[str, Any] = json.loads(await client.recv())
            if not kind or kind in (message.get("event"), message.get("type")):
                return message


async def test_captions_over_a_socket() -> None:
    async with serving() as served, served.dial(language="es") as client:
        assert (await hears(client))["language"] == "es-ES"
        served.feed.caption(caption(1))
        assert (await hears(client))["text"] == "línea 1"
        await client.send("{}")
        assert (await hears(client))["error"]["code"] == "malformed"
        await client.send("x" * 20_000)
        with pytest.raises(ConnectionClosed) as closed:
            await hears(client)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1009, "too_large")


@pytest.mark.parametrize(
    ("kind", "query", "status", "code"),
    [
        ("captions", {"ticket": ""}, 401, "missing"),
        ("captions", {"ticket": "v1.x.y"}, 401, "signature"),
        ("signaling", {"ticket": ticket("captions")}, 403, "purpose"),
        ("captions", {"ticket": ticket(room_id="room-2")}, 403, "room"),
        ("captions", {"language": "fr"}, 400, "language_unknown"),
        ("captions", {"after": "yesterday"}, 400, "after"),
    ],
)
async def test_refusals_of_both_kinds(kind: str, query: dict[str, str], status: int, code: str) -> None:
    async with serving() as served:
        with pytest.raises(InvalidStatus) as refused:
            async with served.dial(kind, **query):
                pass
        answer = refused.value.response
        assert (answer.status_code, json.loads(answer.body)["error"]["code"]) == (status, code)
        async with served.dial(kind, **query, close=4001) as client:
            with pytest.raises(ConnectionClosed) as closed:
                await client.recv()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, code)


async def test_signaling_between_two_browsers() -> None:
    async with serving() as served, served.dial("signaling") as one, served.dial("signaling") as two:
        first, second = await hears(one), await hears(two)
        await two.send(json.dumps({"type": "offer", "to": first["member_id"], "sdp": "v=0"}))
        offer = await hears(one, "offer")
        assert (offer["from"], offer["sdp"]) == (second["member_id"], "v=0")


async def lines_of(response: aiohttp.ClientResponse, count: int) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            line = (await response.content.readline()).decode().strip()
            if line:
                found.append(line)
    return found


async def test_captions_as_events_and_again_from_the_last_one() -> None:
    async with serving() as served, aiohttp.ClientSession() as http:
        served.feed.caption(caption(1))
        async with http.get(served.events(language="es")) as response:
            assert response.status == 200
            assert response.headers["Content-Type"].startswith("text/event-stream")
            retry, hello, position, first = await lines_of(response, 4)
            assert retry == "retry: 2000"
            assert json.loads(hello.removeprefix("data: "))["event"] == "hello"
            assert json.loads(first.removeprefix("data: "))["text"] == "línea 1"
        served.feed.caption(caption(2))
        last = {"Last-Event-ID": position.removeprefix("id: ")}
        async with http.get(served.events(), headers=last) as response:
            found = await lines_of(response, 4)
            assert json.loads(found[3].removeprefix("data: "))["text"] == "línea 2"
            draining = asyncio.ensure_future(served.door.drain())
            text = (await response.text()).strip()
            assert '"draining"' in text
            await draining
        async with http.get(served.events()) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (503, "draining")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"ticket": ""}, 401, "missing"),
        ({"ticket": ticket("signaling")}, 403, "purpose"),
        ({"language": "fr"}, 400, "language_unknown"),
    ],
)
async def test_events_are_refused_as_sockets_are(query: dict[str, str], status: int, code: str) -> None:
    async with serving() as served, aiohttp.ClientSession() as http, http.get(served.events(**query)) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (status, code)


async def test_a_stream_of_events_takes_a_place_until_its_reader_has_gone() -> None:
    async with serving() as served, aiohttp.ClientSession() as http:
        url = served.events()
        async with AsyncExitStack() as held:
            for _ in range(PER_TICKET):
                response = await held.enter_async_context(http.get(url))
                await lines_of(response, 2)
            async with http.get(url) as response:
                assert (response.status, "Retry-After" in response.headers) == (429, True)
        async with asyncio.timeout(30):
            while served.feed.statistics().readers:  # noqa: ASYNC110  (nobody is told)
                await asyncio.sleep(0.01)
        async with http.get(url) as response:
            assert response.status == 200


async def test_a_slow_reader_is_let_go_and_another_is_not_delayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes nothing at all: not even its end can be told to it."""
    monkeypatch.setattr(websocket_protocol, "STALLED_S", 0.5)
    async with serving() as served, served.dial() as quick:
        await hears(quick)
        slow = await served.silent()
        slow.transport.pause_reading()
        long = "palabras " * 2_000
        number = 0
        async with asyncio.timeout(60):
            while served.feed.statistics().readers > 1:
                served.feed.caption(msgspec.structs.replace(caption(number), text=long))
                assert (await hears(quick, "caption"))["utterance_id"] == f"u-{number}"
                number += 1
            while len(served.server.server_state.connections) > 1:  # noqa: ASYNC110  (nobody is told)
                await asyncio.sleep(0.01)
        slow.transport.abort()


async def test_a_flood_closes_its_own_socket_alone() -> None:
    async with serving() as served, served.dial("signaling") as flood, served.dial() as quiet:
        await hears(quiet)
        with pytest.raises(ConnectionClosed) as closed:
            for _ in range(200):
                await flood.send('{"type":"dance"}')
            while True:
                await flood.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        served.feed.caption(caption(1))
        assert (await hears(quiet))["text"] == "línea 1"


@pytest.mark.timeout(240)
async def test_a_thousand_silent_sockets_cost_two_tasks_each_and_delay_nobody() -> None:
    """They never read either; what they have cost is gone with them."""
    async with serving() as served:
        before = len(asyncio.all_tasks())
        async with AsyncExitStack() as held:
            for _ in range(20):
                dialled = await asyncio.gather(*(served.silent() for _ in range(50)))
                for silent in dialled:
                    held.callback(silent.transport.abort)
            async with served.dial() as client:
                await hears(client)
                assert served.feed.statistics().readers == 1001
                assert len(asyncio.all_tasks()) - before <= 2 * 1001 + 5
                for number in range(5):
                    served.feed.caption(caption(number))
                    assert (await hears(client, "caption"))["text"] == f"línea {number}"
        async with asyncio.timeout(60):
            while served.feed.statistics().readers:  # noqa: ASYNC110  (nobody is told)
                await asyncio.sleep(0.01)


async def test_audio_reaches_real_clients_as_the_same_bytes() -> None:
    async with serving() as running:
        query = {"ticket": ticket("audio"), "language": "es-ES"}
        async with running.dial("audio", **query) as one, running.dial("audio", **query) as other:
            heard: list[bytes] = []
            for client in (one, other):
                assert json.loads(await client.recv())["format"] == "pcm16"
            await asyncio.sleep(0.1)
            for number in range(5):
                running.feed.audio("room-1", "es-ES", bytes([number]) * 960)
            for _ in range(5):
                frame = await one.recv()
                assert frame == await other.recv()
                assert isinstance(frame, bytes)
                heard.append(frame)
        assert [frame[16] for frame in heard] == list(range(5))
        assert running.feed.statistics().audio.count == 10


async def test_a_client_that_takes_nothing_loses_the_oldest_audio() -> None:
    async with serving() as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=1024)
        opened: socket.socket = writer.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        query = urlencode({"ticket": ticket("audio"), "language": "es-ES"})
        writer.write(
            f"GET /ws/audio/room-1?{query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert b"101" in await reader.readline()
        while b"hello" not in await reader.readuntil(b"}"):  # HTTP headers, then the first message
            pass
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # of the reading transport that it is
        for _ in range(1_000):
            running.feed.audio("room-1", "es-ES", bytes(960))
            await asyncio.sleep(0.001)
        statistics = running.feed.statistics()
        assert statistics.dropped_frames > 500
        assert statistics.audio.count < 450
        writer.transport.abort()
