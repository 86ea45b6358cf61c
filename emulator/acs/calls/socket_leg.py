"""A participant on a WebSocket while in a call: audio both ways, mute, keys, leaving."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from emulator.acs.calls.actions.tones import KEYS
from emulator.acs.calls.leg import EnteredCall
from emulator.acs.calls.playout import START_MS, PlayoutBuffer
from emulator.acs.wire.resampling import FRAME_BYTES, SILENCE
from emulator.acs.wire.websocket_frames import FrameWriter
from emulator.clock import monotonic
from emulator.journal import Journal
from emulator.randomness import uuid4

_HELLO_S = 10.0
# Audio of a client later than this is dropped, oldest first.
_JITTER_LIMIT_MS = 200
# Beyond this depth silent frames are skipped, since the buffer would only add delay.
_COMFORTABLE_MS = START_MS + 20
_HEARTBEAT_S = 20.0
_LONGEST_NAME = 256


class ProtocolViolation(Exception):
    """The client sent a message that the socket's protocol does not allow."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SocketLeg:
    """A participant on a join socket.

    Attributes:
        call: the call it is in; `entered` is set when it joins.
        dropped: set when the call has removed it, for `reason`.
    """

    def __init__(self, raw_id: str, display_name: str, may_speak: bool, writer: FrameWriter) -> None:
        self.leg_id = uuid4()
        self.raw_id = raw_id
        self.display_name = display_name
        self.muted = False
        self.call: EnteredCall | None = None
        self.entered = asyncio.Event()
        self.dropped = asyncio.Event()
        self.reason = ""
        self.jitter = PlayoutBuffer(_JITTER_LIMIT_MS)
        self.writer = writer
        self._may_speak = may_speak

    def take(self, frame: bytes) -> None:
        """Take a frame from the client. Audio sent while muted stays silent even if it is played after unmuting."""
        if self._may_speak:
            self.jitter.push(SILENCE if self.muted else frame, monotonic())

    def speak(self, now: float) -> bytes | None:
        frame = self.jitter.pull(now)
        if frame == SILENCE and self.jitter.depth_ms > _COMFORTABLE_MS:
            frame = self.jitter.pull(now)
        return frame

    def hear(self, frame: bytes) -> None:
        self.writer.binary(frame)

    def tell(self, message: bytes) -> None:
        self.writer.control(message)

    def enter(self, call: EnteredCall) -> None:
        self.call = call
        self.entered.set()

    def drop(self, reason: str) -> None:
        self.reason = reason
        self.dropped.set()


async def open_socket(request: web.Request) -> tuple[web.WebSocketResponse, FrameWriter]:
    """Upgrade a request and return the socket with the writer of its frames."""
    socket = web.WebSocketResponse(compress=False, timeout=2.0, heartbeat=_HEARTBEAT_S, max_msg_size=64 * 1024)
    await socket.prepare(request)
    assert request.transport is not None
    return socket, FrameWriter(request.transport, masked=False)


async def hello(socket: web.WebSocketResponse) -> str:
    """Return the display name from the first message.

    Raises:
        ProtocolViolation: the first message is something else, or does not come in time.
    """
    try:
        async with asyncio.timeout(_HELLO_S):
            message = await socket.receive()
    except TimeoutError as error:
        raise ProtocolViolation("hello_expected", "No hello came within 10 s.") from error
    if message.type is WSMsgType.TEXT:
        document = object_of(message.data)
        name = document.get("display_name", "")
        if document.get("type") == "hello" and isinstance(name, str) and len(name) <= _LONGEST_NAME:
            return name
    raise ProtocolViolation("hello_expected", 'The first message must be {"type":"hello","display_name":…}.')


async def take_part(socket: web.WebSocketResponse, leg: SocketLeg, journal: Journal) -> None:
    """Serve the socket of a leg in a call until the client leaves or is removed."""
    leg.tell(orjson.dumps({"type": "joined", "participant_id": leg.raw_id}))
    try:
        async with asyncio.TaskGroup() as tasks:
            closing = tasks.create_task(close_when_dropped(leg, socket))
            try:
                await _read(socket, leg)
            except ProtocolViolation as error:
                await refuse(socket, error)
            finally:
                closing.cancel()
    finally:
        if leg.call is not None:
            leg.call.leave(leg, "left")
        journal.note(
            "join.closed",
            id=leg.raw_id,
            reason=leg.reason,
            code=socket.close_code,
            frames_sent=leg.writer.written,
            frames_dropped=leg.writer.dropped,
            input_dropped_ms=leg.jitter.dropped_ms,
            input_underruns=leg.jitter.underruns,
        )


async def _read(socket: web.WebSocketResponse, leg: SocketLeg) -> None:
    async for message in socket:
        call = leg.call
        assert call is not None
        if message.type is WSMsgType.BINARY:
            if len(message.data) != FRAME_BYTES:
                raise ProtocolViolation("bad_frame", f"A frame has {FRAME_BYTES} bytes: 20 ms of PCM16 mono at 24 kHz.")
            leg.take(message.data)
            continue
        document = object_of(message.data)
        match document.get("type"):
            case "mute":
                call.mute(leg, True)
            case "unmute":
                call.mute(leg, False)
            case "dtmf":
                tone = document.get("tone")
                if isinstance(tone, str) and tone in KEYS:
                    call.press(leg, tone)
                else:
                    text = f"The tone must be one of {', '.join(KEYS)}."
                    leg.tell(orjson.dumps({"type": "refused", "error": {"code": "bad_tone", "message": text}}))
            case "leave":
                call.leave(leg, "left")
                return
            case _:
                raise ProtocolViolation("bad_message", "The type must be mute, unmute, dtmf or leave.")


async def close_when_dropped(leg: SocketLeg, socket: web.WebSocketResponse) -> None:
    """Wait until the call has removed a leg, send the reason, and close."""
    await leg.dropped.wait()
    leg.tell(orjson.dumps({"type": "ended", "reason": leg.reason}))
    await socket.close(code=1000, message=leg.reason.encode())


async def refuse(socket: web.WebSocketResponse, error: Exception) -> None:
    """Send an error message, then close."""
    code = getattr(error, "code", "internal")
    if not socket.closed:
        await socket.send_json({"type": "error", "error": {"code": code, "message": str(error)}})
        await socket.close(code=1003, message=str(code).encode())


def object_of(text: str) -> dict[str, Any]:
    """Return the JSON object in a text.

    Raises:
        ProtocolViolation: the text is no JSON object.
    """
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ProtocolViolation("bad_message", "The message is not JSON.") from error
    if not isinstance(document, dict):
        raise ProtocolViolation("bad_message", "The message is not a JSON object.")
    return document
