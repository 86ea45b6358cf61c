"""A meeting followed over the listeners' sockets of the running service, until its process drains."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.support.line import ADMIN_KEY, Line, Room, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(90)]


class Client:
    """A client of a listeners' socket that keeps everything it hears."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []
        self._come = asyncio.Event()

    async def listen(self) -> None:
        async for message in self.socket:
            self.heard.append(json.loads(message.data))
            self._come.set()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.heard if kind in (one.get("event"), one.get("type"))]

    async def until(self, kind: str, **fields: object) -> dict[str, Any]:
        """Return the first message of a kind with these fields."""
        async with asyncio.timeout(60):
            while True:
                for one in self.of(kind):
                    if one.items() >= fields.items():
                        return one
                self._come.clear()
                await self._come.wait()


async def ticket(running: Line, room: Room, purpose: str, **wanted: str) -> str:
    answer = await running.api("POST", f"/api/rooms/{room.room_id}/tickets", {"purpose": purpose, **wanted})
    text: str = answer["ticket"]
    return text


@asynccontextmanager
async def client(running: Line, room: Room, kind: str, **query: str) -> AsyncIterator[Client]:
    query = {"ticket": await ticket(running, room, kind)} | query
    async with running.http.ws_connect(f"{running.base_url}/ws/{kind}/{room.room_id}", params=query) as socket:
        one = Client(socket)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(one.listen())
            await one.until("hello")
            yield one
            listening.cancel()


async def test_a_meeting_is_read_and_followed_from_outside(english: bytes) -> None:
    async with line() as running:
        room = await running.room(layout="channels")
        async with (
            client(running, room, "captions", language="es") as spanish,
            client(running, room, "captions") as everything,
            client(running, room, "signaling") as signals,
        ):
            assert spanish.heard[0]["language"] == "es-ES"
            assert spanish.heard[0]["room_state"] == "created"
            async with room.joined("Ana") as ana, room.joined("Luis"):
                await everything.until("room", state="active")
                await signals.until("interpreter", state="listening")
                await ana.speak(english)
                final = await spanish.until("caption", is_final=True)
                assert (final["text"], final["original"], final["speaker_name"]) == ("[es] utterance 0", False, "Ana")
                own = await everything.until("caption", is_final=True, language="en-US")
                assert (own["text"], own["original"]) == ("utterance 0", True)
                await signals.until("speaking", speaking=True)
                await signals.until("speaking", speaking=False)
                await signals.until("interpreter", state="interpreting")
                lowered = await signals.until("suppress_original", language="es-ES")
                raised = await signals.until("restore_original", language="es-ES")
                assert raised["at_us"] > lowered["at_us"]
                await running.api("POST", f"/api/rooms/{room.room_id}/interpreter", {"action": "pause"})
                await spanish.until("room", state="paused")
                await signals.until("interpreter", state="paused")
            await spanish.until("room", state="created")
        async with client(running, room, "captions", after=final["position"]) as late:
            assert late.heard[0]["resumed"] is True
        async with client(running, room, "captions") as last, client(running, room, "signaling") as other:
            url = f"{running.base_url}/api/rooms/{room.room_id}"
            async with running.http.delete(url, headers={"X-API-Key": ADMIN_KEY}) as answer:
                assert answer.status == 204
            for one in (last, other):
                await one.until("room", state="ended")
                async with asyncio.timeout(10):
                    while not one.socket.closed:  # noqa: ASYNC110  (the client offers no event)
                        await asyncio.sleep(0.01)
                assert one.socket.close_code == 4002


async def test_the_process_asks_its_listeners_to_connect_again_and_admits_nobody_else(english: bytes) -> None:
    async with line(drain_s=5.0) as running:
        room = await running.room()
        late_ticket = await ticket(running, room, "captions")
        url = f"{running.base_url}/api/rooms/{room.room_id}/captions"
        async with (
            client(running, room, "captions", language="es") as captions,
            client(running, room, "signaling") as signals,
            running.http.get(url, params={"ticket": await ticket(running, room, "captions")}) as events,
            room.joined("Ana") as ana,
            room.joined("Luis"),
        ):
            await captions.until("room", state="active")
            await ana.speak(english)
            await captions.until("caption")
            draining = asyncio.ensure_future(running.service.drain())
            await asyncio.sleep(0.01)
            async with running.http.get(url, params={"ticket": late_ticket}) as refused:
                assert refused.status == 503
                assert (await refused.json())["error"]["code"] == "draining"
            await draining
            for one in (captions, signals):
                await one.until("draining")
                async with asyncio.timeout(10):
                    while not one.socket.closed:  # noqa: ASYNC110  (the client offers no event)
                        await asyncio.sleep(0.01)
                assert one.socket.close_code == 1012
            assert captions.of("caption")[-1]["is_final"], "what was being said was finished before"
            assert '"draining"' in await events.text()


@pytest.mark.parametrize(
    ("purpose", "wanted", "path", "query", "status"),
    [
        ("captions", {"language": "es-ES"}, "captions", {"language": "en-US"}, 403),
        ("captions", {}, "signaling", {}, 403),
        ("captions", {}, "captions", {"language": "fr"}, 400),
    ],
)
async def test_strangers_are_refused(
    purpose: str, wanted: dict[str, str], path: str, query: dict[str, str], status: int
) -> None:
    async with line() as running:
        room = await running.room()
        query = {**query, "ticket": await ticket(running, room, purpose, **wanted)}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with running.http.ws_connect(f"{running.base_url}/ws/{path}/{room.room_id}", params=query):
                pass
        assert refused.value.status == status
