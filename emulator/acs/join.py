"""The join socket: how a participant's client takes part in the call of a room."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from emulator.acs.admission import admit
from emulator.acs.audio import FRAME_BYTES, SILENCE
from emulator.acs.exchange import Exchange
from emulator.acs.frames import FrameWriter
from emulator.acs.identity import IdentityStore
from emulator.acs.playout import START_MS, PlayoutBuffer
from emulator.acs.room_call import RoomCall
from emulator.acs.rooms import RoomStore
from emulator.chance import uuid4
from emulator.clock import monotonic, utc_now
from emulator.journal import Journal

_HELLO_S = 10.0
# A client that is late by more than this has lost something anyway; the oldest goes.
_JITTER_LIMIT_MS = 200
# Beyond this the buffer only adds delay: a silent frame is skipped to catch up.
_COMFORTABLE_MS = START_MS + 20
_HEARTBEAT_S = 20.0
_LONGEST_NAME = 256


class SocketLeg:
    """A participant on a join socket.

    Attributes:
        dropped: set when the call has let go of it, `reason` says why.
    """

    def __init__(self, raw_id: str, display_name: str, may_speak: bool, writer: FrameWriter) -> None:
        self.leg_id = uuid4()
        self.raw_id = raw_id
        self.display_name = display_name
        self.muted = False
        self.dropped = asyncio.Event()
        self.reason = ""
        self.jitter = PlayoutBuffer(_JITTER_LIMIT_MS)
        self.writer = writer
        self._may_speak = may_speak

    def take(self, frame: bytes) -> None:
        """A frame from the client. What is said while muted is silence even if it is played after unmuting."""
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

    def drop(self, reason: str) -> None:
        self.reason = reason
        self.dropped.set()


class _Unfit(Exception):
    """The client broke the rules of the socket."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class JoinApi:
    """`WS /emulator/rooms/{room_id}/join?token=`."""

    def __init__(self, exchange: Exchange, identities: IdentityStore, rooms: RoomStore, journal: Journal) -> None:
        self._exchange = exchange
        self._identities = identities
        self._rooms = rooms
        self._journal = journal

    def routes(self) -> list[web.RouteDef]:
        """The routes, for `web.Application.add_routes`."""
        return [web.get("/emulator/rooms/{room_id}/join", self._join)]

    async def _join(self, request: web.Request) -> web.StreamResponse:
        room_id = request.match_info["room_id"]
        admitted = admit(
            request.query.get("token", ""),
            room_id,
            identities=self._identities,
            rooms=self._rooms,
            call_runs=self._exchange.call_in(room_id) is not None,
            now=utc_now(),
        )
        socket = web.WebSocketResponse(compress=False, timeout=2.0, heartbeat=_HEARTBEAT_S, max_msg_size=64 * 1024)
        await socket.prepare(request)
        assert request.transport is not None
        writer = FrameWriter(request.transport, masked=False)
        try:
            name = await self._hello(socket)
            leg = SocketLeg(admitted.user_id, name or admitted.user_id, admitted.may_speak, writer)
            call = self._exchange.join(room_id, leg)
        except Exception as error:
            await _refuse(socket, error)
            return socket
        leg.tell(orjson.dumps({"type": "joined", "participant_id": leg.raw_id}))
        try:
            async with asyncio.TaskGroup() as tasks:
                closing = tasks.create_task(self._close_when_dropped(leg, socket))
                try:
                    await self._read(socket, call, leg)
                except _Unfit as error:
                    await _refuse(socket, error)
                finally:
                    closing.cancel()
        finally:
            call.leave(leg, "left")
            self._journal.note(
                "join.closed",
                id=leg.raw_id,
                reason=leg.reason,
                code=socket.close_code,
                frames_sent=writer.written,
                frames_dropped=writer.dropped,
                input_dropped_ms=leg.jitter.dropped_ms,
                input_underruns=leg.jitter.underruns,
            )
        return socket

    async def _hello(self, socket: web.WebSocketResponse) -> str:
        """The display name of the first message."""
        try:
            async with asyncio.timeout(_HELLO_S):
                message = await socket.receive()
        except TimeoutError as error:
            raise _Unfit("hello_expected", "No hello came.") from error
        if message.type is WSMsgType.TEXT:
            document = _object(message.data)
            name = document.get("display_name", "")
            if document.get("type") == "hello" and isinstance(name, str) and len(name) <= _LONGEST_NAME:
                return name
        raise _Unfit("hello_expected", 'The first message must be {"type":"hello","display_name":…}.')

    async def _read(self, socket: web.WebSocketResponse, call: RoomCall, leg: SocketLeg) -> None:
        async for message in socket:
            if message.type is WSMsgType.BINARY:
                if len(message.data) != FRAME_BYTES:
                    said = f"A frame has {FRAME_BYTES} bytes: 20 ms of PCM16 mono at 24 kHz."
                    raise _Unfit("bad_frame", said)
                leg.take(message.data)
                continue
            match _object(message.data).get("type"):
                case "mute":
                    call.mute(leg, True)
                case "unmute":
                    call.mute(leg, False)
                case "leave":
                    call.leave(leg, "left")
                    return
                case _:
                    raise _Unfit("bad_message", "The type must be mute, unmute or leave.")

    async def _close_when_dropped(self, leg: SocketLeg, socket: web.WebSocketResponse) -> None:
        await leg.dropped.wait()
        leg.tell(orjson.dumps({"type": "ended", "reason": leg.reason}))
        await socket.close(code=1000, message=leg.reason.encode())


async def _refuse(socket: web.WebSocketResponse, error: Exception) -> None:
    """Say what is wrong, then close."""
    code = getattr(error, "code", "internal")
    if not socket.closed:
        await socket.send_json({"type": "error", "error": {"code": code, "message": str(error)}})
        await socket.close(code=1003, message=str(code).encode())


def _object(text: str) -> dict[str, Any]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _Unfit("bad_message", "The message is not JSON.") from error
    if not isinstance(document, dict):
        raise _Unfit("bad_message", "The message is not a JSON object.")
    return document
