"""The session API of the earlier sample: what it makes, who may use it, and what it says about states."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from http_serving.errors import Overloaded, ServiceError
from rooms_admin.api import InterpreterState, RequestGuard, SpeakersAndAdmins, session_routes
from rooms_admin.auth.api_keys import ApiKeys
from rooms_admin.rooms.requests import Action
from rooms_admin.rooms.room import Room
from rooms_admin.rooms.service import RoomService
from tests.support.acs_fakes import FakeAcs
from tests.support.in_memory_stores import InMemoryRooms
from tests.support.webhook_serving import application, client

LECTURE = {"name": "Lecture", "source_language": "en-us", "target_languages": ["es-ES", "fr-FR"]}
ADMIN = {"X-API-Key": "s3cret-key"}


class NotLive(ServiceError):
    status = 409
    code = "not_live"


class Interpreter:
    """Does what it is told at once; refuses to pause or stop what does not run."""

    def __init__(self) -> None:
        self.status = "idle"
        self.commands: list[Action] = []
        self.refusal: ServiceError | None = None

    async def state(self, room_id: str) -> InterpreterState:
        return InterpreterState(self.status)  # type: ignore[arg-type]  # one of its words

    async def command(self, room_id: str, action: Action) -> None:
        if action in ("pause", "stop") and self.status in ("idle", "stopped"):
            raise self.refusal or NotLive("the interpreter does not run")
        self.commands.append(action)
        after = {"start": "interpreting", "pause": "paused", "resume": "interpreting", "stop": "stopped"}
        self.status = after[action]


class Sessions:
    def __init__(self) -> None:
        self.acs, self.store, self.interpreter = FakeAcs(), InMemoryRooms(), Interpreter()
        self.rooms = RoomService(self.store, self.acs.acs)
        self.links: list[tuple[str, str, float]] = []
        guard = RequestGuard(SpeakersAndAdmins(ApiKeys({"ops": ADMIN["X-API-Key"]}), self.read), body_timeout_s=0.05)
        routes = session_routes(
            self.rooms, guard, self.interpreter, issue_link=self.link, public_base_url="https://interpreter.example"
        )
        self.app: FastAPI = application(routes, ServiceError)

    def link(self, room_id: str, participant_id: str, lifetime_s: float) -> str:
        self.links.append((room_id, participant_id, lifetime_s))
        return f"v1.{len(self.links) - 1}"

    def read(self, text: str) -> tuple[str, str] | None:
        number = text.removeprefix("v1.")
        return self.links[int(number)][:2] if number.isdigit() else None

    @property
    def room(self) -> Room:
        (room,) = self.store._rooms.values()
        return room


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
async def http(sessions: Sessions) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(sessions.app) as http:
        yield http


async def create(http: httpx2.AsyncClient, body: Any = LECTURE, **headers: str) -> dict[str, str]:
    answer = await http.post("/api/createSession", json=body, headers=ADMIN | headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    created: dict[str, str] = answer.json()
    return created


async def say(http: httpx2.AsyncClient, what: str, session: str, **headers: str) -> tuple[int, str]:
    answer = await http.post(f"/api/{what}", json={"sessionId": session}, headers=headers)
    body = answer.json()
    return answer.status_code, body["error"]["code"] if "error" in body else body["status"]


async def test_a_session_is_a_room_without_acs_and_guests_that_waits_for_a_start(
    sessions: Sessions, http: httpx2.AsyncClient
) -> None:
    created = await create(http)
    room = sessions.room
    assert created == {
        "sessionId": room.join_code,
        "listenerUrl": f"https://interpreter.example/listener/{room.join_code}",
        "speakerUrl": f"https://interpreter.example/speaker?session={room.join_code}#ticket=v1.0",
    }
    assert (room.media, room.languages) == ("web", ("en-US", "es-ES", "fr-FR"))
    assert (room.settings.guests, room.settings.waits_for_start) == (False, True)
    (speaker,) = room.participants
    assert (speaker.role, speaker.speaks) == ("Presenter", "en-US")
    room_id, participant_id, lifetime_s = sessions.links[0]
    assert (room_id, participant_id) == (room.room_id, speaker.participant_id)
    assert 86_390 < lifetime_s <= 86_400
    assert sessions.acs.rooms.rooms == {}


async def test_a_single_language_and_a_face_may_be_asked_for(sessions: Sessions, http: httpx2.AsyncClient) -> None:
    body = {"name": "Lecture", "source_language": "en", "target_language": "es", "avatar": True}
    assert (await create(http, body))["listenerUrl"].endswith("?avatar=drawn")
    assert sessions.room.languages == ("en", "es")


@pytest.mark.parametrize(
    "change",
    [
        {"target_language": "de-DE"},
        {"target_languages": None},
        {"target_languages": []},
        {"target_languages": ["en-GB"]},
        {"target_languages": ["de-DE"] * 20},
        {"source_language": "not a language"},
        {"name": "\u202e"},
        {"name": None},
        {"voice": "loud"},
    ],
)
async def test_what_is_no_session_is_refused(
    sessions: Sessions, http: httpx2.AsyncClient, change: dict[str, Any]
) -> None:
    answer = await http.post("/api/createSession", json=LECTURE | change, headers=ADMIN)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert sessions.store._rooms == {}


async def test_a_repeated_request_creates_one_session(sessions: Sessions, http: httpx2.AsyncClient) -> None:
    first, again = [await create(http, **{"Idempotency-Key": "one"}) for _ in range(2)]
    assert first["sessionId"] == again["sessionId"]
    assert (await create(http, LECTURE | {"name": "Another"}, **{"Idempotency-Key": "one"}))["sessionId"]
    assert len(sessions.store._rooms) == 2


async def test_a_session_starts_stops_goes_on_and_ends(sessions: Sessions, http: httpx2.AsyncClient) -> None:
    session = (await create(http))["sessionId"]
    assert await say(http, "stopTranslation", session, **ADMIN) == (409, "not_live")
    assert await say(http, "startTranslation", session, **ADMIN) == (200, "active")
    assert await say(http, "startTranslation", session, **ADMIN) == (200, "active")
    assert await say(http, "stopTranslation", session, **ADMIN) == (200, "paused")
    assert await say(http, "startTranslation", session, **ADMIN) == (200, "active")
    assert await say(http, "endSession", session, **ADMIN) == (200, "ended")
    assert await say(http, "endSession", session, **ADMIN) == (200, "ended")
    assert sessions.interpreter.commands == ["start", "pause", "resume", "stop"]
    assert await say(http, "startTranslation", session, **ADMIN) == (409, "conflict")
    assert sessions.room.valid_until <= sessions.rooms.now(), "kept, and over"


async def test_a_session_that_was_never_started_ends(sessions: Sessions, http: httpx2.AsyncClient) -> None:
    session = (await create(http))["sessionId"]
    sessions.interpreter.refusal = Overloaded("its replica does not answer")
    assert await say(http, "endSession", session, **ADMIN) == (503, "overloaded")
    assert sessions.room.valid_until > sessions.rooms.now(), "not ended while it may go on"
    sessions.interpreter.refusal = None
    assert await say(http, "endSession", session, **ADMIN) == (200, "ended")


async def test_a_speaker_commands_their_own_session_and_creates_none(
    sessions: Sessions, http: httpx2.AsyncClient
) -> None:
    session, other = (await create(http))["sessionId"], (await create(http))["sessionId"]
    speaker = {"Authorization": "Bearer v1.0"}
    assert await say(http, "startTranslation", session, **speaker) == (200, "active")
    assert await say(http, "startTranslation", other, **speaker) == (404, "not_found")
    assert await say(http, "endSession", other, **speaker) == (404, "not_found")
    answer = await http.post("/api/createSession", json=LECTURE, headers=speaker)
    assert answer.status_code == 403
    assert await say(http, "endSession", session, **speaker) == (200, "ended")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": "a-wrong-key"},
        {"Authorization": "Bearer v1.forged"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic v1.0"},
        {"Authorization": "Bearer v1.0", "X-API-Key": "a-wrong-key"},
    ],
)
async def test_strangers_are_refused_whatever_they_send(http: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    session = (await create(http))["sessionId"]
    for path in ("createSession", "startTranslation", "stopTranslation", "endSession"):
        answer = await http.post(f"/api/{path}", content=b"{", headers=headers)
        assert answer.status_code == 401
    assert await say(http, "startTranslation", session, **headers) == (401, "unauthorized")


async def test_who_is_no_presenter_or_was_removed_commands_nothing(
    sessions: Sessions, http: httpx2.AsyncClient
) -> None:
    session = (await create(http))["sessionId"]
    speaker = {"Authorization": "Bearer v1.0"}
    (presenter,) = sessions.room.participants
    for people in ((replace(presenter, role="Attendee"),), ()):
        room = sessions.room
        sessions.store._rooms[room.room_id] = replace(room, participants=people)
        assert await say(http, "endSession", session, **speaker) == (404, "not_found")


async def test_other_rooms_and_unknown_codes_are_no_sessions(sessions: Sessions, http: httpx2.AsyncClient) -> None:
    session = (await create(http))["sessionId"]
    await sessions.store.update(
        sessions.room.room_id,
        lambda room: replace(room, settings=replace(room.settings, waits_for_start=False)),
    )
    unknown = f"{(int(session) + 1) % 1_000_000:06}"
    assert await say(http, "endSession", session, **ADMIN) == (404, "not_found")
    assert await say(http, "endSession", unknown, **ADMIN) == (404, "not_found")
    assert await say(http, "endSession", "12345", **ADMIN) == (400, "invalid_request")
