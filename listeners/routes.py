"""The routes of listeners: their sockets, and captions as server-sent events. Handed what they need by the service."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack, closing
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from listeners.feed import Feed
from listeners.microphones import OpenMicrophone
from listeners.sockets import audio, captions, signaling
from listeners.sockets.audio import AudioSockets
from listeners.sockets.captions import CaptionSockets, CaptionStream, TakeMessage
from listeners.sockets.connection import Tag
from listeners.sockets.door import Door, OpenSocket, prove_listener
from listeners.sockets.members import Members
from listeners.sockets.signaling import SignalingSockets
from listeners.tickets import TicketUse

_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": HTTPStatus(status).phrase} for status in (400, 401, 403, 404, 429, 503)
}


def router(
    door: Door,
    feed: Feed,
    take_message: TakeMessage | None = None,
    open_microphone: OpenMicrophone | None = None,
    members: Members | None = None,
) -> APIRouter:
    """Build the routes. Needs a running event loop when it serves, not before.

    Args:
        door: admits listeners, and lets them drain.
        take_message: takes what participants type; None if they cannot.
        open_microphone: opens the microphones of participants; None if they cannot speak over a socket.
        members: of signaling, if they are not those of these routes alone.
    """
    caption_sockets = CaptionSockets(feed, take_message)
    members = members or Members(feed.listeners)
    feed.listeners_changed = members.listeners_changed
    signaling_sockets = SignalingSockets(feed, members)
    routes = APIRouter(tags=["listeners"])
    routes.routes += [
        _socket("captions", door, captions.PURPOSES, caption_sockets.open, "event"),
        _socket("audio", door, audio.PURPOSES, AudioSockets(feed, open_microphone, members.mute).open, "event"),
        _socket("signaling", door, signaling.PURPOSES, signaling_sockets.open, "type"),
    ]

    @routes.get(
        "/api/rooms/{room_id}/captions",
        summary="Read captions as server-sent events",
        response_class=StreamingResponse,
        responses=_REFUSALS,
    )
    async def read_captions(
        room_id: str,
        request: Request,
        ticket: Annotated[str, Query(description="A ticket to read captions, or to speak")] = "",
        language: Annotated[str, Query(description="Only captions in this language")] = "",
        after: Annotated[str, Query(description="Position of the last caption seen; `Last-Event-ID` goes first")] = "",
    ) -> StreamingResponse:
        """The events are the messages of `WS /ws/captions/{room_id}`; `id` is the position of a caption."""
        scope = request.scope
        valid = door.check_ticket(scope, ticket, captions.PURPOSES, room_id)
        with ExitStack() as held:
            held.enter_context(door.place(scope, ticket))
            asked = await door.asked(valid, {"language": language, "after": after})
            stream = held.enter_context(closing(caption_sockets.stream(asked, request.headers.get("last-event-id"))))
            prove_listener(scope)
            held.enter_context(door.inside(room_id, stream))
            return _Stream(stream, held.pop_all())

    return routes


class _Stream(StreamingResponse):
    """A response that holds a listener's place until it has ended."""

    def __init__(self, stream: CaptionStream, held: ExitStack) -> None:
        super().__init__(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._held:
            await super().__call__(scope, receive, send)


class _Socket:
    """The ASGI application behind the route of one kind of socket."""

    def __init__(self, door: Door, purposes: Collection[TicketUse], open_socket: OpenSocket, tag: Tag) -> None:
        self._admit = partial(door.admit, purposes=purposes, open_socket=open_socket, tag=tag)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._admit(scope, receive, send)


def _socket(
    kind: str, door: Door, purposes: Collection[TicketUse], open_socket: OpenSocket, tag: Tag
) -> WebSocketRoute:
    """Return the route of a kind of socket."""
    return WebSocketRoute(f"/ws/{kind}/{{room_id}}", _Socket(door, purposes, open_socket, tag), name=f"{kind} socket")
