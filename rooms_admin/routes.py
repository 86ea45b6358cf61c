"""The REST API of rooms: proof first, then size, then shape. No rule about rooms lives here.

Errors leave as `RoomsAdminError`, those of validation included; whoever serves the router answers.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol, TypeVar

from fastapi import APIRouter, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message

from rooms_admin.errors import InvalidRequest, RequestTooLarge, RequestTooSlow
from rooms_admin.exports import Passage, TranscriptLine, latest, to_srt, to_txt, to_vtt
from rooms_admin.keys import Caller
from rooms_admin.languages import language_tag
from rooms_admin.models import (
    Action,
    ChangedParticipant,
    ChangedRoom,
    ErrorAnswer,
    InterpreterAnswer,
    InterpreterCommand,
    NewParticipant,
    NewRoom,
    Page,
    ParticipantAnswer,
    PassageAnswer,
    RoomAnswer,
    TokenAnswer,
    TokenRequest,
    TranscriptAnswer,
    TranscriptLineAnswer,
)
from rooms_admin.rooms import Rooms
from rooms_admin.store import RoomQuery

logger = logging.getLogger(__name__)

BODY_LIMIT = 256 * 1024  # bytes; a room with 350 participants and long names has some 150 KiB
BODY_TIMEOUT_S = 10.0
MOST_PER_PAGE = 200

Authorise = Callable[[Request], Awaitable[Caller]]
"""Tells who asks, or raises."""

InterpreterStatus = Literal["idle", "connecting", "interpreting", "paused", "stopping", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class InterpreterState:
    status: InterpreterStatus
    call_connection_id: str | None = None
    since: datetime | None = None
    reason: str | None = None
    """why it stopped, failed or is paused"""


class InterpreterControl(Protocol):
    """Who runs the interpreters. May raise errors of its own, with a status and a code."""

    def state(self, room_id: str) -> InterpreterState: ...

    async def command(self, room_id: str, action: Action) -> None:
        """Accept the command, or raise; carrying it out may take longer."""


class Transcripts(Protocol):
    """Who keeps what was said."""

    async def lines(self, room_id: str) -> Sequence[TranscriptLine]: ...

    async def passages(self, room_id: str) -> Sequence[Passage]: ...


def router(
    rooms: Rooms,
    authorise: Authorise,
    interpreter: InterpreterControl,
    transcripts: Transcripts,
    *,
    body_timeout_s: float = BODY_TIMEOUT_S,
) -> APIRouter:
    """All routes under `/api/rooms` that concern rooms, rosters, tokens, the interpreter and transcripts."""
    routes = APIRouter(
        prefix="/api/rooms",
        strict_content_type=False,  # what keeps other sites' pages out is the key, not a content type
        route_class=_guarded_by(authorise, body_timeout_s),
        # Says in the API's description what `authorise` demands; it decides nothing.
        dependencies=[Security(APIKeyHeader(name="X-API-Key", auto_error=False))],
        responses={status: {"model": ErrorAnswer} for status in (400, 401, 404)},
    )

    @routes.post("", status_code=201, summary="Create a room", tags=["rooms"])
    async def create_room(new: NewRoom, request: Request, response: Response) -> RoomAnswer:
        room = await rooms.create(new)
        logger.info("room created", extra={"room_id": room.room_id, "caller": request.state.caller.name})
        response.headers["Location"] = f"/api/rooms/{room.room_id}"
        return RoomAnswer.of(room)

    @routes.get("", summary="List rooms, oldest first", tags=["rooms"])
    async def list_rooms(cursor: Cursor = None, limit: Limit = 50) -> Page[RoomAnswer]:
        after = _after(cursor)
        found = await rooms.page(RoomQuery(limit + 1, after=None if after is None else (after, after)))
        return _page([RoomAnswer.of(room) for room in found], limit, lambda room: room.room_id)

    @routes.get("/{room_id}", summary="A room", tags=["rooms"])
    async def get_room(room_id: str) -> RoomAnswer:
        return RoomAnswer.of(await rooms.get(room_id))

    @routes.patch("/{room_id}", summary="Change a room", tags=["rooms"])
    async def change_room(room_id: str, change: ChangedRoom) -> RoomAnswer:
        return RoomAnswer.of(await rooms.change(room_id, change))

    @routes.delete("/{room_id}", status_code=204, summary="Delete a room, end its tokens", tags=["rooms"])
    async def delete_room(room_id: str, request: Request) -> None:
        await rooms.remove(room_id)
        logger.info("room deleted", extra={"room_id": room_id, "caller": request.state.caller.name})

    @routes.get("/{room_id}/participants", summary="The roster, oldest entry first", tags=["roster"])
    async def list_participants(room_id: str, cursor: Cursor = None, limit: Limit = 50) -> Page[ParticipantAnswer]:
        after = _after(cursor) or ""
        room = await rooms.get(room_id)
        found = [ParticipantAnswer.of(one) for one in room.participants if one.participant_id > after]
        return _page(found, limit, lambda one: one.participant_id)

    @routes.post("/{room_id}/participants", status_code=201, summary="Invite somebody", tags=["roster"])
    async def add_participant(room_id: str, new: NewParticipant) -> ParticipantAnswer:
        return ParticipantAnswer.of(await rooms.add_participant(room_id, new))

    @routes.patch("/{room_id}/participants/{participant_id}", summary="Change an entry", tags=["roster"])
    async def change_participant(room_id: str, participant_id: str, change: ChangedParticipant) -> ParticipantAnswer:
        return ParticipantAnswer.of(await rooms.change_participant(room_id, participant_id, change))

    @routes.delete(
        "/{room_id}/participants/{participant_id}",
        status_code=204,
        summary="Take somebody off the roster, end their tokens",
        tags=["roster"],
    )
    async def remove_participant(room_id: str, participant_id: str) -> None:
        await rooms.remove_participant(room_id, participant_id)

    @routes.post("/{room_id}/participants/{participant_id}/token", summary="A token to join with", tags=["roster"])
    async def issue_token(
        room_id: str, participant_id: str, response: Response, wanted: TokenRequest | None = None
    ) -> TokenAnswer:
        minutes = (wanted or TokenRequest()).expires_in_minutes
        room, participant, token = await rooms.issue_token(room_id, participant_id, minutes)
        response.headers["Cache-Control"] = "no-store"
        return TokenAnswer(
            token=token.token,
            expires_on=token.expires_on,
            acs_user_id=participant.acs_user_id,
            acs_room_id=room.acs_room_id,
        )

    @routes.get("/{room_id}/interpreter", summary="What the interpreter does", tags=["interpreter"])
    async def interpreter_state(room_id: str) -> InterpreterAnswer:
        await rooms.get(room_id)
        return _interpreter(room_id, interpreter.state(room_id))

    @routes.post("/{room_id}/interpreter", status_code=202, summary="Tell the interpreter", tags=["interpreter"])
    async def command_interpreter(room_id: str, command: InterpreterCommand, request: Request) -> InterpreterAnswer:
        await rooms.get(room_id)
        await interpreter.command(room_id, command.action)
        logger.info(
            "interpreter commanded",
            extra={"room_id": room_id, "action": command.action, "caller": request.state.caller.name},
        )
        return _interpreter(room_id, interpreter.state(room_id))

    @routes.get(
        "/{room_id}/transcript",
        summary="What was said, and how it was interpreted",
        tags=["transcript"],
        response_model=TranscriptAnswer,
        responses={200: {"content": {media_type: {} for _, media_type in _EXPORTS.values()}}},
    )
    async def transcript(
        room_id: str,
        format: Literal["json", "vtt", "srt", "txt"] = "json",
        language: Annotated[str | None, Query(max_length=64, examples=["es-ES"])] = None,
    ) -> Response | TranscriptAnswer:
        await rooms.get(room_id)
        lines = await transcripts.lines(room_id)
        wanted = _language(language)
        if format != "json":
            write, media_type = _EXPORTS[format]
            return Response(write(lines, wanted), media_type=media_type)
        items = [TranscriptLineAnswer.model_validate(line) for line in latest(lines, wanted)]
        passages = [PassageAnswer.model_validate(one) for one in await transcripts.passages(room_id)]
        return TranscriptAnswer(room_id=room_id, items=items, passages=passages)

    return routes


_EXPORTS: dict[str, tuple[Callable[[Sequence[TranscriptLine], str | None], str], str]] = {
    "vtt": (to_vtt, "text/vtt; charset=utf-8"),
    "srt": (to_srt, "application/x-subrip; charset=utf-8"),
    "txt": (to_txt, "text/plain; charset=utf-8"),
}


def _interpreter(room_id: str, state: InterpreterState) -> InterpreterAnswer:
    return InterpreterAnswer(
        room_id=room_id,
        status=state.status,
        call_connection_id=state.call_connection_id,
        since=state.since,
        reason=state.reason,
    )


def _language(written: str | None) -> str | None:
    try:
        return None if written is None else language_tag(written)
    except ValueError as error:
        details = [{"field": "language", "reason": str(error)}]
        raise InvalidRequest("the request is not valid", details=details) from error


# --- paging: a cursor is the id of the last item seen, and nobody's business but ours ----------------

Cursor = Annotated[str | None, Query(max_length=200, description="next_cursor of the page before")]
Limit = Annotated[int, Query(ge=1, le=MOST_PER_PAGE)]
Item = TypeVar("Item")


def _page(found: list[Item], limit: int, key: Callable[[Item], str]) -> Page[Item]:
    """The first `limit` of what was found, and how to go on if there was more."""
    items = found[:limit]
    more = len(found) > limit
    return Page(items=items, next_cursor=_cursor(key(items[-1])) if more else None)


def _cursor(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode().rstrip("=")


def _after(cursor: str | None) -> str | None:
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        details = [{"field": "cursor", "reason": "not a cursor of ours"}]
        raise InvalidRequest("the request is not valid", details=details) from error


# --- what every route does before its own work -------------------------------------------------------


def _guarded_by(authorise: Authorise, body_timeout_s: float) -> type[APIRoute]:
    """Routes that ask who is there before a byte of the body is read, and read it within limits.

    A dependency could not: FastAPI reads and judges the body first, and would tell a stranger about it.
    """

    class GuardedRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                request.state.caller = await authorise(request)
                body = await _body(request, body_timeout_s)
                try:
                    return await answer(_with_body(request, body))
                except RequestValidationError as error:
                    raise _invalid(error) from error
                except HTTPException as error:
                    if error.status_code != 400:
                        raise
                    # FastAPI's own: the body is no text, or too deeply nested.
                    raise InvalidRequest("the body cannot be read") from error

            return guarded

    return GuardedRoute


async def _body(request: Request, timeout_s: float) -> bytes:
    """The whole body, given up as soon as it is known to be too large or too slow."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 18 or int(declared) > BODY_LIMIT):
        raise RequestTooLarge(f"the body may have {BODY_LIMIT} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_LIMIT:
                    raise RequestTooLarge(f"the body may have {BODY_LIMIT} bytes")
    except TimeoutError as error:
        raise RequestTooSlow(f"the body did not arrive within {timeout_s:g} s") from error
    except ClientDisconnect as error:
        raise InvalidRequest("the body was cut off") from error
    return bytes(body)


def _with_body(request: Request, body: bytes) -> Request:
    """The same request, with its body still to be read; after it, whatever else the connection says."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await request.receive()

    return Request(request.scope, receive)


def _invalid(error: RequestValidationError) -> InvalidRequest:
    """Which fields are wrong and why, without a word about how they were checked."""
    details: list[dict[str, object]] = []
    for one in error.errors():
        where = [str(part) for part in one["loc"][1:]]  # the first says body, query or path
        if one["type"] == "json_invalid":
            return InvalidRequest("the body is not JSON")
        details.append({"field": ".".join(where), "reason": str(one["msg"]).removeprefix("Value error, ")})
    return InvalidRequest("the request is not valid", details=details)
