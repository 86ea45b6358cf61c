"""The join sockets: bring a participant's client into the call of a room or group."""

from __future__ import annotations

import re

from aiohttp import web

from emulator.acs.auth.identity import IdentityStore
from emulator.acs.calls.admission import Admitted, admit, admit_to_group
from emulator.acs.calls.calls import Calls
from emulator.acs.calls.rooms import RoomStore
from emulator.acs.calls.socket_leg import SocketLeg, hello, open_socket, refuse, take_part
from emulator.acs.wire.errors import bad_request
from emulator.acs.wire.options import Locator
from emulator.clock import utc_now
from emulator.journal import Journal

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class JoinApi:
    """Routes of `WS /emulator/rooms/{room_id}/join?token=` and `WS /emulator/groups/{group_id}/join?token=`."""

    def __init__(self, calls: Calls, identities: IdentityStore, rooms: RoomStore, journal: Journal) -> None:
        self._calls = calls
        self._identities = identities
        self._rooms = rooms
        self._journal = journal

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for `web.Application.add_routes`."""
        return [
            web.get("/emulator/rooms/{room_id}/join", self._join_room),
            web.get("/emulator/groups/{group_id}/join", self._join_group),
        ]

    async def _join_room(self, request: web.Request) -> web.StreamResponse:
        where = Locator(room_id=request.match_info["room_id"])
        admitted = admit(
            request.query.get("token", ""),
            request.match_info["room_id"],
            identities=self._identities,
            rooms=self._rooms,
            call_runs=self._calls.call_at(where) is not None,
            now=utc_now(),
        )
        return await self._join(request, where, admitted)

    async def _join_group(self, request: web.Request) -> web.StreamResponse:
        where = Locator(group_id=request.match_info["group_id"])
        if not _GUID.fullmatch(request.match_info["group_id"]):
            raise bad_request("The id of a group call is a GUID.", "groupId")
        admitted = admit_to_group(
            request.query.get("token", ""),
            identities=self._identities,
            call_runs=self._calls.call_at(where) is not None,
        )
        return await self._join(request, where, admitted)

    async def _join(self, request: web.Request, where: Locator, admitted: Admitted) -> web.StreamResponse:
        socket, writer = await open_socket(request)
        try:
            name = await hello(socket)
            leg = SocketLeg(admitted.user_id, name or admitted.user_id, admitted.may_speak, writer)
            leg.enter(self._calls.join(where, leg))
        except Exception as error:
            await refuse(socket, error)
            return socket
        await take_part(socket, leg, self._journal)
        return socket
