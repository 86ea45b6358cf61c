"""The join socket: brings a participant's client into the call of a room."""

from __future__ import annotations

from aiohttp import web

from emulator.acs.auth.identity import IdentityStore
from emulator.acs.calls.admission import admit
from emulator.acs.calls.calls import Calls
from emulator.acs.calls.rooms import RoomStore
from emulator.acs.calls.socket_leg import SocketLeg, hello, open_socket, refuse, take_part
from emulator.clock import utc_now
from emulator.journal import Journal


class JoinApi:
    """Route of `WS /emulator/rooms/{room_id}/join?token=`."""

    def __init__(self, calls: Calls, identities: IdentityStore, rooms: RoomStore, journal: Journal) -> None:
        self._calls = calls
        self._identities = identities
        self._rooms = rooms
        self._journal = journal

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for `web.Application.add_routes`."""
        return [web.get("/emulator/rooms/{room_id}/join", self._join)]

    async def _join(self, request: web.Request) -> web.StreamResponse:
        room_id = request.match_info["room_id"]
        admitted = admit(
            request.query.get("token", ""),
            room_id,
            identities=self._identities,
            rooms=self._rooms,
            call_runs=self._calls.call_in(room_id) is not None,
            now=utc_now(),
        )
        socket, writer = await open_socket(request)
        try:
            name = await hello(socket)
            leg = SocketLeg(admitted.user_id, name or admitted.user_id, admitted.may_speak, writer)
            leg.enter(self._calls.join(room_id, leg))
        except Exception as error:
            await refuse(socket, error)
            return socket
        await take_part(socket, leg, self._journal)
        return socket
