"""Robots over HTTP: created from a recording, listed, read and removed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pybase64
from aiohttp import web

from emulator.acs.auth.identity import IdentityStore
from emulator.acs.calls.admission import admit
from emulator.acs.calls.calls import Calls
from emulator.acs.calls.robots import RobotLeg
from emulator.acs.calls.rooms import RoomStore
from emulator.acs.wire.bodies import json_object
from emulator.acs.wire.errors import bad_request, not_found
from emulator.acs.wire.options import Locator
from emulator.clock import utc_now
from emulator.wav import read_wav

# How many robots whose call has ended stay readable.
_REMEMBERED = 1000


class RobotsApi:
    """Routes of `/emulator/rooms/{room_id}/robots`."""

    def __init__(self, calls: Calls, identities: IdentityStore, rooms: RoomStore) -> None:
        self._calls = calls
        self._identities = identities
        self._rooms = rooms
        self._robots: dict[str, tuple[RobotLeg, str]] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for `web.Application.add_routes`."""
        return [
            web.post("/emulator/rooms/{room_id}/robots", self._create),
            web.get("/emulator/rooms/{room_id}/robots", self._list),
            web.get("/emulator/rooms/{room_id}/robots/{robot_id}", self._get),
            web.delete("/emulator/rooms/{room_id}/robots/{robot_id}", self._delete),
        ]

    def clear(self) -> None:
        """Delete every robot."""
        self._robots.clear()

    async def _create(self, request: web.Request) -> web.Response:
        room_id = request.match_info["room_id"]
        document = await json_object(request)
        pcm = await _recording(document)
        start_after_ms = document.get("start_after_ms", 0)
        if not isinstance(start_after_ms, int) or start_after_ms < 0:
            raise bad_request("start_after_ms must be a whole number of milliseconds.", "start_after_ms")
        admitted = admit(
            str(document.get("token", "")),
            room_id,
            identities=self._identities,
            rooms=self._rooms,
            call_runs=self._calls.call_at(Locator(room_id)) is not None,
            now=utc_now(),
        )
        robot = RobotLeg(
            admitted.user_id,
            str(document.get("display_name") or admitted.user_id),
            pcm if admitted.may_speak else b"",
            loop=bool(document.get("loop", False)),
            start_after_ms=start_after_ms,
        )
        robot.enter(self._calls.join(Locator(room_id), robot))
        self._forget()
        self._robots[robot.leg_id] = (robot, room_id)
        return web.json_response(robot.body(), status=201)

    def _forget(self) -> None:
        """Delete the oldest robots that have left their calls."""
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
    """Return what a robot says, from a WAV file on this machine or PCM in base64; empty when neither is given."""
    path, pcm = document.get("wav"), document.get("pcm_base64")
    try:
        if isinstance(path, str):
            return await asyncio.to_thread(read_wav, Path(path))
        return pybase64.b64decode(str(pcm), validate=True) if pcm is not None else b""
    except (OSError, ValueError) as error:
        raise bad_request(f"The recording cannot be read: {error}") from error
