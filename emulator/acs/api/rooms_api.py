"""The Rooms REST API: creates, lists, changes and deletes rooms and their rosters."""

from __future__ import annotations

from aiohttp import web

from emulator.acs.calls.rooms import RoomStore
from emulator.acs.wire.bodies import json_object, page
from emulator.clock import utc_now
from emulator.faults import FaultPlan


class RoomsApi:
    """Routes of `/rooms`."""

    def __init__(self, store: RoomStore, faults: FaultPlan) -> None:
        self._store = store
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, for `web.Application.add_routes`."""
        return [
            web.post("/rooms", self._create),
            web.get("/rooms", self._list),
            web.get("/rooms/{room_id}", self._get),
            web.patch("/rooms/{room_id}", self._update),
            web.delete("/rooms/{room_id}", self._delete),
            web.get("/rooms/{room_id}/participants", self._list_participants),
            web.patch("/rooms/{room_id}/participants", self._invite),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        room = self._store.create(await json_object(request), utc_now())
        return web.json_response(room.body(), status=201, headers={"Location": room.id})

    async def _list(self, request: web.Request) -> web.Response:
        return page(request, [room.body() for room in self._store.all()], self._faults.switches.page_size)

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self._store.get(request.match_info["room_id"]).body())

    async def _update(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        room = self._store.update(request.match_info["room_id"], document, utc_now())
        return web.json_response(room.body())

    async def _delete(self, request: web.Request) -> web.Response:
        self._store.delete(request.match_info["room_id"])
        return web.Response(status=204)

    async def _list_participants(self, request: web.Request) -> web.Response:
        roster = self._store.get(request.match_info["room_id"]).roster
        people = [{"rawId": raw_id, "role": role} for raw_id, role in roster.items()]
        return page(request, people, self._faults.switches.page_size)

    async def _invite(self, request: web.Request) -> web.Response:
        self._store.invite(request.match_info["room_id"], await json_object(request))
        return web.json_response({})
