"""Listeners' sockets without a server: the application is called as a server would, in virtual time if the test is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from starlette.types import Message, Receive, Scope, Send

from listeners.feed import Feed
from listeners.rooms import ListenedRoom, Person
from listeners.sockets.door import Door
from listeners.tickets import Tickets

Application = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

PEOPLE = {one: Person(one, one, "en-US", "es-ES", f"8:acs:{one}") for one in ("p-1", "p-2")}
ROOM = ListenedRoom("room-1", "Weekly", ("en-US", "es-ES"), "active", PEOPLE)
TICKETS = Tickets("a-secret-of-tests")


async def find_room(room_id: str) -> ListenedRoom | None:
    return ROOM if room_id == ROOM.room_id else None


def match(wanted: str, languages: Sequence[str]) -> str | None:
    """As the service matches, as far as the tests need it."""
    alike = [tag for tag in languages if tag.partition("-")[0] == wanted.partition("-")[0]]
    return wanted if wanted in languages else next(iter(alike), None)


def door(feed: Feed | None = None, **options: Any) -> Door:
    return Door(TICKETS, options.pop("find_room", find_room), match, feed or Feed(), **options)


class SocketPeer:
    """The other end of one socket."""

    def __init__(self, path: str, network: str = "192.0.2.1", **query: Any) -> None:
        self.scope: dict[str, Any] = {
            "type": "websocket",
            "path": path,
            "path_params": {"room_id": path.rpartition("/")[2]},
            "query_string": urlencode(query).encode(),
            "client": (network, 50_000),
            "extensions": {"websocket.http.response": {}},
            "headers": [],
        }
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._incoming.put_nowait({"type": "websocket.connect"})
        self.sent: asyncio.Queue[Message] = asyncio.Queue()
        self.reads = asyncio.Event()
        """Cleared, the application has to wait with what it sends."""
        self.reads.set()
        self.gone = False

    async def receive(self) -> Message:
        return await self._incoming.get()

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        if self.gone:
            raise OSError
        self.sent.put_nowait(message)

    def says(self, message: object) -> None:
        """Send a message: bytes, text, or what is made JSON."""
        if isinstance(message, bytes):
            self._incoming.put_nowait({"type": "websocket.receive", "bytes": message})
            return
        text = message if isinstance(message, str) else json.dumps(message)
        self._incoming.put_nowait({"type": "websocket.receive", "text": text})

    def leaves(self) -> None:
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1005})

    async def hears(self) -> Any:
        """Return the next message, as JSON, or the frame, or `(code, reason)` of the close."""
        message = await self.sent.get()
        match message["type"]:
            case "websocket.close":
                return message["code"], message.get("reason", "")
            case "websocket.send":
                return message["bytes"] if message.get("text") is None else json.loads(message["text"])
            case _:
                return message

    async def hears_kind(self, kind: str) -> dict[str, Any]:
        """Return the next message of a kind; others are skipped."""
        while True:
            heard = await self.hears()
            if isinstance(heard, dict) and kind in (heard.get("event"), heard.get("type")):
                return heard

    async def closed(self) -> tuple[int, str]:
        """Return code and reason of the close, whatever comes before it."""
        while not isinstance(heard := await self.hears(), tuple):
            pass
        return heard

    async def refusal(self) -> tuple[int, str]:
        """Return status and code of an HTTP error."""
        start, body = await self.sent.get(), await self.sent.get()
        assert (b"content-type", b"application/json") in start["headers"]
        return start["status"], json.loads(body["body"])["error"]["code"]


@asynccontextmanager
async def dialled(app: Application, peer: SocketPeer) -> AsyncIterator[SocketPeer]:
    """Serve a peer, who leaves at the end."""
    async with asyncio.TaskGroup() as group:
        group.create_task(app(peer.scope, peer.receive, peer.send))
        yield peer
        peer.leaves()
