"""The REST API of rooms, route by route; no rule about rooms lives here.

Errors leave as `RoomsAdminError`, those of validation included; whoever serves the router answers.
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
from rooms_admin.api.participants import IssueTicket, add_roster_routes
from rooms_admin.api.request_guard import BODY_LIMIT, Authorise, RequestGuard, RequestLimits, guarded_by
from rooms_admin.api.rooms import add_room_routes
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
    "router",
    "subscription_routes",
]


def router(
    rooms: RoomService,
    guard: RequestGuard,
    interpreter: InterpreterControl,
    transcripts: Transcripts,
    *,
    issue_ticket: IssueTicket,
    prices: Prices | None = None,
) -> APIRouter:
    """All routes under `/api/rooms` that concern rooms, rosters, tokens, the interpreter and transcripts."""
    routes = APIRouter(
        prefix="/api/rooms",
        strict_content_type=False,  # what keeps other sites' pages out is the key, not a content type
        route_class=guarded_by(guard),
    )
    add_room_routes(routes, rooms)
    add_roster_routes(routes, rooms, issue_ticket)
    add_interpreter_routes(routes, rooms, interpreter, transcripts, prices)
    return routes
