"""Routes of the REST API of rooms. The rules about rooms are in `rooms_admin/rooms`.

Routes raise `ServiceError`, for failed validation too; the application turns it into a response.
"""

from __future__ import annotations

from fastapi import APIRouter

from rooms_admin.api.interpreter import (
    InterpreterControl,
    InterpreterState,
    InterpreterStatus,
    LaneStatus,
    Transcripts,
    TranslationCapabilities,
    add_interpreter_routes,
)
from rooms_admin.api.join_codes import joining_routes
from rooms_admin.api.messages import AcceptMessage, add_message_routes
from rooms_admin.api.participants import IssueTicket, add_roster_routes
from rooms_admin.api.refusals import refusal_routes
from rooms_admin.api.request_guard import BODY_LIMIT, Authorise, RequestGuard, RequestLimits, guarded_by
from rooms_admin.api.rooms import add_room_routes
from rooms_admin.api.sessions import SpeakersAndAdmins, session_routes
from rooms_admin.api.subscriptions import subscription_routes
from rooms_admin.rooms.service import RoomService
from rooms_admin.transcripts.usage import Prices

__all__ = [
    "BODY_LIMIT",
    "Authorise",
    "RequestGuard",
    "InterpreterControl",
    "InterpreterState",
    "LaneStatus",
    "TranslationCapabilities",
    "InterpreterStatus",
    "IssueTicket",
    "RequestLimits",
    "Prices",
    "Transcripts",
    "joining_routes",
    "refusal_routes",
    "router",
    "session_routes",
    "SpeakersAndAdmins",
    "subscription_routes",
]


def router(
    rooms: RoomService,
    guard: RequestGuard,
    interpreter: InterpreterControl,
    transcripts: Transcripts,
    *,
    issue_ticket: IssueTicket,
    take_message: AcceptMessage,
    prices: Prices | None = None,
) -> APIRouter:
    """Return all routes under `/api/rooms`: rooms, rosters, tokens, the interpreter and transcripts."""
    routes = APIRouter(
        prefix="/api/rooms",
        strict_content_type=False,  # the API key, not the content type, keeps other sites' pages out
        route_class=guarded_by(guard),
    )
    add_room_routes(routes, rooms)
    add_roster_routes(routes, rooms, issue_ticket)
    add_message_routes(routes, take_message)
    add_interpreter_routes(routes, rooms, interpreter, transcripts, prices)
    return routes
