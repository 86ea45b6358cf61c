"""Connects many listeners over one socket each, and notes when each message comes.

Each listener is a bare `asyncio.Protocol` that reads unmasked WebSocket frames and nothing else, so that one core
receives 25,000 frames a second.
"""

from __future__ import annotations

import asyncio
import base64
import os
import time
from types import TracebackType
from typing import Final, Self, cast

import orjson

BINARY: Final = 0x82
TEXT: Final = 0x81
PING: Final = 0x89
_PONG: Final = bytes([0x8A, 0x80, 0, 0, 0, 0])
"""Masked, as a client has to, with zeros; what the ping carried goes behind it, its length into the second byte."""
_SEQUENCE, _TIMESTAMP = slice(4, 8), slice(8, 16)
"""Of the header of an audio frame, see `listeners/audio_frames.py`."""
_AT_ONCE: Final = 50
"""Connections that are opened at a time."""
_OPEN_S: Final = 120.0


class Refused(Exception):
    """The server did not upgrade a connection."""


class Audience:
    """What all listeners of one run receive."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []
        """Of every audio frame at every listener: from when it was due to when it came."""
        self.after_first_ms: list[float] = []
        """Of every caption at every reader: from when the first reader had it to when this one had it."""
        self._listeners: list[_Listener] = []
        self._first: dict[str, float] = {}

    async def connect(self, host: str, port: int, path: str, local: str) -> None:
        """Open one connection from a local address. `Refused` if it is not upgraded."""
        loop = asyncio.get_running_loop()
        _, listener = await loop.create_connection(
            lambda: _Listener(self, host, path), host, port, local_addr=(local, 0)
        )
        self._listeners.append(listener)
        await listener.open

    async def connect_all(self, host: str, port: int, wanted: list[tuple[str, str]]) -> None:
        """Open connections by path and local address, some at a time.

        Raises:
            Refused, TimeoutError: not all were upgraded.
        """
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(path: str, local: str) -> None:
            async with limit:
                await self.connect(host, port, path, local)

        async with asyncio.timeout(_OPEN_S):
            for result in await asyncio.gather(*(one(*each) for each in wanted), return_exceptions=True):
                if isinstance(result, BaseException):
                    raise result

    @property
    def lost(self) -> int:
        """Frames that listeners missed between the first and the last that they had."""
        return sum(listener.missed for listener in self._listeners)

    @property
    def gone(self) -> int:
        """Listeners whose connection was closed."""
        return sum(not listener.is_there for listener in self._listeners)

    def heard(self, frame: bytes, now: float) -> None:
        self.late_ms.append(now * 1000 - int.from_bytes(frame[_TIMESTAMP]) / 1000)

    def read(self, message: bytes, now: float) -> None:
        position = orjson.loads(message).get("position")
        if position:
            first = self._first.setdefault(position, now)
            self.after_first_ms.append((now - first) * 1000)

    def begin(self) -> None:
        """Forget what came until now."""
        self.late_ms.clear()
        self.after_first_ms.clear()
        self._first.clear()
        for listener in self._listeners:
            listener.missed = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        for listener in self._listeners:
            listener.close()


class _Listener(asyncio.Protocol):
    def __init__(self, audience: Audience, host: str, path: str) -> None:
        self._audience = audience
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        self._buffer = b""
        self._transport: asyncio.WriteTransport | None = None
        self.missed = 0
        self.is_there = True
        self._sequence = 0
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is of no class of asyncio
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        buffer = self._buffer + data if self._buffer else data
        if not self.open.done():
            head, ended, buffer = buffer.partition(b"\r\n\r\n")
            if not ended:
                self._buffer = head
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.open.set_exception(Refused(head.partition(b"\r\n")[0].decode(errors="replace")))
                self.close()
                return
            self.open.set_result(None)
        at, end = 0, len(buffer)
        while end - at >= 2:
            length, begin = buffer[at + 1], at + 2
            if length == 126:
                length, begin = int.from_bytes(buffer[at + 2 : at + 4]), at + 4
            if end < begin + length or end < begin:
                break
            if buffer[at] == BINARY:
                frame = buffer[begin : begin + length]
                sequence = int.from_bytes(frame[_SEQUENCE])
                self.missed += sequence - self._sequence - 1 if self._sequence else 0
                self._sequence = sequence
                self._audience.heard(frame, now)
            elif buffer[at] == TEXT:
                self._audience.read(buffer[begin : begin + length], now)
            elif buffer[at] == PING and self._transport is not None:
                answer = bytearray(_PONG) + buffer[begin : begin + length]
                answer[1] |= length
                self._transport.write(bytes(answer))
            at = begin + length
        self._buffer = buffer[at:]

    def connection_lost(self, error: Exception | None) -> None:
        self.is_there = False
        if not self.open.done():
            self.open.set_exception(error or Refused("closed"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
