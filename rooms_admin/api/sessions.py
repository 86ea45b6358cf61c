"""The session API of an earlier sample, offered as it was: one speaker, an audience by link, over rooms without ACS.

    created ──startTranslation──► active ──stopTranslation──► paused ──startTranslation──► active
       └───────────────────────────┴──────────endSession───────┴──► ended

Callers send an admin key, or, for their own session, the ticket of the speaker's link as bearer token. New clients use
`/api/rooms`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import cast

from fastapi import APIRouter, Request, Response

from http_serving.errors import NotFound, ServiceError, Unauthorized
from rooms_admin.api.interpreter import InterpreterControl
from rooms_admin.api.request_guard import Authorise, RequestGuard, guarded_by
from rooms_admin.api.responses import IdempotencyKey, errors, written
from rooms_admin.api.schemas import NewSessionResponse, SessionResponse
from rooms_admin.auth.api_keys import Caller
from rooms_admin.rooms.requests import ChangedSettings, NewParticipant, NewRoom, NewSession, SessionRequest
from rooms_admin.rooms.room import Room
from rooms_admin.rooms.service import RoomService

LASTS = timedelta(hours=24)
"""How long a session, and the speaker's link to it, is valid if nobody ends it before."""
SPEAKER = "Speaker"
"""Name of the speaker in captions."""
BEARER = "bearer "

IssueLink = Callable[[str, str, float], str]
"""Issues the ticket of a speaker's link: room, participant, seconds for which it is valid."""
ReadTicket = Callable[[str], tuple[str, str] | None]
"""Returns room and participant of a valid ticket to speak; None if it is none."""


class SpeakersAndAdmins:
    """Authenticates speakers by the ticket of their link, and everybody else as an admin."""

    def __init__(self, admins: Authorise, read_ticket: ReadTicket) -> None:
        self._admins = admins
        self._read = read_ticket

    async def __call__(self, request: Request) -> Caller:
        """Note in the state of the request which room and participant a speaker is; raises `Unauthorized`."""
        ticket = ticket_of(request)
        if not ticket.startswith("v1.") or request.headers.get("x-api-key") is not None:
            return await self._admins(request)
        found = self._read(ticket)
        if found is None:
            raise Unauthorized("the ticket is not valid, or has expired")
        request.state.speaker = found
        return Caller(f"speaker of {found[0]}", frozenset({"Interpreter.Control"}))


def ticket_of(request: Request) -> str:
    """Return the bearer token of a request; empty without one."""
    given = request.headers.get("authorization") or ""
    return given[len(BEARER) :].strip() if given.lower().startswith(BEARER) else ""


def session_routes(
    rooms: RoomService,
    guard: RequestGuard,
    interpreter: InterpreterControl,
    *,
    issue_link: IssueLink,
    public_base_url: str,
) -> APIRouter:
    """Return the routes of sessions. `guard` authenticates with `SpeakersAndAdmins`."""
    routes = APIRouter(prefix="/api", tags=["sessions"], strict_content_type=False, route_class=guarded_by(guard))

    @routes.post(
        "/createSession",
        summary="Create a session of one speaker with an audience",
        response_model=NewSessionResponse,
        responses=errors(409, 422),
    )
    async def create_session(new: NewSession, request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Creates a room without ACS, in which nothing is interpreted before `startTranslation`.

        It ends with `endSession`, or after 24 hours. The speaker's link is a secret.
        """
        request_key = _request_key(request, new, idempotency_key)
        room = await rooms.created_by(request_key) if request_key else None
        if room is None:
            room = await rooms.create(_room_of(new, rooms), request_key)
        request.state.room_id = room.room_id
        left = room.valid_until - rooms.now()
        ticket = issue_link(room.room_id, room.participants[0].participant_id, left.total_seconds())
        avatar = "?avatar=drawn" if new.avatar else ""
        answer = NewSessionResponse(
            sessionId=room.join_code,
            listenerUrl=f"{public_base_url}/listener/{room.join_code}{avatar}",
            speakerUrl=f"{public_base_url}/speaker?session={room.join_code}#ticket={ticket}",
        )
        return written(answer, Cache_Control="no-store")

    @routes.post(
        "/startTranslation",
        summary="Start interpreting a session, or go on after a stop",
        response_model=SessionResponse,
        responses=errors(404, 409, 422),
    )
    async def start_translation(wanted: SessionRequest, request: Request) -> Response:
        room = await find(wanted, request)
        await rooms.current(room.room_id)
        state = await interpreter.state(room.room_id)
        if state.status == "paused":
            await interpreter.command(room.room_id, "resume")
        elif state.status in ("idle", "stopped", "failed"):
            await interpreter.command(room.room_id, "start")
        return written(SessionResponse(status="active"))

    @routes.post(
        "/stopTranslation",
        summary="Pause a session; its history is kept",
        response_model=SessionResponse,
        responses=errors(404, 409, 422),
    )
    async def stop_translation(wanted: SessionRequest, request: Request) -> Response:
        room = await find(wanted, request)
        await interpreter.command(room.room_id, "pause")
        return written(SessionResponse(status="paused"))

    @routes.post(
        "/endSession", summary="End a session", response_model=SessionResponse, responses=errors(404, 409, 422)
    )
    async def end_session(wanted: SessionRequest, request: Request) -> Response:
        """Listeners are told. The transcript is kept as long as that of any room. Ending it again changes nothing."""
        room = await find(wanted, request)
        try:
            await interpreter.command(room.room_id, "stop")
        except ServiceError as error:
            if error.status != HTTPStatus.CONFLICT:  # it was never started, or is over
                raise
        await rooms.end(room.room_id)
        return written(SessionResponse(status="ended"))

    async def find(wanted: SessionRequest, request: Request) -> Room:
        """Return the room of a session, ended or not; a speaker finds no other than their own."""
        room = await rooms.store.find_by_join_code(wanted.sessionId)
        if room is None or not _is_session(room) or not _may_command(request, room):
            raise NotFound("no such session")
        request.state.room_id = room.room_id
        return room

    return routes


def _room_of(new: NewSession, rooms: RoomService) -> NewRoom:
    return NewRoom(
        name=new.name,
        languages=[new.source_language, *new.targets],
        media="web",
        participants=[NewParticipant(display_name=SPEAKER, role="Presenter", speaks=new.source_language)],
        valid_until=rooms.now() + LASTS,
        settings=ChangedSettings(guests=False, waits_for_start=True),
    )


def _is_session(room: Room) -> bool:
    return room.media == "web" and room.settings.waits_for_start


def _may_command(request: Request, room: Room) -> bool:
    """Return whether the caller is an admin, or a presenter of the room who is still on its roster."""
    speaker = getattr(request.state, "speaker", None)
    if speaker is None:
        return True
    room_id, participant_id = speaker
    participant = room.participant(participant_id) if room_id == room.room_id else None
    return participant is not None and participant.role == "Presenter"


def _request_key(request: Request, new: NewSession, idempotency_key: str | None) -> str | None:
    """Identify a request to create a session: its answer holds a secret and is not stored."""
    if idempotency_key is None:
        return None
    caller = cast(Caller, request.state.caller)
    said = f"{caller.name} {idempotency_key} {new.model_dump_json()}"
    return f"session:{hashlib.sha256(said.encode()).hexdigest()}"
