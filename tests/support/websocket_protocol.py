"""A connection of the WebSocket protocol without a socket: its transport, the frames of a peer, its application."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.utils import apply_mask

LIMIT = 70_000
"""Bytes of a message; beyond the 65,535 of the middle header size."""
HANDSHAKE = (
    b"GET /media/secret HTTP/1.1\r\nHost: bot\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MASK = b"\x12\x34\x56\x78"
TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


class FakeTransport(asyncio.Transport):
    """What was asked of a socket."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.paused = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


def frame(opcode: int, payload: bytes, *, fin: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """One frame as a client sends it."""
    size, bit = len(payload), 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | reserved | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 65_536:
        head += bytes([bit | 126]) + struct.pack("!H", size)
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", size)
    if not masked:
        return head + payload
    return head + MASK + apply_mask(payload, MASK)


async def until(condition: Callable[[], object]) -> None:
    """Wait for what takes a few turns of the loop, and no time."""
    for _ in range(100):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it did not come")


@asynccontextmanager
async def connection(
    kind: type[WebSocketsSansIOProtocol], *, early: bytes = b""
) -> AsyncIterator[tuple[WebSocketsSansIOProtocol, FakeTransport]]:
    """A connection whose application has accepted it and takes nothing. `early`: sent before it has."""
    over = asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await over.wait()

    config = uvicorn.Config(
        application, ws=kind, ws_max_size=LIMIT, ws_per_message_deflate=False, log_config=None, lifespan="off"
    )
    config.load()
    protocol = kind(config=config, server_state=ServerState(), app_state={}, _loop=asyncio.get_running_loop())
    transport = FakeTransport()
    protocol.connection_made(transport)
    protocol.data_received(HANDSHAKE)  # uvicorn's HTTP protocol passes it on alone
    if early:
        protocol.data_received(early)
    await until(lambda: protocol.handshake_complete)
    assert transport.written.startswith(b"HTTP/1.1 101 ")
    transport.written = transport.written.partition(b"\r\n\r\n")[2]
    try:
        yield protocol, transport
    finally:
        over.set()
        await until(lambda: not protocol.tasks)
        protocol.connection_lost(None)
        if protocol.close_timer is not None:
            protocol.close_timer.cancel()
