"""The short way must not be noticed: same messages, same answers, same end as by the library alone."""

from __future__ import annotations

import asyncio
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from http_serving.websocket_protocol import SMALL_PER_S, WAITING_MESSAGES, QuickWebSocketProtocol
from tests.support.virtual_time import virtual_time
from tests.support.websocket_protocol import (
    BINARY,
    CLOSE,
    CONTINUATION,
    LIMIT,
    MASK,
    PING,
    PONG,
    TEXT,
    connection,
    frame,
)


async def outcome(kind: type[WebSocketsSansIOProtocol], pieces: list[bytes], early: bytes = b"") -> object:
    """What the application is told and the peer is sent, when these pieces come one after the other."""
    async with connection(kind, early=early) as (protocol, transport):
        for piece in pieces:
            if not transport.closed:
                protocol.data_received(piece)
        told = [protocol.queue.get_nowait() for _ in range(protocol.queue.qsize())]
        return told, transport.written, transport.closed


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in zip(edges, edges[1:], strict=False)]


def same(data: bytes, places: list[int], *, last: bytes = b"", early: bytes = b"") -> None:
    """`last` comes in a piece of its own: uvicorn alone loses what comes together with a broken frame."""
    pieces = [*cut(data, places), last] if last else cut(data, places)

    async def both() -> tuple[object, object]:
        return await outcome(QuickWebSocketProtocol, pieces, early), await outcome(
            WebSocketsSansIOProtocol, pieces, early
        )

    quick, plain = asyncio.run(both())
    assert quick == plain


TEXTS = st.one_of(st.text(max_size=400), st.just("x" * 2_000)).map(str.encode)
WHOLE = st.builds(frame, st.just(TEXT), TEXTS)
FRAGMENTED = st.builds(
    lambda kind, first, second: frame(kind, first, fin=False) + frame(CONTINUATION, second),
    st.sampled_from([TEXT, BINARY]),
    TEXTS,
    TEXTS,
)
GOOD = st.one_of(
    WHOLE,
    WHOLE,
    FRAGMENTED,
    st.builds(frame, st.just(BINARY), st.binary(max_size=300)),
    st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=125)),
)
LAST = st.one_of(
    GOOD,
    st.just(frame(CLOSE, struct.pack("!H", 1000) + b"done")),
    st.builds(
        frame,
        st.integers(0, 15),
        st.binary(max_size=130),
        fin=st.booleans(),
        masked=st.booleans(),
        reserved=st.sampled_from([0, 0x40]),
    ),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(GOOD, max_size=8).map(b"".join), LAST, st.lists(st.integers(0, 100_000), max_size=8))
def test_whatever_comes_in_whatever_pieces(data: bytes, last: bytes, places: list[int]) -> None:
    same(data, places, last=last)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=4))
def test_noise(data: bytes, places: list[int]) -> None:
    same(data, places)


@settings(max_examples=20, deadline=None)
@given(st.lists(WHOLE, min_size=1, max_size=4).map(b"".join), st.integers(0, 1_000), st.lists(st.integers(0, 1_000)))
def test_a_peer_that_does_not_wait_for_the_handshake(data: bytes, early: int, places: list[int]) -> None:
    same(data[early:], places, early=data[:early])


@pytest.mark.parametrize(
    "data",
    [
        frame(TEXT, b"x" * LIMIT),
        frame(TEXT, b"x" * (LIMIT + 1)) + frame(TEXT, b"more"),
        frame(TEXT, b"\xff\xfe") + frame(TEXT, b"more"),
        frame(TEXT, b"half ", fin=False) + frame(CONTINUATION, b"whole") + frame(TEXT, b"more"),
        frame(TEXT, b"half ", fin=False) + frame(TEXT, b"not a continuation"),
        frame(TEXT, b"unmasked", masked=False),
        frame(TEXT, b"whole") + b"\x83",
        frame(CLOSE, b"") + frame(TEXT, b"after the goodbye"),
        b"\x81\xff" + struct.pack("!Q", 2**63) + MASK,
    ],
    ids=[
        "largest",
        "too large",
        "not text",
        "fragments",
        "broken fragments",
        "unmasked",
        "reserved",
        "closed",
        "absurd length",
    ],
)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_the_unusual(data: bytes, step: int) -> None:
    if len(data) > 1_000 and step < 100:
        step *= 1_000
    same(data, list(range(0, len(data), step)))


# --- what is different on purpose: how much is read ahead --------------------------------------------


async def test_reading_stops_when_the_application_takes_nothing_and_goes_on_when_it_has_taken_all() -> None:
    async with connection(QuickWebSocketProtocol) as (protocol, transport):
        for _ in range(WAITING_MESSAGES - 1):
            protocol.data_received(frame(TEXT, b"audio"))
        assert not transport.paused
        protocol.data_received(frame(TEXT, b"audio"))
        assert transport.paused
        for _ in range(WAITING_MESSAGES - 1):
            await protocol.receive()
        assert transport.paused
        await protocol.receive()
        assert not transport.paused


# --- small frames ------------------------------------------------------------------------------------

FLOODS = {
    "pings": frame(PING, b"") * 50_000,
    "long pings": frame(PING, b"x" * 125) * 10_000,
    "empty fragments": frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", fin=False) * 200_000,
    "tiny messages": frame(TEXT, b"x") * 50_000,
    "tiny binary messages": frame(BINARY, b"x") * 50_000,
    "pongs": frame(PONG, b"x") * 50_000,
}


@virtual_time  # all of it comes in one second, however busy the machine
@pytest.mark.parametrize("early", [False, True], ids=["", "before the handshake is answered"])
@pytest.mark.parametrize("flood", FLOODS)
async def test_a_flood_of_small_frames_ends_the_connection_before_it_costs_time(flood: str, early: bool) -> None:
    data = FLOODS[flood]
    async with connection(QuickWebSocketProtocol, early=data if early else b"") as (protocol, transport):
        if not early:
            protocol.data_received(data)
        told = [protocol.queue.get_nowait() for _ in range(protocol.queue.qsize())]
        assert told[-1] == {"type": "websocket.disconnect", "code": 1008}
        assert len(told) - 1 <= SMALL_PER_S
        assert not transport.closed, "that would reset the connection, and the peer would not be told"
        close = struct.pack("!H", 1008) + b"too many small frames"
        pongs, _, _ = transport.written.partition(bytes([0x88, len(close)]) + close)
        assert pongs != transport.written, "the peer is told why"
        assert pongs.count(b"\x8a") <= SMALL_PER_S
        protocol.data_received(data[: len(data) // 2])  # what was under way already
        assert protocol.queue.qsize() == 0
        assert protocol.close_timer is not None
        assert protocol.close_timer.when() - protocol.loop.time() <= protocol.close_timeout


@virtual_time
async def test_as_many_small_frames_as_are_allowed_may_come_every_second() -> None:
    async with connection(QuickWebSocketProtocol) as (protocol, transport):
        for _ in range(3):
            protocol.data_received(frame(PING, b"") * SMALL_PER_S)
            await asyncio.sleep(1)
        assert not transport.closed
        assert transport.written == b"\x8a\x00" * 3 * SMALL_PER_S


async def test_large_messages_are_not_counted_whatever_their_kind() -> None:
    audio = frame(TEXT, b"x" * 1_400), frame(BINARY, b"x" * 960)
    pieces = frame(TEXT, b"x" * 700, fin=False) + frame(CONTINUATION, b"x" * 700)
    async with connection(QuickWebSocketProtocol) as (protocol, transport):
        for data in (*audio, pieces):
            protocol.data_received(data * 2 * SMALL_PER_S)
        assert not transport.closed
        assert protocol.queue.qsize() == 6 * SMALL_PER_S


# --- sending -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("letter", ["a", "ñ"])
async def test_what_is_sent_is_the_same(size: int, letter: str) -> None:
    text = letter * (size // len(letter.encode()))
    written = []
    for kind in (QuickWebSocketProtocol, WebSocketsSansIOProtocol):
        async with connection(kind) as (protocol, transport):
            await protocol.send({"type": "websocket.send", "text": text})
            await protocol.send({"type": "websocket.send", "bytes": b"\x01\x02"})
            written.append(transport.written)
    assert written[0] == written[1]


async def test_sending_waits_for_a_peer_that_does_not_read() -> None:
    async with connection(QuickWebSocketProtocol) as (protocol, transport):
        protocol.pause_writing()
        sending = asyncio.create_task(protocol.send({"type": "websocket.send", "text": "late"}))
        await asyncio.sleep(0)
        assert transport.written == b""
        protocol.resume_writing()
        await sending
        assert transport.written == b"\x81\x04late"


async def test_sending_to_a_peer_that_is_gone() -> None:
    for kind in (QuickWebSocketProtocol, WebSocketsSansIOProtocol):
        async with connection(kind) as (protocol, _):
            protocol.data_received(frame(CLOSE, struct.pack("!H", 1001)))
            with pytest.raises(ClientDisconnected):
                await protocol.send({"type": "websocket.send", "text": "too late"})


async def test_sending_after_our_own_goodbye_is_a_mistake() -> None:
    for kind in (QuickWebSocketProtocol, WebSocketsSansIOProtocol):
        async with connection(kind) as (protocol, _):
            await protocol.send({"type": "websocket.close"})
            with pytest.raises(RuntimeError):
                await protocol.send({"type": "websocket.send", "text": "too late"})
