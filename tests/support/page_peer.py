"""A scripted service for the pages: it gives tickets, holds three kinds of sockets, and says what a test wants.

It follows docs/sockets.md for itself, so that pages are tried with what the real service would rarely send.
"""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.error_responses import install_error_handlers
from http_serving.security_headers import SecurityHeaders
from listeners.page_routes import Pages
from tests.support.acs_emulator import tone

CODE = "042117"
ROOM = "room-1"
HEADER = struct.Struct(">BBHIQ")
FRAME_BYTES = 960
ME = "p1"
"""Participant id of whoever joins to speak."""
MY_VOICE = "8:acs:ana"
"""Speaker id of the same person."""


@dataclass
class OpenSocket:
    """A socket of a page, with what the page has asked for."""

    socket: WebSocket
    kind: str
    query: Mapping[str, str]
    texts: list[dict[str, Any]] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)
    sequence: int = 0


class PagePeer:
    """The room, and the sockets of all pages that are in it."""

    def __init__(self) -> None:
        self.url = ""
        self.open: list[OpenSocket] = []
        self.reset()

    def reset(self) -> None:
        """Forget what happened so far."""
        self.name = "Harbour meeting"
        self.languages = ["en-US", "es-ES", "ar-EG"]
        self.save_transcript = True
        self.room_state = "active"
        self.members: list[dict[str, Any]] = []
        self.interpreter: dict[str, Any] = {"state": "listening"}
        self.every: list[OpenSocket] = []
        """Those that were closed, too."""
        self.asked: list[dict[str, Any]] = []
        """Bodies of requests for tickets."""
        self.refusal: tuple[int, dict[str, Any]] | None = None
        self._positions = 0

    # --- what a test has it do ---

    async def post(self, kind: str, message: Mapping[str, Any]) -> None:
        """Send a message to every open socket of a kind."""
        for one in [one for one in self.open if one.kind == kind]:
            await one.socket.send_json(message)

    async def caption(self, utterance: str, text: str, **more: Any) -> None:
        self._positions += 1
        message = {
            "event": "caption",
            "room_id": ROOM,
            "utterance_id": utterance,
            "revision": self._positions,
            "speaker_id": "web:p2",
            "speaker_name": "Luis Ortega",
            "language": "en-US",
            "text": text,
            "is_final": True,
            "timestamp_ms": 1_800_000_000_000,
            "position": str(self._positions),
        }
        await self.post("captions", message | more)

    async def signal(self, kind: str, **fields: Any) -> None:
        await self.post("signaling", {"type": kind, **fields})

    async def play(self, channel: str, ms: int, hertz: float, *, flags: int = 0, at_us: int | None = None) -> None:
        """Send a tone to every listener of a channel, all at once; pages hold it and play it in time."""
        pcm = tone(ms, hertz=hertz)
        start = time.time_ns() // 1000 if at_us is None else at_us
        for one in [one for one in self.open if one.query.get("language") == channel and one.kind == "audio"]:
            for place in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
                stamp = start + place // FRAME_BYTES * 20_000
                header = HEADER.pack(1, 1, flags, one.sequence, stamp)
                one.sequence += 1
                await one.socket.send_bytes(header + pcm[place : place + FRAME_BYTES])

    async def close_all(self, code: int, reason: str = "") -> None:
        for one in list(self.open):
            with suppress(RuntimeError):
                await one.socket.close(code, reason)

    def sockets(self, kind: str, **query: str) -> list[OpenSocket]:
        """List open sockets of a kind that were opened with these parameters."""
        return [one for one in self.open if one.kind == kind and query.items() <= one.query.items()]

    # --- what pages reach ---

    async def join(self, request: Request) -> Response:
        body = await request.json()
        self.asked.append(body)
        if self.refusal is not None:
            status, error = self.refusal
            return JSONResponse({"error": error}, status)
        speaks = body["purpose"] == "speak"
        if speaks:
            name = body["display_name"]
            me = {"member_id": "m1", "participant_id": ME, "speaker_id": MY_VOICE, "name": name}
            me["speaks"] = body["speaks"]
            self.members = [one for one in self.members if one["member_id"] != "m1"] + [me]
        answer = {
            "room_id": ROOM,
            "name": self.name,
            "languages": self.languages,
            "save_transcript": self.save_transcript,
            "ticket": f"{body['purpose']}-{len(self.asked)}",
            "expires_on": (datetime.now(UTC) + timedelta(minutes=15)).isoformat(),
            "participant_id": ME if speaks else None,
            "guest_key": "key" if speaks else None,
        }
        return JSONResponse(answer)

    async def serve(self, socket: WebSocket) -> None:
        await socket.accept()
        one = OpenSocket(socket, socket.path_params["kind"], dict(socket.query_params))
        tag = "type" if one.kind == "signaling" else "event"
        hello = {tag: "hello", "room_id": ROOM, "heartbeat_ms": 10_000, "room_state": self.room_state}
        if one.kind == "signaling":
            hello |= {"member_id": "m1", "members": self.members, "listener_count": 3, "speaking": []}
            hello |= {"interpreter": self.interpreter}
        await socket.send_json(hello)
        now_ms = time.time_ns() // 1_000_000
        await socket.send_json({tag: "heartbeat", "sent_ms": now_ms, "round_trip_ms": 2})
        self.open.append(one)
        self.every.append(one)
        try:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                if message.get("bytes") is not None:
                    one.frames.append(message["bytes"])
                elif message.get("text") is not None:
                    await self._text(one, message["text"])
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self.open.remove(one)

    async def _text(self, one: OpenSocket, text: str) -> None:
        message = json.loads(text)
        one.texts.append(message)
        if message.get("event") == "message":
            accepted = {"event": "message_accepted", "client_id": message["client_id"], "utterance_id": "typed"}
            await one.socket.send_json(accepted)


@asynccontextmanager
async def running_peer() -> AsyncIterator[PagePeer]:
    """Serve the real pages, and scripted sockets beside them, on a free port."""
    peer = PagePeer()

    async def knows(scope: Mapping[str, Any], code: str) -> bool:
        return code == CODE

    pages = await asyncio.to_thread(Pages, knows)
    app = FastAPI(redirect_slashes=False)
    install_error_handlers(app)
    app.add_middleware(SecurityHeaders)
    app.include_router(pages.routes())
    app.state.not_found_page = pages.not_found
    app.router.routes.append(Route("/api/join/{code}", peer.join, methods=["POST"]))
    app.router.routes.append(WebSocketRoute("/ws/{kind}/{room_id}", peer.serve))
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="warning", ws="websockets-sansio"))
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.01)
    peer.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield peer
    finally:
        server.should_exit = True
        await serving
