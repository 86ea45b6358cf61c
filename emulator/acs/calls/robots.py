"""Robots: participants inside the server that speak a recording and count what they hear, for load without sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pybase64
from aiohttp import web

from emulator.acs.auth.identity import IdentityStore
from emulator.acs.calls.admission import admit
from emulator.acs.calls.calls import Exchange
from emulator.acs.calls.room_call import RoomCall
from emulator.acs.calls.rooms import RoomStore
from emulator.acs.wire.bodies import json_object
from emulator.acs.wire.errors import bad_request, not_found
from emulator.acs.wire.resampling import FRAME_BYTES, FRAME_MS, SILENCE
from emulator.clock import utc_now
from emulator.randomness import uuid4
from emulator.wav import read_wav

# Robots whose call has ended stay readable, so many of them.
_REMEMBERED = 1000


class RobotLeg:
    """A participant without a socket.

    Attributes:
        spoken, heard, heard_sound: frames spoken, heard, and heard that were not digital silence.
        rounds: how often the recording was spoken to its end.
    """

    def __init__(self, raw_id: str, display_name: str, pcm: bytes, *, loop: bool, start_after_ms: int) -> None:
        self.leg_id = uuid4()
        self.raw_id = raw_id
        self.display_name = display_name
        self.muted = False
        self.here = True
        self.call: RoomCall | None = None
        self.spoken = 0
        self.heard = 0
        self.heard_sound = 0
        self.rounds = 0
        padded = pcm + bytes(-len(pcm) % FRAME_BYTES)
        self._frames = [padded[start : start + FRAME_BYTES] for start in range(0, len(padded), FRAME_BYTES)]
        self._loop = loop
        self._wait = start_after_ms // FRAME_MS
        self._next = 0

    def speak(self, now: float) -> bytes | None:
        if self._wait > 0:
            self._wait -= 1
            return None
        if self._next >= len(self._frames):
            return None
        frame = self._frames[self._next]
        self._next += 1
        self.spoken += 1
        if self._next == len(self._frames):
            self.rounds += 1
            if self._loop:
                self._next = 0
        return frame

    def hear(self, frame: bytes) -> None:
        self.heard += 1
        if frame is not SILENCE and frame != SILENCE:
            self.heard_sound += 1

    def tell(self, message: bytes) -> None:
        pass

    def drop(self, reason: str) -> None:
        self.here = False

    def enter(self, call: RoomCall) -> None:
        self.call = call

    def body(self) -> dict[str, Any]:
        """Its counters."""
        return {
            "robot_id": self.leg_id,
            "participant_id": self.raw_id,
            "display_name": self.display_name,
            "in_call": self.here,
            "muted": self.muted,
            "frames_spoken": self.spoken,
            "frames_heard": self.heard,
            "frames_heard_with_sound": self.heard_sound,
            "rounds": self.rounds,
        }


class RobotsApi:
    """`/emulator/rooms/{room_id}/robots`."""

    def __init__(self, exchange: Exchange, identities: IdentityStore, rooms: RoomStore) -> None:
        self._exchange = exchange
        self._identities = identities
        self._rooms = rooms
        self._robots: dict[str, tuple[RobotLeg, str]] = {}

    def routes(self) -> list[web.RouteDef]:
        """The routes, for `web.Application.add_routes`."""
        return [
            web.post("/emulator/rooms/{room_id}/robots", self._create),
            web.get("/emulator/rooms/{room_id}/robots", self._list),
            web.get("/emulator/rooms/{room_id}/robots/{robot_id}", self._get),
            web.delete("/emulator/rooms/{room_id}/robots/{robot_id}", self._delete),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        room_id = request.match_info["room_id"]
        document = await json_object(request)
        pcm = await _recording(document)
        start_after_ms = document.get("start_after_ms", 0)
        if not isinstance(start_after_ms, int) or start_after_ms < 0:
            raise bad_request("start_after_ms is a number of milliseconds.", "start_after_ms")
        admitted = admit(
            str(document.get("token", "")),
            room_id,
            identities=self._identities,
            rooms=self._rooms,
            call_runs=self._exchange.call_in(room_id) is not None,
            now=utc_now(),
        )
        robot = RobotLeg(
            admitted.user_id,
            str(document.get("display_name") or admitted.user_id),
            pcm if admitted.may_speak else b"",
            loop=bool(document.get("loop", False)),
            start_after_ms=start_after_ms,
        )
        robot.enter(self._exchange.join(room_id, robot))
        self._forget()
        self._robots[robot.leg_id] = (robot, room_id)
        return web.json_response(robot.body(), status=201)

    def _forget(self) -> None:
        """Let go of robots long out of their calls, the oldest first."""
        gone = [robot_id for robot_id, (robot, _) in self._robots.items() if not robot.here]
        for robot_id in gone[:-_REMEMBERED]:
            del self._robots[robot_id]

    async def _list(self, request: web.Request) -> web.Response:
        room_id = request.match_info["room_id"]
        items = [robot.body() for robot, asked in self._robots.values() if asked == room_id]
        return web.json_response({"items": items})

    async def _get(self, request: web.Request) -> web.Response:
        robot = self._find(request)
        return web.json_response(robot.body())

    async def _delete(self, request: web.Request) -> web.Response:
        robot = self._find(request)
        if robot.call is not None:
            robot.call.leave(robot, "left")
        del self._robots[robot.leg_id]
        return web.json_response(robot.body())

    def _find(self, request: web.Request) -> RobotLeg:
        robot, room_id = self._robots.get(request.match_info["robot_id"], (None, None))
        if robot is None or room_id != request.match_info["room_id"]:
            raise not_found()
        return robot


async def _recording(document: dict[str, Any]) -> bytes:
    """What a robot says: a WAV file on this machine, or PCM16 mono 24 kHz in base64; nothing when neither is given."""
    path, pcm = document.get("wav"), document.get("pcm_base64")
    try:
        if isinstance(path, str):
            return await asyncio.to_thread(read_wav, Path(path))
        return pybase64.b64decode(str(pcm), validate=True) if pcm is not None else b""
    except (OSError, ValueError) as error:
        raise bad_request(f"The recording cannot be read: {error}") from error
