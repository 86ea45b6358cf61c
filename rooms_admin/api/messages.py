"""The route of typed messages, which are translated for everybody in the room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Response

from rooms_admin.api.responses import IdempotencyKey, errors, written
from rooms_admin.api.rooms import RoomId
from rooms_admin.api.schemas import MessageResponse
from rooms_admin.rooms.requests import NewMessage

AcceptMessage = Callable[[str, str | None, str, str | None], Awaitable[str]]
"""Takes what somebody typed: room, participant (None: the organiser), text, language (None: the participant's). Returns
the id of its utterance, or raises `ServiceError`."""


def add_message_routes(routes: APIRouter, take_message: AcceptMessage) -> None:
    @routes.post(
        "/{room_id}/messages",
        status_code=202,
        summary="Have a typed text translated for everybody",
        tags=["interpreter"],
        response_model=MessageResponse,
        responses=errors(404, 409, 422),
    )
    async def type_message(room_id: RoomId, new: NewMessage, idempotency_key: IdempotencyKey = None) -> Response:
        """Accepted asynchronously: captions and transcript show the text and its translations under `utterance_id`.

        The interpreter must be running in the room, and not paused.
        """
        utterance_id = await take_message(room_id, new.participant_id, new.text, new.language)
        return written(MessageResponse(room_id=room_id, utterance_id=utterance_id), 202)
