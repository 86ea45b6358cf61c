"""Routes of a room's roster: participants, their tokens to join with, and tickets for listeners."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, Request, Response

from rooms_admin.api.etags import entity_tag, if_match
from rooms_admin.api.pagination import page_of, read_cursor
from rooms_admin.api.responses import IdempotencyKey, IfMatch, errors, tagged, written
from rooms_admin.api.rooms import Cursor, Limit, ParticipantId, RoomId
from rooms_admin.api.schemas import Page, ParticipantResponse, TicketResponse, TokenResponse
from rooms_admin.rooms.acs_client import AcsToken
from rooms_admin.rooms.requests import ChangedParticipant, NewParticipant, TicketPurpose, TicketRequest, TokenRequest
from rooms_admin.rooms.room import Participant, Room
from rooms_admin.rooms.service import RoomService

IssueTicket = Callable[[TicketPurpose, str, str | None, str | None], tuple[str, datetime]]
"""Issues a ticket for a purpose, a room, a language and a participant; returns its text and its expiry."""


def add_roster_routes(routes: APIRouter, rooms: RoomService, issue_ticket: IssueTicket) -> None:
    @routes.get(
        "/{room_id}/participants",
        summary="List the participants, oldest first",
        tags=["roster"],
        response_model=Page[ParticipantResponse],
        responses=tagged() | errors(404),
    )
    async def list_participants(room_id: RoomId, cursor: Cursor = None, limit: Limit = 50) -> Response:
        after = read_cursor(cursor, "roster")
        room = await rooms.get(room_id)
        rest = [one for one in room.participants if after is None or one.participant_id > after[1]]
        found, next_cursor = page_of(rest, limit, "roster", lambda one: ("", one.participant_id))
        page = Page[ParticipantResponse](items=[ParticipantResponse.of(one) for one in found], next_cursor=next_cursor)
        return written(page, ETag=entity_tag(room.version))

    @routes.post(
        "/{room_id}/participants",
        status_code=201,
        summary="Add a participant",
        tags=["roster"],
        response_model=ParticipantResponse,
        responses=tagged(201) | errors(404, 409, 422, 502),
    )
    async def add_participant(
        room_id: RoomId, new: NewParticipant, request: Request, idempotency_key: IdempotencyKey = None
    ) -> Response:
        """Takes effect in an active call at once. The `ETag` is that of the room, as for all roster requests."""
        claim = getattr(request.state, "claim", None)
        done = (
            await rooms.roster.added_by(room_id, claim.request_key) if claim is not None and claim.unfinished else None
        )
        room, added = done or await rooms.roster.add(room_id, new, None if claim is None else claim.request_key)
        return written(ParticipantResponse.of(added), 201, ETag=entity_tag(room.version))

    @routes.patch(
        "/{room_id}/participants/{participant_id}",
        summary="Change a participant",
        tags=["roster"],
        response_model=ParticipantResponse,
        responses=tagged() | errors(404, 412, 422, 502),
    )
    async def change_participant(
        room_id: RoomId, participant_id: ParticipantId, change: ChangedParticipant, if_match_: IfMatch = None
    ) -> Response:
        room, changed = await rooms.roster.change(room_id, participant_id, change, if_match(if_match_))
        return written(ParticipantResponse.of(changed), ETag=entity_tag(room.version))

    @routes.delete(
        "/{room_id}/participants/{participant_id}",
        status_code=204,
        summary="Remove a participant and invalidate their tokens",
        tags=["roster"],
        responses=errors(404, 412, 502),
    )
    async def remove_participant(room_id: RoomId, participant_id: ParticipantId, if_match_: IfMatch = None) -> Response:
        await rooms.roster.remove(room_id, participant_id, if_match(if_match_))
        return Response(status_code=204)

    @routes.post(
        "/{room_id}/participants/{participant_id}/token",
        summary="Issue a token to join the room with",
        tags=["roster"],
        response_model=TokenResponse,
        responses=errors(404, 409, 422, 502),
    )
    async def issue_token(
        room_id: RoomId, participant_id: ParticipantId, wanted: TokenRequest | None = None
    ) -> Response:
        """Each request issues a new token."""
        minutes = (wanted or TokenRequest()).expires_in_minutes
        room, participant, token = await rooms.roster.issue_token(room_id, participant_id, minutes)
        return written(token_response(room, participant, token), Cache_Control="no-store")

    @routes.post(
        "/{room_id}/tickets",
        summary="Issue a ticket for a listener's WebSocket",
        tags=["listeners"],
        response_model=TicketResponse,
        responses=errors(404, 409, 422),
    )
    async def issue(room_id: RoomId, wanted: TicketRequest, request: Request) -> Response:
        """The ticket is valid for one purpose and, if given, one language. Each request issues a new ticket."""
        await rooms.check_ticket(room_id, wanted)
        ticket, expires_on = issue_ticket(wanted.purpose, room_id, wanted.language, wanted.participant_id)
        return written(TicketResponse(ticket=ticket, expires_on=expires_on), Cache_Control="no-store")


def token_response(room: Room, participant: Participant, token: AcsToken) -> TokenResponse:
    """Return what a participant needs to join the call with an ACS client."""
    return TokenResponse(
        token=token.token,
        expires_on=token.expires_on,
        acs_user_id=participant.acs_user_id,
        acs_room_id=room.acs_room_of(participant),
    )
