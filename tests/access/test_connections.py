"""All endpoints, before a request is understood: headers, URLs, slow peers, pieces, open connections."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn

from http_serving import http_protocol
from http_serving.connection_limit import ConnectionLimit, prove
from http_serving.http_protocol import LARGEST_HEADER, LONGEST_URL, MOST_HEADERS
from http_serving.server import server_config
from tests.support.access import Refusal, ask, head, others_are_served, read_refusal, trickle
from tests.support.line import Line, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]

TOO_LARGE, MALFORMED = (431, "headers_too_large"), (400, "malformed_request")
CHUNKED = "Transfer-Encoding: chunked"
PATH = "/webhooks/eventgrid"

# What it is, the bytes, the answer.
TABLE: list[tuple[str, bytes, Refusal]] = [
    ("a large header in one piece", head("GET", PATH, "X: " + "x" * LARGEST_HEADER), TOO_LARGE),
    ("a header without an end", head("GET", PATH, "X: " + "x" * 2 * LARGEST_HEADER)[:-4], TOO_LARGE),
    ("many headers", head("GET", PATH, *("X: x" for _ in range(MOST_HEADERS))), TOO_LARGE),
    ("many headers with bare line feeds", b"GET / HTTP/1.1\nHost: x\n" + b"X: x\n" * 1000 + b"\n", TOO_LARGE),
    ("a long URL", head("GET", PATH + "?" + "x" * LONGEST_URL), (414, "url_too_long")),
    ("a URL without an end", b"GET /" + b"x" * 2 * LONGEST_URL, (414, "url_too_long")),
    ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello, TLS\r\n\r\n", MALFORMED),
    ("two lengths", head("POST", PATH, "Content-Length: 1", "Content-Length: 2"), MALFORMED),
    ("a length and chunks", head("POST", PATH, "Content-Length: 5", CHUNKED) + b"0\r\n\r\n", MALFORMED),
    ("chunks and a length", head("POST", PATH, CHUNKED, "Content-Length: 5") + b"0\r\n\r\n", MALFORMED),
    ("chunks of the past", head("POST", PATH, CHUNKED).replace(b"1.1", b"1.0") + b"0\r\n\r\n", MALFORMED),
    ("a body of tiny chunks", head("POST", PATH, CHUNKED) + b"1\r\nx\r\n" * 20_000, MALFORMED),
    ("many trailers", head("POST", PATH, CHUNKED) + b"0\r\n" + b"X: x\r\n" * 10_000 + b"\r\n", TOO_LARGE),
]
# The same at its limit is understood, and refused for want of proof.
TAKEN: dict[str, bytes] = {
    "headers": head("POST", PATH, *("X: x" for _ in range(MOST_HEADERS - 4)), length=0),
    "a large header": head("POST", PATH, "X: " + "x" * (LARGEST_HEADER - 200), length=0),
    "a URL": head("POST", PATH + "?" + "x" * (LONGEST_URL - len(PATH) - 1), length=0),
    "chunks": head("POST", PATH, CHUNKED) + b"100\r\n" + b"x" * 256 + b"\r\n" + b"0\r\n\r\n",
}


async def test_what_is_turned_away() -> None:
    async with line() as whole, others_are_served(whole):
        answers = {name: read_refusal(await trickle(whole, request)) for name, request, _ in TABLE}
        assert answers == {name: expected for name, _, expected in TABLE}
        taken = {name: read_refusal(await trickle(whole, request)) for name, request in TAKEN.items()}
        assert taken == dict.fromkeys(TAKEN, (401, "unauthorized"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEADER_TIMEOUT_S", 0.3)
    monkeypatch.setattr(http_protocol, "WRITE_TIMEOUT_S", 0.3)


async def drip(whole: Line, first: bytes) -> bytes:
    """Send this, then a byte now and then, until the service has had enough; what it answered."""
    address = urlsplit(whole.base_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)

    async def drop() -> None:
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.07)  # never at the instant of a deadline: bytes after the end would reset the answer

    try:
        writer.write(first)
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            dripping = group.create_task(drop())
            try:
                return await reader.read()
            except ConnectionError:
                return b""
            finally:
                dripping.cancel()
    finally:
        writer.close()


@pytest.mark.usefixtures("impatient")
async def test_who_is_too_slow_is_cut() -> None:
    timeout = (408, "request_timeout")
    async with line() as whole, others_are_served(whole):
        assert read_refusal(await trickle(whole, b"")) == timeout, "says nothing"
        assert read_refusal(await drip(whole, b"GET /healthz HTTP/1.1\r\nX: ")) == timeout, "a header byte by byte"
        # An answered request does not buy time for the next one, nor for the rest of a body nobody waits for.
        kept = head("GET", "/healthz").replace(b"Connection: close\r\n", b"")
        assert (await drip(whole, kept + b"GET /")).startswith(b"HTTP/1.1 200")
        body = head("POST", PATH, length=1_000_000).replace(b"Connection: close\r\n", b"")
        assert (await drip(whole, body)).startswith(b"HTTP/1.1 401")


@pytest.mark.usefixtures("impatient")
async def test_one_after_the_other_on_one_connection_is_fine() -> None:
    async with line() as whole:
        request = head("GET", "/healthz").replace(b"Connection: close\r\n", b"")
        answer = await trickle(whole, request * 3 + head("GET", "/healthz"))
        assert answer.count(b'{"status":"ok"}') == 4


@pytest.fixture
async def small() -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A server for three connections, whose application takes its time until told."""
    release = asyncio.Event()

    async def application(scope: Any, receive: object, send: object) -> None:
        if scope["path"] == "/proved":
            prove(scope, "platform")
        await release.wait()
        assert callable(send)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = server_config(application, host="127.0.0.1", port=0, lifespan="off", connections=ConnectionLimit(3))
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        async with asyncio.timeout(30):
            while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
                await asyncio.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1], release
        release.set()
        server.should_exit = True


async def test_who_waits_longest_makes_room_and_who_is_served_with_proof_does_not(
    small: tuple[int, asyncio.Event],
) -> None:
    port, release = small
    open_ones = []
    for _ in range(3):
        open_ones.append(await asyncio.open_connection("127.0.0.1", port))
        await asyncio.sleep(0.01)  # no two have waited equally long
    last = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(30):
        with pytest.raises(ConnectionError):
            if await open_ones[0][0].read() == b"":  # cut without a word
                raise ConnectionResetError
        served = [*open_ones[1:], last]
        for _, writer in served:
            writer.write(head("GET", "/proved"))
            await writer.drain()
        await asyncio.sleep(0.1)
        refused, closing = await asyncio.open_connection("127.0.0.1", port)
        assert read_refusal(await refused.read()) == (503, "overloaded")
        release.set()
        for reader, _ in served:
            assert (await reader.read()).startswith(b"HTTP/1.1 204")
    for _, writer in [*open_ones, last, (refused, closing)]:
        writer.close()


async def test_who_has_proved_nothing_makes_room_even_while_served(small: tuple[int, asyncio.Event]) -> None:
    port, release = small
    served = []
    for path in ("/", "/proved", "/"):
        served.append(await asyncio.open_connection("127.0.0.1", port))
        served[-1][1].write(head("GET", path))
        await asyncio.sleep(0.01)
    last = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(30):
        assert read_refusal(await served[0][0].read()) == (503, "overloaded")
        last[1].write(head("GET", "/"))
        await asyncio.sleep(0.1)
        release.set()
        for reader, _ in (*served[1:], last):
            assert (await reader.read()).startswith(b"HTTP/1.1 204")
    for _, writer in [*served, last]:
        writer.close()


@dataclass
class Crowd:
    """Callers who begin to exchange a join code, each from an address of its own, and never come to an end."""

    whole: Line
    code: str
    answered: Counter[int] = field(default_factory=Counter)

    async def one(self, number: int) -> None:
        address = urlsplit(self.whole.base_url)
        request = head(
            "POST", f"/api/join/{self.code}", f"X-Forwarded-For: 2001:db8:{number:x}::1", length=4_000
        ).replace(b"Connection: close\r\n", b"")
        while True:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                writer.write(request + b"{")
                with contextlib.suppress(ConnectionError):
                    if answer := await reader.read():
                        self.answered[int(answer.split()[1])] += 1
            finally:
                writer.close()
            await asyncio.sleep(0.25)


@pytest.mark.parametrize("known", [True, False], ids=["a code that is right", "a code that is wrong"])
async def test_a_crowd_without_proof_keeps_neither_acs_nor_admins_out(known: bool) -> None:
    async with line(max_connections=20) as whole:
        room = await whole.room()
        code = (await whole.api("GET", f"/api/rooms/{room.room_id}"))["join_code"]
        crowd = Crowd(whole, code if known else f"{(int(code) + 1) % 1_000_000:06}")
        async with asyncio.TaskGroup() as group:
            pressing = [group.create_task(crowd.one(number)) for number in range(60)]
            await asyncio.sleep(1)
            async with others_are_served(whole):  # its call begins now: Event Grid, callbacks, and the dial of ACS
                await asyncio.sleep(1)
            for task in pressing:
                task.cancel()
        assert set(crowd.answered) <= ({503, 408} if known else {404, 503})
        assert whole.emulator.journal.entries("media.dialled", failure=None)


async def test_callers_with_many_connections_lock_nobody_out() -> None:
    async with line() as whole, others_are_served(whole):
        address = urlsplit(whole.base_url)
        silent = [await asyncio.open_connection(address.hostname, address.port) for _ in range(200)]
        assert await ask(whole, "GET", "/healthz") == (200, "-")
        for _, writer in silent:
            writer.close()
