"""The routes that exchange a join code for a ticket, without authentication, and a ticket for a token of ACS.

A code of six digits is a lookup and no credential: until the room expires, it gives access to what everybody in the
room may hear and read, and lets guests speak unless the room's setting `guests` forbids it. A guest who comes back
proves by a signed key to be the same person. Lookups are rate-limited by network, and wrong codes
lead to lockouts (`rooms_admin/auth/join_attempts.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from http_serving.callers import caller_network
from http_serving.errors import Conflict, Forbidden, NotFound, Unauthorized
from http_serving.rate_limiter import TokenBuckets
from http_serving.request_body import BODY_TIMEOUT_S, read_body
from rooms_admin.api.participants import IssueTicket, token_response
from rooms_admin.api.request_guard import RouteHandler, invalid, take, with_body
from rooms_admin.api.responses import IdempotencyKey, errors, written
from rooms_admin.api.schemas import JoinResponse, TokenResponse
from rooms_admin.api.sessions import ReadTicket, ticket_of
from rooms_admin.auth.guest_keys import GuestKeys
from rooms_admin.auth.join_attempts import JoinAttempts
from rooms_admin.rooms.requests import ChangedParticipant, JoinRequest, NewParticipant, TicketRequest, TokenRequest
from rooms_admin.rooms.room import Participant, Room
from rooms_admin.rooms.service import RoomService

JOIN_BODY_LIMIT = 4 * 1024
"""Bytes. A request has 60; many may be under way that have proved nothing."""
CODE = "^[0-9]{6}$"
JoinCode = Annotated[str, Path(pattern=CODE, examples=["042117"], description="Six digits")]


def joining_routes(
    rooms: RoomService,
    issue_ticket: IssueTicket,
    guest_keys: GuestKeys,
    lookups: TokenBuckets,
    attempts: JoinAttempts,
    read_ticket: ReadTicket | None = None,
    body_timeout_s: float = BODY_TIMEOUT_S,
) -> APIRouter:
    """Return the routes under `/api/join/{join_code}`. `lookups` limits the requests of each network.

    `read_ticket`: of those who may join the call of an ACS room for it; None if people by browser may not.
    """

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
        responses=errors(404, 409, 422),
    )
    async def join(
        join_code: JoinCode, wanted: JoinRequest, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """A wrong code and the code of an expired room get the same response.

        To `speak` puts a guest on the roster, without an ACS identity. The answer's `participant_id` and `guest_key`,
        given as `guest`, keep the person the same in later requests; an `Idempotency-Key` does so for a request that
        is repeated.
        """
        room: Room = request.state.room
        guest: Participant | None = None
        if wanted.purpose == "speak":
            guest = await admit(room, wanted, request, idempotency_key)
        else:
            await rooms.check_ticket(room.room_id, TicketRequest(purpose=wanted.purpose, language=wanted.language))
        participant_id = None if guest is None else guest.participant_id
        ticket, expires_on = issue_ticket(wanted.purpose, room.room_id, wanted.language, participant_id)
        answer = JoinResponse(
            room_id=room.room_id,
            name=room.name,
            languages=room.languages,
            media=room.media,
            save_transcript=room.settings.save_transcript,
            ticket=ticket,
            expires_on=expires_on,
            participant_id=participant_id,
            guest_key=None if participant_id is None else guest_keys.key(room.room_id, participant_id),
        )
        return written(answer, Cache_Control="no-store")

    @routes.post(
        "/{join_code}/acs",
        summary="Exchange a ticket to speak for a token to join the call of an ACS room with",
        response_model=TokenResponse,
        responses=errors(401, 403, 404, 409, 422, 502),
    )
    async def join_by_acs(join_code: JoinCode, request: Request) -> Response:
        """For the page of the meeting: send the ticket as bearer token.

        A guest without ACS identity gets one with the first token, and is the same participant with another raw id.
        """
        room: Room = request.state.room
        if read_ticket is None:
            raise Conflict("this service does not let pages join calls: see the setting ACS_WEB_CLIENT")
        seat = read_ticket(ticket_of(request))
        if seat is None:
            raise Unauthorized("the ticket is not valid, has expired, or is not one to speak")
        room_id, participant_id = seat
        if room_id != room.room_id:
            raise Forbidden("the ticket is for another room")
        minutes = TokenRequest().expires_in_minutes
        joined = await rooms.roster.join_by_acs(room_id, participant_id, minutes)
        return written(token_response(*joined), Cache_Control="no-store")

    async def admit(room: Room, wanted: JoinRequest, request: Request, idempotency_key: str | None) -> Participant:
        """Put a guest on the roster, or let one come back."""
        if wanted.guest is not None:
            known = wanted.guest
            if not guest_keys.proves(room.room_id, known.participant_id, known.guest_key):
                raise Forbidden("the guest_key is not that of this participant in this room")
            change = ChangedParticipant(display_name=wanted.display_name, speaks=wanted.speaks, hears=wanted.hears)
            return await rooms.roster.return_guest(room.room_id, known.participant_id, change)
        new = NewParticipant.model_validate(
            wanted.model_dump(include={"display_name", "speaks", "hears"}, exclude_none=True)
        )
        return await rooms.roster.add_guest(room.room_id, new, _request_key(request, wanted, idempotency_key))

    return routes


def _request_key(request: Request, wanted: JoinRequest, idempotency_key: str | None) -> str | None:
    """Identify a request to join; only the same network with the same body repeats it."""
    if idempotency_key is None:
        return None
    said = f"{caller_network(request.scope)} {idempotency_key} {wanted.model_dump_json()}"
    return f"guest:{hashlib.sha256(said.encode()).hexdigest()}"


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
