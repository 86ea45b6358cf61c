"""The route that exchanges a join code for a ticket to listen. It needs no authentication.

A code of six digits is a lookup and no credential: until the room expires, it gives access to what everybody in the
room may hear and read. Tickets to speak are issued to admins only. Lookups are rate-limited by network, and wrong codes
lead to lockouts (`rooms_admin/auth/join_attempts.py`).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from http_serving.callers import caller_network
from http_serving.errors import Forbidden, NotFound
from http_serving.rate_limiter import TokenBuckets
from http_serving.request_body import BODY_TIMEOUT_S, read_body
from rooms_admin.api.participants import IssueTicket
from rooms_admin.api.request_guard import RouteHandler, invalid, take, with_body
from rooms_admin.api.responses import errors, written
from rooms_admin.api.schemas import JoinResponse
from rooms_admin.auth.join_attempts import JoinAttempts
from rooms_admin.rooms.requests import JoinRequest, TicketRequest
from rooms_admin.rooms.room import Room
from rooms_admin.rooms.service import RoomService

JOIN_BODY_LIMIT = 4 * 1024
"""Bytes. A request has 60; many may be under way that have proved nothing."""
CODE = "^[0-9]{6}$"
JoinCode = Annotated[str, Path(pattern=CODE, examples=["042117"], description="Six digits")]


def joining_routes(
    rooms: RoomService,
    issue_ticket: IssueTicket,
    lookups: TokenBuckets,
    attempts: JoinAttempts,
    body_timeout_s: float = BODY_TIMEOUT_S,
) -> APIRouter:
    """Return the route `POST /api/join/{join_code}`. `lookups` limits the requests of each network."""

    async def find(request: Request) -> Room | None:
        """Find the room before the body is awaited; None if the code cannot be one, which FastAPI reports."""
        network = caller_network(request.scope)
        take(lookups, network)
        code: str = request.path_params["join_code"]
        if not re.fullmatch(CODE, code):
            return None
        room = await attempts.look_up(network, partial(rooms.find_by_join_code, code))
        if room is None:
            raise NotFound("no room has this join code")
        return room

    routes = APIRouter(
        prefix="/api/join", tags=["listeners"], strict_content_type=False, route_class=_found_by(find, body_timeout_s)
    )

    @routes.post(
        "/{join_code}",
        summary="Exchange a join code for a ticket",
        response_model=JoinResponse,
        responses=errors(404, 422),
    )
    async def join(join_code: JoinCode, wanted: JoinRequest, request: Request) -> Response:
        """A wrong code and the code of an expired room get the same response."""
        if wanted.purpose == "speak":
            raise Forbidden("a join code does not allow speaking: ask the organiser of the room for a ticket")
        room: Room = request.state.room
        await rooms.check_ticket(room.room_id, TicketRequest(purpose=wanted.purpose, language=wanted.language))
        ticket, expires_on = issue_ticket(wanted.purpose, room.room_id, wanted.language, None)
        answer = JoinResponse(
            room_id=room.room_id, name=room.name, languages=room.languages, ticket=ticket, expires_on=expires_on
        )
        return written(answer, Cache_Control="no-store")

    return routes


def _found_by(find: Callable[[Request], Awaitable[Room | None]], body_timeout_s: float) -> type[APIRoute]:
    """Return a route class that finds the room before it reads the body."""

    class JoiningRoute(APIRoute):
        def get_route_handler(self) -> RouteHandler:
            answer = super().get_route_handler()

            async def joining(request: Request) -> Response:
                request.state.room = await find(request)
                body = await read_body(request, JOIN_BODY_LIMIT, body_timeout_s)
                try:
                    return await answer(with_body(request, body))
                except RequestValidationError as error:
                    raise invalid(error) from error

            return joining

    return JoiningRoute
