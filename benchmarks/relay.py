"""Relays audio like an interpreter without features: the floor that the bot is compared with.

It has a media socket per call and a Realtime session per speaker. All audio is appended in 100 ms pieces, the model
detects turns, and its audio is cut into frames and sent on one shared 20 ms clock. It has no speech detection, floor
control, ledger, captions, limits or checks. It is written to be fast: aiohttp at both ends, typed parsing, prebuilt
events.

    RELAY_ACCESS_KEY=… RELAY_MODEL_KEY=… python -m benchmarks.relay --port P --acs URL --model URL
    POST /calls {"rooms": ["…"]}       join the calls of these rooms
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
from collections import deque

import aiohttp
import msgspec
import pybase64
import uvloop
from aiohttp import web
from azure.communication.callautomation import (
    AudioFormat,
    MediaStreamingAudioChannelType,
    MediaStreamingContentType,
    MediaStreamingOptions,
    StreamingTransportType,
)
from azure.communication.callautomation.aio import CallAutomationClient
from azure.core.credentials import AzureKeyCredential

FRAME_S = 0.02
FRAME_BYTES = 960
APPEND_FRAMES = 5


class _Audio(msgspec.Struct, rename="camel"):
    data: bytes
    participant_raw_id: str = msgspec.field(name="participantRawID", default="")


class _Media(msgspec.Struct, rename="camel"):
    kind: str
    audio_data: _Audio | None = None


class _FromModel(msgspec.Struct):
    type: str
    delta: str = ""


_read_media = msgspec.json.Decoder(_Media).decode
_read_model = msgspec.json.Decoder(_FromModel).decode

_PCM = {"type": "audio/pcm", "rate": 24_000}
SESSION_UPDATE = msgspec.json.encode(
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "instructions": "Interpret the user's speech from English (en-US) into Spanish (es-ES).",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": _PCM,
                    "turn_detection": {
                        "type": "server_vad",
                        "threshold": 0.5,
                        "prefix_padding_ms": 300,
                        "silence_duration_ms": 500,
                        "create_response": True,
                        "interrupt_response": False,
                    },
                },
                "output": {"format": _PCM},
            },
        },
    }
).decode()


class SpeakerUplink:
    """A speaker's audio, queued for the model."""

    def __init__(self) -> None:
        self.held: asyncio.Queue[bytes] = asyncio.Queue()
        self._pending: list[bytes] = []

    def hear(self, pcm: bytes) -> None:
        self._pending.append(pcm)
        if len(self._pending) == APPEND_FRAMES:
            self.held.put_nowait(b"".join(self._pending))
            self._pending.clear()


class Relay:
    """Relays all calls of the process."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        calls: CallAutomationClient,
        model_url: str,
        model_key: str,
        base: str,
    ) -> None:
        self._http = session
        self._calls = calls
        self._model_url = f"{model_url}/openai/v1/realtime?model=relay"
        self._model_headers = {"Authorization": f"Bearer {model_key}"}
        self._base = base
        self._voices: dict[web.WebSocketResponse, deque[bytes]] = {}

    async def join(self, request: web.Request) -> web.Response:
        for room in (await request.json())["rooms"]:
            await self._calls.connect_call(
                f"http://{self._base}/callbacks",
                room_id=room,
                media_streaming=MediaStreamingOptions(
                    transport_url=f"ws://{self._base}/media/{room}",
                    transport_type=StreamingTransportType.WEBSOCKET,
                    content_type=MediaStreamingContentType.AUDIO,
                    audio_channel_type=MediaStreamingAudioChannelType.UNMIXED,
                    start_media_streaming=True,
                    enable_bidirectional=True,
                    audio_format=AudioFormat.PCM24_K_MONO,
                ),
            )
        return web.Response(status=201)

    async def callback(self, request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    async def media(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        speakers: dict[str, SpeakerUplink] = {}
        voice = self._voices[socket] = deque()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = []
                async for message in socket:
                    audio = _read_media(message.data).audio_data
                    if audio is None:
                        continue
                    speaker = speakers.get(audio.participant_raw_id)
                    if speaker is None:
                        speaker = speakers[audio.participant_raw_id] = SpeakerUplink()
                        tasks.append(group.create_task(self._converse(speaker, voice)))
                    speaker.hear(audio.data)
                for task in tasks:
                    task.cancel()
        finally:
            del self._voices[socket]
        return socket

    async def _converse(self, speaker: SpeakerUplink, voice: deque[bytes]) -> None:
        async with (
            self._http.ws_connect(self._model_url, headers=self._model_headers, max_msg_size=0) as model,
            asyncio.TaskGroup() as group,
        ):
            await model.send_str(SESSION_UPDATE)
            appending = group.create_task(self._append(speaker, model))
            rest = b""
            async for message in model:
                event = _read_model(message.data)
                if event.type == "response.output_audio.delta":
                    rest += pybase64.b64decode(event.delta)
                    whole = len(rest) // FRAME_BYTES * FRAME_BYTES
                    voice.extend(rest[start : start + FRAME_BYTES] for start in range(0, whole, FRAME_BYTES))
                    rest = rest[whole:]
            appending.cancel()

    async def _append(self, speaker: SpeakerUplink, model: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            audio = pybase64.b64encode_as_string(await speaker.held.get())
            await model.send_str(f'{{"type":"input_audio_buffer.append","audio":"{audio}"}}')

    async def pace(self) -> None:
        """Send the frames of all calls every 20 ms."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += FRAME_S
            await asyncio.sleep(due - loop.time())
            for socket, voice in list(self._voices.items()):
                if voice and not socket.closed:
                    audio = pybase64.b64encode_as_string(voice.popleft())
                    with contextlib.suppress(ConnectionError):
                        await socket.send_str(
                            f'{{"Kind":"AudioData","AudioData":{{"Data":"{audio}"}},"StopAudio":null}}'
                        )


async def serve(port: int, acs: str, access_key: str, model: str, model_key: str) -> None:
    """Relay until cancelled."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        CallAutomationClient(acs, AzureKeyCredential(access_key)) as calls,
    ):
        relay = Relay(session, calls, model, model_key, f"127.0.0.1:{port}")
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", relay.callback),
                web.post("/calls", relay.join),
                web.post("/callbacks", relay.callback),
                web.get("/media/{name}", relay.media),
            ]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await relay.pace()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relay", description="the floor program")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--acs", required=True, help="address of the ACS side")
    parser.add_argument("--model", required=True, help="address of the Realtime side")
    arguments = parser.parse_args()
    keys = (
        os.environ["RELAY_ACCESS_KEY"],
        os.environ["RELAY_MODEL_KEY"],
    )  # not on the command line, which other users can see
    uvloop.run(serve(arguments.port, arguments.acs, keys[0], arguments.model, keys[1]))


if __name__ == "__main__":
    main()
