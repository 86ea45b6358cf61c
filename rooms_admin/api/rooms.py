"""Routes of rooms and their glossaries."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from http_serving.errors import InvalidRequest
from rooms_admin.api.etags import entity_tag, if_match
from rooms_admin.api.pagination import page_of, read_cursor
from rooms_admin.api.responses import (
    NOT_MODIFIED,
    IdempotencyKey,
    IfMatch,
    IfNoneMatch,
    Responses,
    errors,
    tagged,
    versioned,
    written,
)
from rooms_admin.api.schemas import DeletionResponse, GlossaryResponse, Page, RoomResponse
from rooms_admin.rooms.language_tags import language_tag
from rooms_admin.rooms.requests import ChangedRoom, NewGlossary, NewRoom
from rooms_admin.rooms.room import Room, RoomMode, RoomQuery, Sort, Validity
from rooms_admin.rooms.service import RoomService

MOST_PER_PAGE = 200

ID_PATTERN = "^[A-Za-z0-9_-]{1,64}$"
RoomId = Annotated[str, Path(pattern=ID_PATTERN, examples=["room-0006428fbe5aef4c1f2e3d"])]
ParticipantId = Annotated[str, Path(pattern=ID_PATTERN, examples=["participant-0006428fbe5aef4c1f2e3d"])]
Cursor = Annotated[str | None, Query(max_length=2_000, description="`next_cursor` of the previous page")]
Limit = Annotated[int, Query(ge=1, le=MOST_PER_PAGE)]
GONE: Responses = {204: {"description": "Deleted. `Location` names the proof of deletion"}}
LanguageFilter = Annotated[str | None, Query(max_length=64, examples=["es-ES"])]


def add_room_routes(routes: APIRouter, rooms: RoomService) -> None:
    @routes.post(
        "",
        status_code=201,
        summary="Create a room",
        tags=["rooms"],
        response_model=RoomResponse,
        responses=tagged(201) | errors(409, 422, 502),
    )
    async def create_room(new: NewRoom, request: Request, idempotency_key: IdempotencyKey = None) -> Response:
        """Creates the ACS room, an ACS user for each participant, and a join code. If a step fails, nothing is kept."""
        claim = getattr(request.state, "claim", None)
        room = await rooms.created_by(claim.request_key) if claim is not None and claim.unfinished else None
        if room is None:
            room = await rooms.create(new, None if claim is None else claim.request_key)
        request.state.room_id = room.room_id
        return written(RoomResponse.of(room), 201, Location=f"/api/rooms/{room.room_id}", ETag=entity_tag(room.version))

    @routes.get("", summary="List rooms", tags=["rooms"], response_model=Page[RoomResponse], responses=errors())
    async def list_rooms(
        cursor: Cursor = None,
        limit: Limit = 50,
        sort: Annotated[Sort, Query(description="A leading dash sorts in descending order")] = "created_at",
        name: Annotated[str | None, Query(max_length=256, description="Part of the name, case-insensitive")] = None,
        language: LanguageFilter = None,
        mode: RoomMode | None = None,
        validity: Annotated[Validity | None, Query(description="Whether people can join the room now")] = None,
    ) -> Response:
        after = read_cursor(cursor, sort)
        if after is not None and sort.endswith("valid_until") and not re.fullmatch("[0-9]{15}", after[0]):
            raise InvalidRequest.about("cursor", "is not a cursor of this API")
        query = RoomQuery(limit + 1, sort, after, name, wanted_language(language), mode, validity)
        found, next_cursor = page_of(
            await rooms.page(query), limit, sort, lambda room: (query.sort_key(room), room.room_id)
        )
        return written(Page[RoomResponse](items=[RoomResponse.of(room) for room in found], next_cursor=next_cursor))

    @routes.get(
        "/{room_id}",
        summary="Get a room",
        tags=["rooms"],
        response_model=RoomResponse,
        responses=tagged() | NOT_MODIFIED | errors(404),
    )
    async def get_room(room_id: RoomId, request: Request, if_none_match: IfNoneMatch = None) -> Response:
        room = await rooms.get(room_id)
        return versioned(request, RoomResponse.of(room), room.version)

    @routes.patch(
        "/{room_id}",
        summary="Change a room",
        tags=["rooms"],
        response_model=RoomResponse,
        responses=tagged() | errors(404, 412, 422, 502),
    )
    async def change_room(room_id: RoomId, change: ChangedRoom, if_match_: IfMatch = None) -> Response:
        """Takes effect in an active call at once."""
        return _tagged(await rooms.change(room_id, change, if_match(if_match_)))

    @routes.delete(
        "/{room_id}",
        status_code=204,
        summary="Delete a room, its ACS users and its transcript",
        tags=["rooms"],
        responses=GONE | errors(404, 412, 502),
    )
    async def delete_room(room_id: RoomId, if_match_: IfMatch = None) -> Response:
        await rooms.remove(room_id, if_match(if_match_))
        return Response(status_code=204, headers={"Location": f"/api/rooms/{room_id}/deletion"})

    @routes.get(
        "/{room_id}/deletion",
        summary="Get the proof that a room was deleted",
        tags=["rooms"],
        response_model=DeletionResponse,
        responses=errors(404),
    )
    async def deletion(room_id: RoomId) -> Response:
        return written(DeletionResponse.model_validate(await rooms.deletion(room_id)))

    @routes.get(
        "/{room_id}/glossary",
        summary="Get the glossary: protected terms and preferred translations",
        tags=["glossary"],
        response_model=GlossaryResponse,
        responses=tagged() | NOT_MODIFIED | errors(404),
    )
    async def get_glossary(
        room_id: RoomId,
        request: Request,
        version: Annotated[
            int | None, Query(ge=0, le=1_000_000_000, description="An earlier version; the current one if omitted")
        ] = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        glossary = await rooms.glossary(room_id, version)
        return versioned(request, GlossaryResponse.model_validate(glossary), glossary.version)

    @routes.put(
        "/{room_id}/glossary",
        summary="Replace the glossary",
        tags=["glossary"],
        response_model=GlossaryResponse,
        responses=tagged() | errors(404, 412, 422),
    )
    async def put_glossary(room_id: RoomId, new: NewGlossary, if_match_: IfMatch = None) -> Response:
        """Takes effect in an active call with the next model sessions. `If-Match` is the glossary's version."""
        glossary = await rooms.put_glossary(room_id, new, if_match(if_match_))
        return written(GlossaryResponse.model_validate(glossary), ETag=entity_tag(glossary.version))


def wanted_language(written: str | None) -> str | None:
    """Normalise the language tag of a filter; `InvalidRequest` if it is malformed."""
    try:
        return None if written is None else language_tag(written)
    except ValueError as error:
        raise InvalidRequest.about("language", str(error)) from error


def _tagged(room: Room) -> Response:
    return written(RoomResponse.of(room), ETag=entity_tag(room.version))
