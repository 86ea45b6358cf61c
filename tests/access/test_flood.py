"""One room is flooded through every endpoint at once; another room's conversation is as if nothing were.

Judged by what arrives and in which order, never by how long it takes: `python -m benchmarks --only flood` shows that.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from pathlib import Path

import aiohttp
import pytest

from emulator.client import Participant
from emulator.engine.scripted import read_markers
from media_streaming.audio import PCM_24K_MONO
from tests.support.access import ADMIN, Socket, call_token, in_place_of_acs, media_socket, of_connection
from tests.support.audio import quieter
from tests.support.line import Line, Room, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(90)]

UTTERANCES = 3
TIMES = 20
"""Frames per 20 ms on the flooded socket."""
KNOCK_EVERY_S = 0.02
"""By each of two senders of callbacks, and of two admins."""
CALLBACKS = Path(__file__).parents[1] / "wire" / "callback_play_completed.json"
METADATA = {
    "kind": "AudioMetadata",
    "audioMetadata": {
        "subscriptionId": "flood",
        "encoding": "PCM",
        "sampleRate": PCM_24K_MONO.sample_rate,
        "channels": 1,
        "length": 960,
    },
}
AUDIO = (Path(__file__).parents[1] / "wire" / "media_audio_data.json").read_text()
GARBAGE = ["", "{", "null", "[]" * 1000, '{"kind":"AudioData"}', '{"kind":5}', "x" * 10_000, '{"kind":"Unheard"}']


class Flood:
    """Everything at one room, until it is over. What is refused is counted and sent again."""

    def __init__(self, whole: Line, room: Room, secret: str, socket: Socket) -> None:
        """`socket`: the media socket of the room's call."""
        self._whole = whole
        self._socket = socket
        self._room = room
        self._secret = secret
        self.frames = 0
        self.callbacks: dict[int, int] = {}
        self.reads: dict[int, int] = {}

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._media())
            for _ in range(2):
                group.create_task(self._knock("POST", f"/webhooks/calls/{self._secret}", self.callbacks))
                group.create_task(self._knock("GET", f"/api/rooms/{self._room.room_id}/interpreter", self.reads))

    async def _knock(self, method: str, path: str, counts: dict[int, int]) -> None:
        connection = (await self._room.status())["call_connection_id"]
        callback = json.loads(of_connection(CALLBACKS.read_text(), connection))
        headers = call_token(self._whole, "valid") if method == "POST" else ADMIN
        for number in range(1_000_000):
            body = [one | {"id": f"{id(self)}-{number}"} for one in callback] if method == "POST" else None
            async with self._whole.http.request(
                method, self._whole.base_url + path, json=body, headers=headers
            ) as response:
                counts[response.status] = counts.get(response.status, 0) + 1
            await asyncio.sleep(KNOCK_EVERY_S)

    async def _media(self) -> None:
        """The flooded call's own socket; when the service closes it, another one, if it will have one."""
        with contextlib.suppress(aiohttp.ClientError):
            await self._pour(self._socket)
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with media_socket(self._whole, self._secret) as socket:
                    await self._pour(socket)
            await asyncio.sleep(0.1)

    async def _pour(self, socket: Socket) -> None:
        due = asyncio.get_running_loop().time()
        await socket.send_json(METADATA)
        while not socket.closed:
            for number in range(TIMES):
                await socket.send_str(AUDIO)
                if number == 0:
                    await socket.send_str(GARBAGE[self.frames // TIMES % len(GARBAGE)])
                self.frames += 1
            due += 0.02
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))


async def converse(room: Room, ana: Participant, speech: bytes) -> None:
    """Ana says as much as is counted in the end, each time when the last is interpreted."""
    for number in range(1, UTTERANCES + 1):
        await ana.speak(quieter(speech, 1 - number / 20))  # never twice alike: that would sound like an echo
        await room.until_passages(number)


@pytest.mark.soak
async def test_a_flood_on_one_room_is_not_felt_in_another(english: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.rate_limits.CALLBACKS_PER_S", 5.0)  # fewer than come
    async with line() as whole:
        flooded, other = await whole.room(), await whole.room()
        async with in_place_of_acs(whole, flooded) as (secret, taken):
            async with other.joined("Ana") as ana, other.joined("Luis") as luis:
                call = (await other.until_status("interpreting"))["call_connection_id"]
                flood = Flood(whole, flooded, secret, taken)
                async with asyncio.TaskGroup() as group:
                    flooding = group.create_task(flood.run())
                    await converse(other, ana, english)
                    flooding.cancel()
                passages = (await other.transcript())["passages"]
                sockets = whole.emulator.journal.entries("media.dialled", call_connection_id=call)
    # Everything was interpreted, once, in order, and heard so; on the socket there was at the beginning.
    assert [passage["state"] for passage in passages] == ["spoken"] * UTTERANCES
    # (A marker with a gap in it is read twice: the emulator is in this process, and out of breath as well.)
    assert [number for number, _ in itertools.groupby(read_markers(bytes(luis.heard)))] == list(range(UTTERANCES))
    assert [socket["failure"] for socket in sockets][-1] is None
    assert [socket["sockets"] for socket in sockets][-1] == 1
    # The flood was one, and was held to its measure.
    assert flood.frames > 500
    assert flood.callbacks.get(429, 0) > 0 and set(flood.callbacks) <= {200, 404, 429}
    assert flood.reads[200] > 100 and set(flood.reads) <= {200, 429}
