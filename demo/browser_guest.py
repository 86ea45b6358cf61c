"""A person who comes by browser: speaks and listens over the service's sockets, as its page does."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Self

import aiohttp
import numpy as np

from demo.recording_analysis import RATE
from demo.script import Person
from emulator.client import JoinRefused

FRAME_S = 0.02
FRAME = RATE // 50
"""Samples of a frame."""
HEADER = struct.Struct(">BBHIQ")
"""Version, format, flags, sequence, timestamp in µs since the Unix epoch: docs/sockets.md."""
VERSION, PCM16, OWN_VOICES_ONLY = 1, 1, 1
MOST_BEHIND_S = 0.2
"""Seconds of frames made up for after a stall of this process; older ones are not said."""
_SILENCE = bytes(2 * FRAME)

Socket = aiohttp.ClientWebSocketResponse[bool]


class MixedRecording:
    """What a page would play of several streams, PCM16 mono: each frame where it is due, silence elsewhere."""

    def __init__(self, begins_us: int) -> None:
        self.pcm = bytearray()
        self._begins_us = begins_us
        self._ends: dict[str, int] = {}  # stream -> sample after its newest frame

    def until(self, now_us: int) -> None:
        """Add silence up to now."""
        self._reach((now_us - self._begins_us) * RATE // 1_000_000)

    def add(self, stream: str, due_us: int, payload: bytes) -> None:
        """Mix a frame in; one that is due at about the end of the last one follows it without a gap."""
        start, follows = (due_us - self._begins_us) * RATE // 1_000_000, self._ends.get(stream, -FRAME)
        if abs(start - follows) < FRAME:
            start = follows
        if start < 0:
            return
        end = start + len(payload) // 2
        self._ends[stream] = end
        self._reach(end)
        there = np.frombuffer(bytes(self.pcm[2 * start : 2 * end]), "<i2").astype(np.int32)
        mixed = np.clip(there + np.frombuffer(payload, "<i2"), -32768, 32767)
        self.pcm[2 * start : 2 * end] = mixed.astype("<i2").tobytes()

    def _reach(self, samples: int) -> None:
        self.pcm += bytes(max(0, 2 * samples - len(self.pcm)))


class BrowserGuest:
    """A person in the meeting, with what `emulator.client.Participant` has too.

    Attributes:
        participant_id: raw id of the speaker.
        heard: what was heard since joining, PCM16 mono 24 kHz: everybody's own voices, and the interpretations into the
            language of this person.
        heard_at: `time.monotonic()` of the newest sample in `heard`.
        closed: whether a socket is closed, for `close_reason`.
    """

    def __init__(self, participant_id: str) -> None:
        """Use `BrowserGuest.join`."""
        self.participant_id = participant_id
        self.heard_at = (time.monotonic(),)
        self.closed = False
        self.close_reason = ""
        self._recording = MixedRecording(_now_us())
        self._speech: deque[tuple[bytes, asyncio.Future[None] | None]] = deque()

    @property
    def heard(self) -> bytearray:
        return self._recording.pcm

    @classmethod
    @asynccontextmanager
    async def join(cls, bot_url: str, join_code: str, person: Person) -> AsyncIterator[Self]:
        """Join by code; leave at the end of the context.

        Raises:
            JoinRefused: the service refused the person.
            aiohttp.ClientError: the service cannot be reached.
        """
        async with AsyncExitStack() as stack:
            http = await stack.enter_async_context(aiohttp.ClientSession())
            wanted = {"display_name": person.name, "speaks": person.language, "hears": person.listens_to}
            async with http.post(f"{bot_url}/api/join/{join_code}", json={"purpose": "speak", **wanted}) as answer:
                document = await answer.json()
                if answer.status != 200:
                    raise JoinRefused(answer.status, document["error"]["code"], document["error"]["message"])
            url = f"{bot_url}/ws/audio/{document['room_id']}"
            sockets: dict[str, Socket] = {}
            for stream, more in ((person.listens_to, {}), ("floor", {"microphone": "0"})):
                query = {"ticket": document["ticket"], "language": stream, "format": "pcm16", "rate": str(RATE), **more}
                try:
                    sockets[stream] = await stack.enter_async_context(http.ws_connect(url, params=query))
                except aiohttp.WSServerHandshakeError as error:
                    raise JoinRefused(error.status, "audio", error.message) from error
            guest = cls(f"web:{document['participant_id']}")
            works: list[Coroutine[Any, Any, None]] = [guest._talk(sockets[person.listens_to])]
            works += [guest._listen(stream, socket) for stream, socket in sockets.items()]
            tasks = [asyncio.create_task(work) for work in works]
            try:
                yield guest
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)

    async def speak(self, pcm: bytes) -> None:
        """Speak PCM16 mono 24 kHz in real time; return when the last frame was sent.

        Raises:
            ConnectionError: a socket closed before the end.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        pcm += bytes(-len(pcm) % len(_SILENCE))
        frames = [pcm[start : start + len(_SILENCE)] for start in range(0, len(pcm), len(_SILENCE))]
        self._speech += [(frame, None) for frame in frames[:-1]]
        self._speech.append((frames[-1], done))
        if self.closed:
            self._end(self.close_reason)
        await done

    async def _talk(self, socket: Socket) -> None:
        """Send a frame every 20 ms, as an open microphone does, and let the recording go on."""
        sequence, due = 0, time.monotonic()
        while not self.closed:
            payload, done = self._speech.popleft() if self._speech else (_SILENCE, None)
            sequence += 1
            try:
                await socket.send_bytes(HEADER.pack(VERSION, PCM16, 0, sequence, _now_us()) + payload)
            except ConnectionError as error:
                self._end(str(error))
            if done is not None and not done.done():
                done.set_result(None)
            self._recording.until(_now_us())
            self.heard_at = (time.monotonic(),)
            due = max(due + FRAME_S, time.monotonic() - MOST_BEHIND_S)
            await asyncio.sleep(due - time.monotonic())

    async def _listen(self, stream: str, socket: Socket) -> None:
        """Record a stream, without own voices on the channel of a language: the floor has them too."""
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                _, _, flags, _, due_us = HEADER.unpack_from(message.data)
                if stream == "floor" or not flags & OWN_VOICES_ONLY:
                    self._recording.add(stream, due_us, message.data[HEADER.size :])
            elif message.type is aiohttp.WSMsgType.TEXT:
                told = json.loads(message.data)
                if told["event"] == "error":
                    self._end(f"{told['error']['code']}: {told['error']['message']}")
        self._end(f"a socket was closed with {socket.close_code}")

    def _end(self, reason: str) -> None:
        if not self.closed:
            self.closed, self.close_reason = True, reason
        while self._speech:
            _, done = self._speech.popleft()
            if done is not None and not done.done():
                done.set_exception(ConnectionError(self.close_reason))


def _now_us() -> int:
    return time.time_ns() // 1000
