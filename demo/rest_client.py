"""Calls the bot's admin API and the emulator's own API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from demo.layouts import MeetingPlan, Mode
from demo.processes import Services
from demo.script import Person

SUBSCRIPTION = "bot"
ANSWER_S = 10.0
"""Timeout in seconds; over loopback an answer takes milliseconds."""

_PATIENCE = aiohttp.ClientTimeout(total=ANSWER_S)


class RestFailed(Exception):
    """A request failed; the message has the request and the answer."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a person needs to join."""

    person: Person
    participant_id: str
    """Participant id in the bot's room."""
    acs_room_id: str
    token: str


class Rest:
    """Client of the running services."""

    def __init__(self, http: aiohttp.ClientSession, services: Services) -> None:
        self._http = http
        self._services = services

    async def subscribe_to_events(self) -> None:
        """Subscribe the bot to call events, as an operator does in Event Grid."""
        document = {
            "endpoint": f"{self._services.bot_url}/webhooks/eventgrid",
            "schema": "EventGridSchema",
            "headers": {"X-Webhook-Secret": self._services.keys.event_grid},
        }
        await self._emulator("PUT", f"/emulator/eventgrid/subscriptions/{SUBSCRIPTION}", document)

    async def create_room(self, name: str, plan: MeetingPlan, mode: Mode) -> tuple[str, list[Invitation]]:
        """Create a room for these people; return its id and an invitation for each who comes by a calling client."""
        people = [one for one in plan.people if not one.by_browser]
        document = {
            "name": name,
            "languages": plan.languages,
            "mode": mode,
            "settings": {"layout": plan.layout},
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

    async def create_web_room(self, name: str, languages: Sequence[str]) -> tuple[str, str]:
        """Create a room for people who come by browser; return the room id and the join code."""
        room = await self._bot("POST", "/api/rooms", {"name": name, "media": "web", "languages": list(languages)})
        return str(room["room_id"]), str(room["join_code"])

    async def join_code(self, room_id: str) -> str:
        """Return the code with which people come by browser."""
        return str((await self._bot("GET", f"/api/rooms/{room_id}"))["join_code"])

    async def renewed(self, room_id: str, invitation: Invitation) -> Invitation:
        """Return the invitation with a new token."""
        return await self._invitation(room_id, invitation.person, invitation.participant_id)

    async def _invitation(self, room_id: str, person: Person, participant_id: str) -> Invitation:
        answer = await self._bot("POST", f"/api/rooms/{room_id}/participants/{participant_id}/token", {})
        return Invitation(person, participant_id, str(answer["acs_room_id"]), str(answer["token"]))

    async def interpreter(self, room_id: str) -> dict[str, Any]:
        """Return the interpreter's state: `status`, `reason`."""
        return await self._bot("GET", f"/api/rooms/{room_id}/interpreter")

    async def set_glossary(self, room_id: str, terms: Mapping[str, Mapping[str, str]]) -> None:
        """Give the room a glossary: terms and their translations by language, none for a protected term."""
        document = {"terms": [{"term": term, "translations": dict(by)} for term, by in terms.items()]}
        await self._bot("PUT", f"/api/rooms/{room_id}/glossary", document)

    async def transcript(self, room_id: str) -> dict[str, Any]:
        """Return the transcript with the ledger entries."""
        return await self._bot("GET", f"/api/rooms/{room_id}/transcript")

    async def captions(self, room_id: str) -> str:
        """Return the transcript as WebVTT."""
        url = f"{self._services.bot_url}/api/rooms/{room_id}/transcript?format=vtt"
        return await self._text("GET", url, None, self._admin)

    async def invite(self, invitations: list[dict[str, Any]]) -> None:
        """Show invitations on the emulator's page."""
        await self._emulator("PUT", "/emulator/invitations", invitations)

    @property
    def _admin(self) -> dict[str, str]:
        return {"X-API-Key": self._services.keys.admin}

    async def _bot(self, method: str, path: str, document: object = None) -> dict[str, Any]:
        answer: dict[str, Any] = await self._ask(method, self._services.bot_url + path, document, self._admin)
        return answer

    async def _emulator(self, method: str, path: str, document: object) -> None:
        await self._ask(method, self._services.acs_url + path, document, {})

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
