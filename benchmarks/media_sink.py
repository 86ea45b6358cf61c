"""Receives media sockets with minimal work: accepts upgrades and records when frames arrive.

It also answers every callback with 200. `emulator_load` evaluates the records.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455


class Sink:
    """A running sink.

    Attributes:
        sockets: arrivals of each socket, in order of opening.
        port: listening port.
    """

    def __init__(self) -> None:
        self.sockets: list[Arrivals] = []
        self.port = 0


class Arrivals:
    """Arrivals of frames on a socket.

    Attributes:
        at: `time.monotonic()` of each read.
        frames: number of frames completed by each read.
    """

    def __init__(self) -> None:
        self.at = array("d")
        self.frames = array("H")


class _Connection(asyncio.Protocol):
    """Speaks HTTP until an upgrade, then WebSocket; of frames it reads the lengths alone."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held = b""
        self._arrivals: Arrivals | None = None
        self._missing = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports do not inherit from it

    def data_received(self, data: bytes) -> None:
        if self._arrivals is not None:
            self._count(data, self._arrivals)
            return
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            lines = (line.partition(b":") for line in self._held[:end].split(b"\r\n")[1:])
            head = {name.lower(): value.strip() for name, _, value in lines}
            if b"sec-websocket-key" in head:
                self._upgrade(head[b"sec-websocket-key"], self._held[end + 4 :])
                return
            whole = end + 4 + int(head.get(b"content-length", b"0"))
            if len(self._held) < whole:
                return
            self._held = self._held[whole:]
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def _upgrade(self, key: bytes, rest: bytes) -> None:
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self._held = b""
        self._arrivals = Arrivals()
        self._sink.sockets.append(self._arrivals)
        if rest:
            self._count(rest, self._arrivals)

    def _count(self, data: bytes, arrivals: Arrivals) -> None:
        """Count completed frames. `_missing` is the number of bytes that the last one still lacks."""
        now = time.monotonic()
        frames = 0
        if self._held:
            data, self._held = self._held + data, b""
        place = self._missing
        if place and place <= len(data):
            frames += 1
        while place < len(data):
            size = _frame_size(data, place)
            if size is None:
                self._held, place = data[place:], len(data)
                break
            place += size
            frames += place <= len(data)
        self._missing = place - len(data)
        if frames:
            arrivals.at.append(now)
            arrivals.frames.append(frames)


def _frame_size(data: bytes, place: int) -> int | None:
    """Return the size of the frame at `place`, with header and mask; None if the header is incomplete."""
    if len(data) - place < 2:
        return None
    short, mask = data[place + 1] & 127, 4 if data[place + 1] & 128 else 0
    if short < 126:
        return 2 + mask + short
    wide = 2 if short == 126 else 8
    if len(data) - place < 2 + wide:
        return None
    return 2 + wide + mask + int.from_bytes(data[place + 2 : place + 2 + wide], "big")


@asynccontextmanager
async def running_sink() -> AsyncIterator[Sink]:
    """Run a sink on a free loopback port."""
    sink = Sink()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(sink), "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
