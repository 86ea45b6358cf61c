"""Hands one voice and one caption after another to many listeners: the floor that the bot's fan-out is compared with.

Opus is encoded once, and `websockets` writes the same bytes to each connection (`broadcast`). There are no tickets, no
rooms, no languages, no limits, no heartbeats, and nobody is left out.

    python -m benchmarks.fan_out --port P
    WS /speak      frames of 20 ms, PCM16 mono 24 kHz     WS /audio      the frames as Opus, behind the bot's header
    GET /healthz   200                                    WS /captions   a caption for every `CAPTION_FRAMES` frames
"""

from __future__ import annotations

import argparse
import asyncio
import http
import time

import orjson
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.http11 import Request, Response

from listeners.audio_frames import PayloadFormat, encode_frame
from listeners.opus import OpusEncoder

CAPTION_FRAMES = 10
"""About as often as the captions of somebody who speaks change."""
TEXT = "The results of this quarter are better than we expected, and everything is ready for the presentation."


class Rooms:
    """The one room there is."""

    def __init__(self) -> None:
        self._readers: dict[str, set[ServerConnection]] = {"/audio": set(), "/captions": set()}
        self._opus = OpusEncoder()
        self._frames = 0

    async def serve(self, connection: ServerConnection) -> None:
        path = connection.request.path if connection.request else ""
        readers = self._readers.get(path)
        if readers is None:
            async for pcm in connection:
                self._frame(bytes(pcm, "ascii") if isinstance(pcm, str) else pcm)
            return
        readers.add(connection)
        try:
            await connection.send('{"event":"hello"}')
            await connection.wait_closed()
        finally:
            readers.discard(connection)

    def _frame(self, pcm: bytes) -> None:
        self._frames += 1
        due_us = round(time.time() * 1e6)
        frame = encode_frame(PayloadFormat.OPUS, self._frames, due_us, self._opus.encode(pcm))
        broadcast(self._readers["/audio"], frame)
        if self._frames % CAPTION_FRAMES == 0:
            caption = {"event": "caption", "position": str(self._frames), "text": TEXT, "is_final": False}
            broadcast(self._readers["/captions"], orjson.dumps(caption).decode())


def health(connection: ServerConnection, request: Request) -> Response | None:
    return connection.respond(http.HTTPStatus.OK, "") if request.path == "/healthz" else None


async def main(port: int) -> None:
    async with serve(Rooms().serve, "127.0.0.1", port, process_request=health, compression=None, backlog=4_096):
        await asyncio.Future()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(main(parser.parse_args().port))
