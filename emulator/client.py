"""A participant's client for the join socket: speaks in real time and records what it hears."""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import quote

import aiohttp
import orjson
from aiohttp import ClientWebSocketResponse, WSMsgType

from emulator.clock import monotonic
from emulator.wav import decode_wav, read_wav, write_wav

__all__ = ["JoinRefused", "Participant", "decode_wav", "read_wav", "write_wav"]

FRAME_S = 0.02
FRAME_BYTES = 960  # 20 ms of PCM16 mono at 24 kHz
_SILENCE = bytes(FRAME_BYTES)
_BYTES_PER_S = 48_000
# Frames made up for after a stall of this process; older ones are skipped.
_CATCH_UP_FRAMES = 10
# Live audio held at most: the clocks of microphone and process differ, and more would only be delay.
_LIVE_BYTES = 10 * FRAME_BYTES
_JOIN_S = 10.0
_CLOSE_S = 2.0


class JoinRefused(Exception):
    """The room refused the participant.

    Attributes:
        status: HTTP status of the refused upgrade (401, 403, 404), or 0 when refused on the open socket.
        code, message: code and message of the emulator's error.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class Participant:
    """A participant in the call of a room.

    Attributes:
        participant_id: raw id of the participant.
        joined_at: `clock.monotonic()` when the participant joined.
        heard: all audio heard, PCM16 mono 24 kHz, beginning at `joined_at`; empty when not recording.
        heard_at: `clock.monotonic()` of each frame's arrival.
        frames_heard, frames_spoken: number of frames; silence between utterances does not count as spoken.
        spoken: (began, ended) of each `speak`, `clock.monotonic()`.
        roster: the latest `[{"id","display_name","muted","speaking"}]`, bots included.
        muted: whether the participant is muted.
        closed: whether the socket is closed, for `close_reason`.
        on_frame, on_event: called with every frame heard and with every message about the call. They must not block.
    """

    def __init__(self, socket: ClientWebSocketResponse[bool], display_name: str, record: bool) -> None:
        """Use `Participant.join`."""
        self.display_name = display_name
        self.participant_id = ""
        self.joined_at = 0.0
        self.heard = bytearray()
        self.heard_at = array("d")
        self.frames_heard = 0
        self.frames_spoken = 0
        self.spoken: list[tuple[float, float]] = []
        self.roster: list[dict[str, Any]] = []
        self.muted = False
        self.closed = False
        self.close_reason = ""
        self.on_frame: Callable[[bytes], None] | None = None
        self.on_event: Callable[[dict[str, Any]], None] | None = None
        self._socket = socket
        self._record = record
        self._speech: deque[tuple[bytes, asyncio.Future[None] | None]] = deque()
        self._live = bytearray()
        self._gone = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def join(
        cls,
        acs_url: str,
        room_id: str,
        token: str,
        display_name: str,
        *,
        group: bool = False,
        record: bool = True,
        on_frame: Callable[[bytes], None] | None = None,
        on_event: Callable[[dict[str, Any]], None] | None = None,
    ) -> AsyncIterator[Self]:
        """Join the call of a room; leave it at the end of the context.

        Args:
            acs_url: the emulator's ACS address, `http://host:port`.
            group: the call of a group instead: `room_id` is its GUID.
            token: an ACS access token with the scope `voip`.
            record: keep what is heard; without it only counts are kept.
            on_frame, on_event: see the class.

        Raises:
            JoinRefused: the room refused the participant.
            OSError: the address cannot be reached (aiohttp's subclass); TimeoutError if it does not answer.
        """
        place = "groups" if group else "rooms"
        url = f"{acs_url.rstrip('/')}/emulator/{place}/{quote(room_id)}/join?token={quote(token)}"
        async with aiohttp.ClientSession() as session:
            try:
                async with asyncio.timeout(_JOIN_S):
                    socket = await session.ws_connect(
                        url, timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S), max_msg_size=1024 * 1024
                    )
            except aiohttp.WSServerHandshakeError as error:
                raise await _refusal(session, url, error.status) from error
            async with socket:
                participant = cls(socket, display_name, record)
                participant.on_frame, participant.on_event = on_frame, on_event
                await participant._enter()
                async with _background(participant._read(), participant._write()):
                    try:
                        yield participant
                    finally:
                        await participant.leave()

    async def speak(self, pcm: bytes) -> None:
        """Speak PCM16 mono 24 kHz in real time; return when the last frame was sent.

        Concurrent calls are spoken one after the other. Cancelling drops what was not sent.

        Raises:
            ConnectionError: the socket closed before the end.
        """
        frames = [pcm[start : start + FRAME_BYTES] for start in range(0, len(pcm), FRAME_BYTES)]
        if not frames:
            return
        frames[-1] = frames[-1].ljust(FRAME_BYTES, b"\0")
        if self.closed:
            raise ConnectionError(f"not in the call: {self.close_reason}")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entries: list[tuple[bytes, asyncio.Future[None] | None]] = [(frame, None) for frame in frames[:-1]]
        entries.append((frames[-1], done))
        self._speech.extend(entries)
        began = monotonic()
        try:
            await done
        except asyncio.CancelledError:
            self._speech.clear()
            raise
        self.spoken.append((began, monotonic()))

    def say_live(self, pcm: bytes) -> None:
        """Add live audio, as from a microphone: sent as soon as possible; the oldest is dropped beyond 200 ms."""
        self._live += pcm
        if len(self._live) > _LIVE_BYTES:
            del self._live[: len(self._live) - _LIVE_BYTES]

    async def mute(self) -> None:
        """Mute the participant; the roster shows it."""
        await self._say("mute")
        self.muted = True

    async def unmute(self) -> None:
        """Unmute the participant."""
        await self._say("unmute")
        self.muted = False

    async def press(self, *tones: str) -> None:
        """Press keys, in the service's words: `zero` to `nine`, `a` to `d`, `pound`, `asterisk`.

        An unknown word has no effect; `on_event` gets `{"type": "refused"}`.
        """
        for tone in tones:
            await self._say("dtmf", tone=tone)

    async def leave(self) -> None:
        """Leave the call; audio that was not sent is dropped. Does nothing after the first time."""
        if self.closed:
            return
        self.close_reason = self.close_reason or "left"
        try:
            await self._say("leave")
            async with asyncio.timeout(_CLOSE_S):
                await self._gone.wait()
        except (ConnectionError, TimeoutError):
            pass
        await self._socket.close()

    async def wait_closed(self) -> None:
        """Wait until the socket is closed, by either side."""
        await self._gone.wait()

    def heard_position(self, moment: float) -> int:
        """Return the position in `heard`, in bytes, of an instant of `clock.monotonic()`."""
        return max(0, round((moment - self.joined_at) * _BYTES_PER_S / 2)) * 2

    async def _enter(self) -> None:
        hello = orjson.dumps({"type": "hello", "display_name": self.display_name})
        await self._socket.send_str(hello.decode())
        async with asyncio.timeout(_JOIN_S):
            message = await self._socket.receive()
        answer = orjson.loads(message.data) if message.type is WSMsgType.TEXT else {}
        if answer.get("type") != "joined":
            error = answer.get("error", {})
            raise JoinRefused(0, error.get("code", "closed"), error.get("message", "the socket was closed"))
        self.participant_id = answer["participant_id"]
        self.joined_at = monotonic()

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is WSMsgType.BINARY:
                    self._hear(message.data)
                elif message.type is WSMsgType.TEXT:
                    self._take(orjson.loads(message.data))
        finally:
            self._close()

    def _hear(self, frame: bytes) -> None:
        now = monotonic()
        self.frames_heard += 1
        self.heard_at.append(now)
        if self.on_frame is not None:
            self.on_frame(frame)
        if not self._record:
            return
        if not self.heard:  # nothing is sent between joining and the first frame
            self.heard += bytes(self.heard_position(now))
        self.heard += frame

    def _take(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "roster":
                self.roster = event["participants"]
            case "ended":
                self.close_reason = event["reason"]
            case "error":
                self.close_reason = event["error"]["code"]
            case _:
                pass
        if self.on_event is not None:
            self.on_event(event)

    async def _write(self) -> None:
        """Send one frame per 20 ms: speech, live audio or silence."""
        start = monotonic()
        number = 0
        done: asyncio.Future[None] | None = None
        try:
            while not self._socket.closed:
                deadline = start + number * FRAME_S
                now = monotonic()
                await asyncio.sleep(max(0.0, deadline - now))
                if now - deadline > _CATCH_UP_FRAMES * FRAME_S:
                    number += int((now - deadline) / FRAME_S)
                frame, done = self._speech.popleft() if self._speech else (self._live_frame(), None)
                await self._socket.send_bytes(frame)
                number += 1
                self.frames_spoken += frame is not _SILENCE
                if done is not None and not done.done():
                    done.set_result(None)
        except (ConnectionError, aiohttp.ClientError) as error:
            # The reader reports why the socket closed; only the speaker of this frame is notified here.
            if done is not None and not done.done():
                done.set_exception(ConnectionError(str(error)))
        finally:
            self._close()

    def _live_frame(self) -> bytes:
        if len(self._live) < FRAME_BYTES:
            return _SILENCE
        frame = bytes(self._live[:FRAME_BYTES])
        del self._live[:FRAME_BYTES]
        return frame

    async def _say(self, kind: str, **more: str) -> None:
        try:
            await self._socket.send_str(orjson.dumps({"type": kind, **more}).decode())
        except aiohttp.ClientError as error:
            raise ConnectionError("the socket is closed") from error

    def _close(self) -> None:
        """Mark the participant as closed and fail everything that waits for sending."""
        self.closed = True
        self.close_reason = self.close_reason or f"socket closed with {self._socket.close_code}"
        self._gone.set()
        for _, done in self._speech:
            if done is not None and not done.done():
                done.set_exception(ConnectionError(self.close_reason))
        self._speech.clear()


@asynccontextmanager
async def _background(*work: Any) -> AsyncIterator[None]:
    """Run coroutines beside the body and cancel them at its end; an error of the body is raised unchanged."""
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(each) for each in work]
            try:
                yield
            finally:
                for task in running:
                    task.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from group.exceptions[0].__cause__
        raise


async def _refusal(session: aiohttp.ClientSession, url: str, status: int) -> JoinRefused:
    """Return why an upgrade was refused, by asking again without one: aiohttp drops the body of the first answer."""
    try:
        async with session.get(url) as answer:
            error = (await answer.json())["error"]
        return JoinRefused(status, error["code"], error["message"])
    except (aiohttp.ClientError, ValueError, KeyError, TypeError):
        return JoinRefused(status, str(status), "the upgrade was refused")
