"""The demo's view of both REST surfaces: the bot's, as an admin's script would use it, and the emulator's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import aiohttp

from demo.layouts import Mode, Seating
from demo.processes import Parts
from demo.script import Person

SUBSCRIPTION = "bot"
ANSWER_S = 10.0
"""Loopback answers in milliseconds; one that takes longer than this will not come."""

_PATIENCE = aiohttp.ClientTimeout(total=ANSWER_S)


class RestFailed(Exception):
    """An answer that was not hoped for; the message says to what, and what it said."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What somebody needs to join."""

    person: Person
    participant_id: str
    """On the roster of the bot's room."""
    acs_room_id: str
    token: str


class Rest:
    """Requests to running parts, one at a time or many."""

    def __init__(self, http: aiohttp.ClientSession, parts: Parts) -> None:
        self._http = http
        self._parts = parts

    async def subscribe_to_events(self) -> None:
        """Have call events delivered to the bot, as an operator does once with Event Grid."""
        document = {
            "endpoint": f"{self._parts.bot_url}/webhooks/eventgrid",
            "schema": "EventGridSchema",
            "headers": {"X-Webhook-Secret": self._parts.keys.event_grid},
        }
        await self._emulator("PUT", f"/emulator/eventgrid/subscriptions/{SUBSCRIPTION}", document)

    async def create_room(self, name: str, seating: Seating, mode: Mode) -> tuple[str, list[Invitation]]:
        """A room with these people on its roster, and a token for each: the room's id, the invitations."""
        people = seating.people
        document = {
            "name": name,
            "languages": seating.languages,
            "mode": mode,
            "settings": {"layout": seating.layout},
            "participants": [
                {
                    "display_name": person.name,
                    "role": "Presenter",
                    "speaks": person.language,
                    "hears": person.listens_to,
                }
                for person in people
            ],
        }
        room = await self._bot("POST", "/api/rooms", document)
        room_id = str(room["room_id"])
        invited = zip(people, room["participants"], strict=True)
        return room_id, [await self._invitation(room_id, one, str(entry["participant_id"])) for one, entry in invited]

    async def renewed(self, room_id: str, invitation: Invitation) -> Invitation:
        """The same invitation with a fresh token."""
        return await self._invitation(room_id, invitation.person, invitation.participant_id)

    async def _invitation(self, room_id: str, person: Person, participant_id: str) -> Invitation:
        answer = await self._bot("POST", f"/api/rooms/{room_id}/participants/{participant_id}/token", {})
        return Invitation(person, participant_id, str(answer["acs_room_id"]), str(answer["token"]))

    async def interpreter(self, room_id: str) -> dict[str, Any]:
        """What the interpreter is doing: `status`, `reason`."""
        return await self._bot("GET", f"/api/rooms/{room_id}/interpreter")

    async def transcript(self, room_id: str) -> dict[str, Any]:
        """The transcript with the ledger's entries."""
        return await self._bot("GET", f"/api/rooms/{room_id}/transcript")

    async def captions(self, room_id: str) -> str:
        """The transcript as WebVTT."""
        url = f"{self._parts.bot_url}/api/rooms/{room_id}/transcript?format=vtt"
        return await self._text("GET", url, None, self._admin)

    async def invite(self, invitations: list[dict[str, Any]]) -> None:
        """Put invitations on the emulator's page."""
        await self._emulator("PUT", "/emulator/invitations", invitations)

    @property
    def _admin(self) -> dict[str, str]:
        return {"X-API-Key": self._parts.keys.admin}

    async def _bot(self, method: str, path: str, document: object = None) -> dict[str, Any]:
        answer: dict[str, Any] = await self._ask(method, self._parts.bot_url + path, document, self._admin)
        return answer

    async def _emulator(self, method: str, path: str, document: object) -> None:
        await self._ask(method, self._parts.acs_url + path, document, {})

    async def _ask(self, method: str, url: str, document: object, headers: dict[str, str]) -> Any:
        text = await self._text(method, url, document, headers)
        return json.loads(text)

    async def _text(self, method: str, url: str, document: object, headers: dict[str, str]) -> str:
        try:
            async with self._http.request(method, url, json=document, headers=headers, timeout=_PATIENCE) as answer:
                text = await answer.text()
        except TimeoutError as error:
            raise RestFailed(f"{method} {url} was not answered within {ANSWER_S:.0f} s") from error
        except aiohttp.ClientError as error:
            raise RestFailed(f"{method} {url}: {error}") from error
        if answer.status >= 300:
            raise RestFailed(f"{method} {url} was answered with {answer.status}: {text}")
        return text
