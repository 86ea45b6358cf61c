"""People who come by browser over real sockets: they speak in real time, and keep whatever they are sent."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from emulator.engine.scripted import read_markers
from listeners.audio_frames import FRAME_MS, PayloadFormat, decode_frame, encode_frame
from listeners.opus import OpusDecoder
from tests.support.audio import FRAME_BYTES
from tests.support.line import Line

PATIENCE_S = 120.0


class BrowserSocket:
    """One socket of a listener, which keeps what it hears."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self.socket = socket
        self.told: list[dict[str, Any]] = []
        self.heard = bytearray()
        """What a player would have played, PCM16 mono 24 kHz."""
        self.sequences: list[int] = []
        self._decoder = OpusDecoder()
        self._come = asyncio.Event()

    async def listen(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                frame = decode_frame(message.data, 24_000)
                opus = frame.format is PayloadFormat.OPUS
                self.heard += self._decoder.decode(frame.payload) if opus else frame.payload
                self.sequences.append(frame.sequence)
            else:
                self.told.append(json.loads(message.data))
            self._come.set()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.told if kind in (one.get("event"), one.get("type"))]

    async def until(self, kind: str, **fields: object) -> dict[str, Any]:
        """Return the first message of a kind with these fields."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for one in self.of(kind):
                    if one.items() >= fields.items():
                        return one
                self._come.clear()
                await self._come.wait()

    @property
    def utterances(self) -> list[int]:
        """Numbers of the utterances whose interpretations were heard, in order."""
        return read_markers(bytes(self.heard))


@dataclass
class Guest:
    """Whoever has the code of a room."""

    line: Line
    joined: dict[str, Any]
    """The answer to the code."""
    _sequence: int = field(default=0, init=False)

    @classmethod
    async def with_code(cls, line: Line, code: str, **wanted: str) -> Guest:
        async with line.http.post(f"{line.base_url}/api/join/{code}", json=wanted) as answer:
            assert answer.status == 200, await answer.text()
            return cls(line, await answer.json())

    @asynccontextmanager
    async def on(self, kind: str, **query: str) -> AsyncIterator[BrowserSocket]:
        """Connect to a socket, until the end of the context."""
        url, query = (
            f"{self.line.base_url}/ws/{kind}/{self.joined['room_id']}",
            {"ticket": self.joined["ticket"]} | query,
        )
        async with self.line.http.ws_connect(url, params=query) as socket, asyncio.TaskGroup() as group:
            one = BrowserSocket(socket)
            listening = group.create_task(one.listen())
            await one.until("hello")
            yield one
            listening.cancel()

    async def speak(self, microphone: BrowserSocket, pcm: bytes) -> None:
        """Speak in real time, and be silent for a second."""
        pcm += bytes(-len(pcm) % FRAME_BYTES + 1_000 // FRAME_MS * FRAME_BYTES)
        for start in range(0, len(pcm), FRAME_BYTES):
            self._sequence += 1
            payload = pcm[start : start + FRAME_BYTES]
            frame = encode_frame(PayloadFormat.PCM16, self._sequence, round(time.time() * 1e6), payload)
            await microphone.socket.send_bytes(frame)
            await asyncio.sleep(FRAME_MS / 1000)
