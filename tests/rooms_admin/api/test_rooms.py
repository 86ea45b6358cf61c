"""The REST API, over ACS in memory: what it does, and whom and what it turns away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest
from starlette.exceptions import HTTPException

from http_serving.errors import Conflict
from rooms_admin.api import (
    BODY_LIMIT,
)
from rooms_admin.api.schemas import TranscriptResponse
from rooms_admin.transcripts.records import LedgerRecord, PlayoutTimes, TranscriptLine
from tests.support.acs_fakes import refused
from tests.support.rooms_api import NEW_ROOM, Service, create
from tests.support.webhook_serving import asgi_scope, client

# --- rooms ---------------------------------------------------------------------------------------


async def test_a_room_is_created_in_acs_with_its_roster(service: Service, http: httpx2.AsyncClient) -> None:
    answer = await http.post("/api/rooms", json=NEW_ROOM)
    room = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/rooms/{room['room_id']}"
    assert room["languages"] == ["en-US", "es-ES"]
    assert (room["mode"], room["media"]) == ("consecutive", "acs")
    assert len(room["join_code"]) == 6
    assert room["join_code"].isdigit()
    assert room["settings"] == {
        "end_of_turn_ms": 500,
        "end_of_turn_after_long_ms": 250,
        "end_of_turn_unfinished_ms": 800,
        "long_speech_ms": 3000,
        "max_utterance_ms": 10000,
        "barge_in": "ignore",
        "layout": "shared",
        "announcement": False,
        "captions": "fast",
        "max_lanes": 24,
        "pivot": "",
        "chair": "",
        "keypad": {"*": "hush"},
        "bots": [],
        "separate_varieties": False,
        "mixed": False,
        "usage_cap": {},
        "guests": True,
        "waits_for_start": False,
        "speak_messages": False,
        "save_transcript": True,
    }
    ada, benito = room["participants"]
    assert (benito["role"], benito["speaks"], benito["hears"]) == ("Attendee", "es-ES", "es-ES")
    assert service.acs.rooms.rooms == {
        room["acs_room_id"]: {ada["acs_user_id"]: "Presenter", benito["acs_user_id"]: "Attendee"}
    }
    assert (await http.get(answer.headers["Location"])).json() == room


async def test_a_room_without_acs_is_created_and_joined_without_a_token(
    service: Service, http: httpx2.AsyncClient
) -> None:
    room = await create(http, media="web")
    (ada, _) = room["participants"]
    assert (room["media"], room["acs_room_id"], room["settings"]["layout"]) == ("web", None, "channels")
    assert room["chosen"]["layout"].startswith("media web")
    assert ada["acs_user_id"] == f"web:{ada['participant_id']}"
    assert (service.acs.rooms.rooms, service.acs.identity.users) == ({}, {})
    path = f"/api/rooms/{room['room_id']}"
    token = await http.post(f"{path}/participants/{ada['participant_id']}/token")
    assert (token.status_code, token.json()["error"]["code"]) == (409, "conflict")
    assert (await http.patch(path, json={"media": "acs"})).status_code == 400
    assert (await http.get(path)).json()["media"] == "web"


async def test_rooms_are_listed_page_by_page(http: httpx2.AsyncClient) -> None:
    made = [(await create(http, name=f"room {n}"))["room_id"] for n in range(5)]
    listed: list[str] = []
    cursor: str | None = None
    pages = 0
    while pages == 0 or cursor is not None:
        parameters = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await http.get("/api/rooms", params=parameters)).json()
        assert len(page["items"]) <= 2
        listed += [room["room_id"] for room in page["items"]]
        cursor = page["next_cursor"]
        pages += 1
    assert listed == made
    assert pages == 3


async def test_a_page_goes_on_where_it_was_though_rooms_are_deleted(http: httpx2.AsyncClient) -> None:
    made = [(await create(http))["room_id"] for _ in range(4)]
    first = (await http.get("/api/rooms", params={"limit": 2})).json()
    await http.delete(f"/api/rooms/{made[0]}")
    await http.delete(f"/api/rooms/{made[1]}")
    second = (await http.get("/api/rooms", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [room["room_id"] for room in second["items"]] == made[2:]
    assert second["next_cursor"] is None


async def test_a_room_is_changed_and_its_watcher_told(service: Service, http: httpx2.AsyncClient) -> None:
    room = await create(http)
    answer = await http.patch(
        f"/api/rooms/{room['room_id']}", json={"name": "Town hall", "settings": {"barge_in": "stop"}}
    )
    assert answer.status_code == 200
    changed = answer.json()
    assert (changed["name"], changed["settings"]["barge_in"], changed["version"]) == ("Town hall", "stop", 2)
    assert changed["settings"]["end_of_turn_ms"] == 500
    assert changed["participants"] == room["participants"]
    ((kind, seen),) = service.watcher.seen
    assert (kind, seen.name) == ("changed", "Town hall")


async def test_a_room_is_deleted_with_its_users(service: Service, http: httpx2.AsyncClient) -> None:
    room = await create(http)
    answer = await http.delete(f"/api/rooms/{room['room_id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert service.acs.rooms.rooms == {}
    assert service.acs.identity.users == {}
    assert (await http.get(f"/api/rooms/{room['room_id']}")).status_code == 404
    ((kind, seen),) = service.watcher.seen
    assert (kind, seen.room_id) == ("removed", room["room_id"])


# --- roster --------------------------------------------------------------------------------------


async def test_the_roster_grows_changes_and_shrinks(service: Service, http: httpx2.AsyncClient) -> None:
    room = await create(http)
    roster = f"/api/rooms/{room['room_id']}/participants"
    answer = await http.post(roster, json={"display_name": "Cleo", "speaks": "auto", "hears": "en-US"})
    assert answer.status_code == 201
    cleo = answer.json()
    in_acs = service.acs.rooms.rooms[room["acs_room_id"]]
    assert in_acs[cleo["acs_user_id"]] == "Attendee"

    changed = await http.patch(f"{roster}/{cleo['participant_id']}", json={"role": "Consumer", "speaks": "es-ES"})
    assert changed.json() == cleo | {"role": "Consumer", "speaks": "es-ES"}
    assert in_acs[cleo["acs_user_id"]] == "Consumer"

    listed = (await http.get(roster)).json()
    assert listed == {"items": [*room["participants"], changed.json()], "next_cursor": None}
    first = (await http.get(roster, params={"limit": 2})).json()
    rest = (await http.get(roster, params={"cursor": first["next_cursor"]})).json()
    assert first["items"] + rest["items"] == listed["items"]

    gone = await http.delete(f"{roster}/{cleo['participant_id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    assert cleo["acs_user_id"] not in in_acs
    assert cleo["acs_user_id"] not in service.acs.identity.users
    assert [kind for kind, _ in service.watcher.seen] == ["changed"] * 3


async def test_with_rooms_per_language_a_token_leads_to_the_language_one_hears(http: httpx2.AsyncClient) -> None:
    room = await create(http, settings={"layout": "sister"})
    assert list(room["sisters"]) == room["languages"]
    assert room["acs_room_id"] == room["sisters"][room["languages"][0]]
    for one in room["participants"]:
        answer = await http.post(f"/api/rooms/{room['room_id']}/participants/{one['participant_id']}/token")
        assert answer.json()["acs_room_id"] == room["sisters"][one["hears"]]


async def test_a_room_cannot_be_taken_apart_into_rooms_per_language_later(http: httpx2.AsyncClient) -> None:
    room = await create(http)
    assert room["sisters"] == {}
    answer = await http.patch(f"/api/rooms/{room['room_id']}", json={"settings": {"layout": "sister"}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "not_supported")
    assert answer.json()["error"]["details"][0]["field"] == "settings.layout"


async def test_a_token_is_for_calling_and_as_long_as_asked(service: Service, http: httpx2.AsyncClient) -> None:
    room = await create(http)
    ada = room["participants"][0]
    token = f"/api/rooms/{room['room_id']}/participants/{ada['participant_id']}/token"
    answer = await http.post(token)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json() == {
        "token": "a.jwt.text",
        "expires_on": "2026-11-21T08:00:00.123456Z",
        "acs_user_id": ada["acs_user_id"],
        "acs_room_id": room["acs_room_id"],
    }
    assert (await http.post(token, json={"expires_in_minutes": 60})).status_code == 200
    issued = service.acs.identity.users[ada["acs_user_id"]]
    assert [(scopes, int(length.total_seconds() / 60)) for scopes, length in issued] == [
        (["voip"], 1440),
        (["voip"], 60),
    ]
    assert (await http.post(token, json={"expires_in_minutes": 5})).status_code == 400


# --- interpreter and transcript ------------------------------------------------------------------


async def test_the_interpreter_is_told_and_says_how_it_is(service: Service, http: httpx2.AsyncClient) -> None:
    room = await create(http)
    path = f"/api/rooms/{room['room_id']}/interpreter"
    assert (await http.get(path)).json() == {
        "room_id": room["room_id"],
        "status": "idle",
        "call_connection_id": None,
        "since": None,
        "reason": None,
        "lanes": [],
        "capabilities": None,
    }
    answer = await http.post(path, json={"action": "pause"})
    assert answer.status_code == 202
    assert answer.json() == {
        "room_id": room["room_id"],
        "status": "paused",
        "call_connection_id": "conn-1",
        "since": "2026-11-20T08:00:00Z",
        "reason": "asked to",
        "lanes": [
            {
                "speaker_id": "8:acs:a", "source": "en-US", "target": "es-ES", "state": "open", "engine": "captions",
                "reason": "quota", "ear_voice_spans_ms": [900, 1100], "waiting": 2,
            },
            {
                "speaker_id": "8:acs:b", "source": "es-ES", "target": "en-US", "state": "parked", "engine": None,
                "reason": None, "ear_voice_spans_ms": None, "waiting": None,
            },
        ],
        "capabilities": {
            "deployment": "translate", "state": "offered", "reason": "", "offered": ["es"], "refused": ["pt"],
        },
    }  # fmt: skip
    assert service.interpreter.commands == [(room["room_id"], "pause")]
    assert (await http.post(path, json={"action": "sing"})).status_code == 400
    assert len(service.interpreter.commands) == 1

    service.interpreter.refusal = Conflict("nobody is in the room")
    refusal = await http.post(path, json={"action": "start"})
    assert refusal.status_code == 409
    assert refusal.json() == {"error": {"code": "conflict", "message": "nobody is in the room"}}


def said(utterance: str, language: str, text: str, at_ms: int, *, revision: int = 1) -> TranscriptLine:
    return TranscriptLine(utterance, revision, "8:acs:a", "Ada", language, text, True, at_ms, language == "en-US")


async def test_the_transcript_comes_in_four_formats(service: Service, http: httpx2.AsyncClient) -> None:
    room = await create(http)
    path = f"/api/rooms/{room['room_id']}/transcript"
    service.transcripts.kept = [
        said("u1", "en-US", "Good mor", 1_000_000, revision=1),
        said("u1", "en-US", "Good morning", 1_000_000, revision=2),
        said("u1", "es-ES", "Buenos días", 1_000_000),
    ]
    answer = (await http.get(path)).json()
    assert answer["room_id"] == room["room_id"]
    assert [(line["language"], line["text"]) for line in answer["items"]] == [
        ("en-US", "Good morning"),
        ("es-ES", "Buenos días"),
    ]
    assert set(answer["items"][0]) == {
        "utterance_id", "revision", "speaker_id", "speaker_name", "language",
        "text", "is_final", "timestamp_ms", "is_original", "duration_ms", "flags",
    }  # fmt: skip

    assert answer["passages"] == []
    service.transcripts.closed = [
        LedgerRecord("u1", "8:acs:a", "en-US", "es-ES", "abandoned", "model_timeout", 1900, 0, None, None, 0, None),
        LedgerRecord(
            "u2", "8:acs:a", "en-US", "es-ES", "spoken", "", 1900, 800, 700, 300, 0, 5.0,
            faults=("number",), strict=True, speed=1.1, engine="captions", playouts={"room": PlayoutTimes(800, 40, 0)},
        ),
    ]  # fmt: skip
    body = (await http.get(path)).json()
    passage, flagged = body["passages"]
    assert (passage["utterance_id"], passage["state"], passage["reason"]) == ("u1", "abandoned", "model_timeout")
    assert (passage["kind"], passage["faults"], passage["strict"], passage["playouts"]) == ("utterance", [], False, {})
    assert (flagged["faults"], flagged["strict"], flagged["speed"], flagged["engine"]) == (
        ["number"], True, 1.1, "captions",
    )  # fmt: skip
    assert flagged["playouts"] == {"room": {"played_ms": 800, "trimmed_ms": 40, "dropped_ms": 0}}
    TranscriptResponse.model_validate(body)

    vtt = await http.get(path, params={"format": "vtt", "language": "ES-es"})
    assert vtt.headers["content-type"] == "text/vtt; charset=utf-8"
    assert vtt.text == "WEBVTT\n\n1\n00:00:00.000 --> 00:00:01.500\n<v Ada>Buenos días\n"
    srt = await http.get(path, params={"format": "srt", "language": "en-US"})
    assert srt.headers["content-type"] == "application/x-subrip; charset=utf-8"
    assert srt.text == "1\n00:00:00,000 --> 00:00:01,500\nAda: Good morning\n"
    txt = await http.get(path, params={"format": "txt"})
    assert txt.headers["content-type"] == "text/plain; charset=utf-8"
    assert txt.text == "[00:00:00] Ada (en-US): Good morning\n[00:00:00] Ada (es-ES): Buenos días\n"


@pytest.mark.parametrize("query", [{"format": "pdf"}, {"language": "Spanish!"}])
async def test_a_transcript_nobody_can_write(http: httpx2.AsyncClient, query: dict[str, str]) -> None:
    room = await create(http)
    answer = await http.get(f"/api/rooms/{room['room_id']}/transcript", params=query)
    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == list(query)


# --- who and what is turned away -----------------------------------------------------------------

EVERY_DOOR = [
    ("POST", ""),
    ("GET", ""),
    ("GET", "/{room}"),
    ("PATCH", "/{room}"),
    ("DELETE", "/{room}"),
    ("GET", "/{room}/participants"),
    ("POST", "/{room}/participants"),
    ("PATCH", "/{room}/participants/{participant}"),
    ("DELETE", "/{room}/participants/{participant}"),
    ("POST", "/{room}/participants/{participant}/token"),
    ("GET", "/{room}/interpreter"),
    ("POST", "/{room}/interpreter"),
    ("GET", "/{room}/transcript"),
    ("GET", "/{room}/usage"),
    ("GET", "/{room}/glossary"),
    ("PUT", "/{room}/glossary"),
    ("GET", "/{room}/deletion"),
    ("POST", "/{room}/tickets"),
    ("POST", "/{room}/messages"),
]
BODIES: dict[str, Any] = {
    "/{room}/participants": {"display_name": "Cleo", "speaks": "en-US"},
    "/{room}/interpreter": {"action": "start"},
    "/{room}/tickets": {"purpose": "captions"},
    "/{room}/messages": {"text": "Good morning."},
    "/{room}/glossary": {"terms": []},
}


@pytest.mark.parametrize(("method", "path"), EVERY_DOOR)
@pytest.mark.parametrize("key", [None, "", "wrong", "s3cret ", "s3cré"])
async def test_a_stranger_is_turned_away_at_every_door(
    service: Service, http: httpx2.AsyncClient, method: str, path: str, key: str | None
) -> None:
    room = await create(http)
    where = "/api/rooms" + path.format(room=room["room_id"], participant=room["participants"][0]["participant_id"])
    headers = {} if key is None else {b"X-API-Key": key.encode()}
    async with client(service.app) as stranger:
        # Even a body that is not JSON tells a stranger nothing about itself.
        answer = await stranger.request(method, where, content=b"{", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"
    assert service.watcher.seen == []
    assert service.interpreter.commands == []
    assert list(service.acs.rooms.rooms) == [room["acs_room_id"]]


def test_every_door_is_tried_above() -> None:
    documented = {
        (method.upper(), path.removeprefix("/api/rooms"))
        for path, operations in Service().app.openapi()["paths"].items()
        for method in operations
    }
    tried = {(m, p.format(room="{room_id}", participant="{participant_id}")) for m, p in EVERY_DOOR}
    assert documented == tried


def test_every_door_says_what_it_asks_for() -> None:
    for operations in Service().app.openapi()["paths"].values():
        for operation in operations.values():
            assert operation["security"] == [{"APIKeyHeader": []}, {"HTTPBearer": []}]
            assert {"400", "401", "403", "429", "503"} <= set(operation["responses"])


LOOKED_UP_BY_THE_HUB = "/{room}/messages"
"""tests/bot/listening/test_typed_messages.py tries it with a room that does not exist."""


@pytest.mark.parametrize(("method", "path"), [one for one in EVERY_DOOR if one[1] and one[1] != LOOKED_UP_BY_THE_HUB])
async def test_what_does_not_exist(http: httpx2.AsyncClient, method: str, path: str) -> None:
    where = "/api/rooms" + path.format(room="room-0", participant="participant-0")
    answer = await http.request(
        method, where, json=BODIES.get(path, {}) if method in ("POST", "PATCH", "PUT") else None
    )
    assert answer.status_code == 404
    message = "no room of this id was deleted" if path.endswith("deletion") else "no such room"
    assert answer.json() == {"error": {"code": "not_found", "message": message}}


async def test_a_participant_that_does_not_exist(http: httpx2.AsyncClient) -> None:
    room = await create(http)
    where = f"/api/rooms/{room['room_id']}/participants/participant-0"
    for answer in (
        await http.patch(where, json={"role": "Consumer"}),
        await http.delete(where),
        await http.post(f"{where}/token"),
    ):
        assert answer.status_code == 404
        assert answer.json()["error"]["message"] == "no such participant"


def roster_of_one(**entry: Any) -> dict[str, Any]:
    return {"participants": [{"display_name": "Ada"} | entry]}


def validity(valid_from: str, valid_until: str) -> dict[str, Any]:
    return {"valid_from": f"{valid_from}T00:00:00Z", "valid_until": f"{valid_until}T00:00:00Z"}


async def test_a_room_may_have_many_languages_and_be_interpreted_simultaneously(http: httpx2.AsyncClient) -> None:
    wanted = {"languages": ["en-US", "es-ES", "es-MX", "zh-Hans", "zh-Hant"], "mode": "simultaneous"}
    answer = await http.post("/api/rooms", json=NEW_ROOM | wanted)
    assert answer.status_code == 201
    assert wanted.items() <= answer.json().items()


async def test_mode_and_layout_follow_from_the_languages_and_the_answer_says_why(http: httpx2.AsyncClient) -> None:
    three = {"languages": ["en-US", "es-ES", "fr-FR"], "name": "Assembly"}
    room = (await http.post("/api/rooms", json=three)).json()
    assert (room["mode"], room["settings"]["layout"], set(room["sisters"])) == (
        "simultaneous",
        "sister",
        set(three["languages"]),
    )
    assert room["chosen"]["layout"] == "3 languages: interpretations would fall behind in one room, so each has a room"
    path = f"/api/rooms/{room['room_id']}"
    changed = (await http.patch(path, json={"mode": "consecutive"})).json()
    assert (changed["mode"], set(changed["chosen"])) == ("consecutive", {"layout"})
    assert (await http.get(path)).json() == changed
    two = (await http.post("/api/rooms", json=three | {"languages": ["en-US", "es-ES"]})).json()
    assert (two["mode"], two["settings"]["layout"], set(two["chosen"])) == ("consecutive", "shared", {"mode", "layout"})


async def test_a_cap_is_given_as_a_whole_and_taken_away(http: httpx2.AsyncClient) -> None:
    path = f"/api/rooms/{(await http.post('/api/rooms', json=NEW_ROOM)).json()['room_id']}"
    for cap in ({"money": 5.0, "minutes": 90.0}, {"tokens": 1000}, {}):
        changed = await http.patch(path, json={"settings": {"usage_cap": cap}})
        assert changed.json()["settings"]["usage_cap"] == cap
        unrelated = await http.patch(path, json={"settings": {"max_lanes": 3}})
        assert unrelated.json()["settings"]["usage_cap"] == cap


async def test_bots_are_named_among_the_roster(http: httpx2.AsyncClient) -> None:
    room = (await http.post("/api/rooms", json=NEW_ROOM)).json()
    path, bots = f"/api/rooms/{room['room_id']}", [room["participants"][1]["participant_id"]]
    changed = (await http.patch(path, json={"settings": {"bots": bots, "mixed": True}})).json()
    assert (changed["settings"]["bots"], changed["settings"]["mixed"]) == (bots, True)
    assert (await http.patch(path, json={"settings": {"bots": ["somebody"]}})).status_code == 400
    assert (await http.patch(path, json={"settings": {"bots": []}})).json()["settings"]["bots"] == []


async def test_one_of_the_roster_may_have_the_chair(http: httpx2.AsyncClient) -> None:
    room = (await http.post("/api/rooms", json=NEW_ROOM)).json()
    chair = room["participants"][1]["participant_id"]
    path, settings = f"/api/rooms/{room['room_id']}", {"chair": chair, "keypad": {"#": "pause"}, "announcement": True}
    changed = (await http.patch(path, json={"settings": settings})).json()
    assert settings.items() <= changed["settings"].items()
    refused = await http.patch(path, json={"settings": {"chair": "somebody"}})
    assert refused.json()["error"]["details"][0]["field"] == "settings.chair"
    assert (await http.patch(path, json={"settings": {"chair": ""}})).json()["settings"]["chair"] == ""


BAD = "invalid_request"
WRONG_ROOMS: list[tuple[dict[str, Any], str, str]] = [
    ({"name": ""}, BAD, "name"),
    ({"name": "x" * 257}, BAD, "name"),
    ({"languages": ["en-US"]}, BAD, "languages"),
    ({"languages": ["en-US", "es_ES"]}, BAD, "languages.1"),
    ({"languages": ["en-US", "en-GB"]}, BAD, "languages"),
    ({"languages": ["en-US", "es-ES", "en-us"]}, BAD, "languages"),
    ({"settings": {"chair": "participant_1"}}, BAD, "settings.chair"),
    ({"settings": {"keypad": {"x": "hush"}}}, BAD, "settings.keypad.x.[key]"),
    ({"settings": {"bots": ["participant_1"]}}, BAD, "settings.bots"),
    ({"settings": {"max_lanes": 0}}, BAD, "settings.max_lanes"),
    ({"settings": {"usage_cap": {"tokens": -1}}}, BAD, "settings.usage_cap.tokens"),
    ({"settings": {"usage_cap": {"hours": 1}}}, BAD, "settings.usage_cap.hours"),
    ({"settings": {"pivot": "english"}}, BAD, "settings.pivot"),
    ({"mode": "dubbed"}, BAD, "mode"),
    (roster_of_one(hears="en-US", role="Boss"), BAD, "participants.0.role"),
    (roster_of_one(speaks="fr-FR"), BAD, "participants.0.speaks"),
    (roster_of_one(hears="fr-FR"), BAD, "participants.0.hears"),
    (roster_of_one(), BAD, "participants.0.hears"),
    ({"participants": [{"display_name": "Ada", "speaks": "en-US"}] * 351}, BAD, "participants"),
    ({"valid_from": "2026-11-20T08:00:00"}, BAD, "valid_from"),
    ({"valid_until": "2020-01-01T00:00:00Z"}, BAD, "valid_until"),
    (validity("2099-01-02", "2099-01-01"), BAD, "valid_until"),
    (validity("2099-01-01", "2099-07-01"), BAD, "valid_until"),
    ({"settings": {"end_of_turn_ms": 5}}, BAD, "settings.end_of_turn_ms"),
    ({"settings": {"long_speech_ms": 10_000}}, BAD, "settings"),
    ({"settings": {"barge_in": "maybe"}}, BAD, "settings.barge_in"),
    ({"media": "phone"}, BAD, "media"),
    ({"media": "web", "settings": {"layout": "sister"}}, "not_supported", "settings.layout"),
    ({"media": "web", "settings": {"mixed": True}}, "not_supported", "settings.mixed"),
    ({"bargein": "stop"}, BAD, "bargein"),
]


@pytest.mark.parametrize(("change", "code", "field"), WRONG_ROOMS, ids=lambda value: str(value)[:40])
async def test_a_room_that_cannot_be(
    service: Service, http: httpx2.AsyncClient, change: dict[str, Any], code: str, field: str
) -> None:
    """Refused with the field and a reason, in plain words, before anything exists in ACS."""
    answer = await http.post("/api/rooms", json=NEW_ROOM | change)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == code
    assert field in [detail["field"] for detail in error["details"]]
    assert all(set(detail) == {"field", "reason"} and detail["reason"] for detail in error["details"])
    assert "pydantic" not in answer.text
    assert service.acs.identity.users == {}


HUGE = [
    "1e999",
    "-1e999",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e300",
    "9007199254740992",
    "1" + "0" * 400,
    '"1e999"',
    '"NaN"',
]
NUMBERS = [
    '{"settings":{"usage_cap":{"money":%s}}}',
    '{"settings":{"usage_cap":{"tokens":%s}}}',
    '{"settings":{"usage_cap":{"minutes":%s}}}',
    '{"settings":{"end_of_turn_ms":%s}}',
    '{"settings":{"max_lanes":%s}}',
    '{"retention_days":%s}',
    '{"name":%s}',
    '{"valid_until":%s}',
    '{"settings":{"bots":[%s]}}',
]


@pytest.mark.parametrize("body", NUMBERS)
@pytest.mark.parametrize("number", HUGE)
async def test_a_number_that_nothing_can_store_is_refused(
    service: Service, http: httpx2.AsyncClient, body: str, number: str
) -> None:
    path = f"/api/rooms/{(await create(http))['room_id']}"
    before = (await http.get(path)).json()
    answer = await http.patch(path, content=body % number)
    if number.startswith('"'):  # a text, which may be the name
        assert answer.status_code in (200, 400, 422)
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")
        assert answer.json()["error"]["details"][0]["reason"]
        assert (await http.get(path)).json() == before
    assert (await http.get("/api/rooms")).status_code == 200


@pytest.mark.parametrize("written", ["Ada\u202e\0\n Lovelace\u200b", "\u200b Ada \r\n\r\nLovelace"])
async def test_a_name_is_one_line_of_what_can_be_seen(http: httpx2.AsyncClient, written: str) -> None:
    room = await create(http, name=written, participants=[{"display_name": written, "speaks": "en-US"}])
    assert (room["name"], room["participants"][0]["display_name"]) == ("Ada Lovelace", "Ada Lovelace")
    participant = f"/api/rooms/{room['room_id']}/participants/{room['participants'][0]['participant_id']}"
    refused = await http.patch(participant, json={"display_name": "\u200b\u202e"})
    assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (400, "display_name")


async def test_nobody_is_added_to_an_expired_room_and_no_interpreter_starts_in_it(
    service: Service, http: httpx2.AsyncClient
) -> None:
    room = await create(http)
    path, over = f"/api/rooms/{room['room_id']}", datetime(2020, 1, 1, tzinfo=UTC)
    await service.store.update(room["room_id"], lambda room: replace(room, valid_from=over, valid_until=over))
    added = await http.post(f"{path}/participants", json={"display_name": "Cleo", "speaks": "en-US"})
    started = await http.post(f"{path}/interpreter", json={"action": "start"})
    for answer in (added, started):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert (await http.post(f"{path}/interpreter", json={"action": "stop"})).status_code == 202
    assert [action for _, action in service.interpreter.commands] == ["stop"]
    assert len(service.acs.identity.users) == 2


@pytest.mark.parametrize("number", ["15551234567", "+0155512345", "+1", "+1555123456789012", "+1 555 123", "+١٢٣٤٥"])
async def test_a_phone_number_is_of_the_form_that_acs_knows(http: httpx2.AsyncClient, number: str) -> None:
    room = await create(http)
    new = {"display_name": "Dora", "speaks": "es-ES", "phone_number": number}
    answer = await http.post(f"/api/rooms/{room['room_id']}/participants", json=new)
    assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, "phone_number")
    assert [one["phone_number"] for one in room["participants"]] == [None, None]


async def test_a_time_out_of_reach_is_refused(http: httpx2.AsyncClient) -> None:
    for moment in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "3000-01-01T00:00:00Z"):
        answer = await http.post("/api/rooms", json=NEW_ROOM | {"valid_from": moment})
        assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, "valid_from")


async def test_180_days_are_allowed(http: httpx2.AsyncClient) -> None:
    room = await create(http, valid_from="2099-01-01T00:00:00Z", valid_until="2099-06-30T00:00:00Z")
    assert room["valid_until"] == "2099-06-30T00:00:00Z"


async def test_languages_that_somebody_still_speaks_stay(http: httpx2.AsyncClient) -> None:
    room = await create(http)
    answer = await http.patch(f"/api/rooms/{room['room_id']}", json={"languages": ["en-US", "fr-FR"]})
    benito = room["participants"][1]["participant_id"]
    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [
        f"participants.{benito}.speaks",
        f"participants.{benito}.hears",
    ]


async def test_validity_is_changed_in_acs_too(service: Service, http: httpx2.AsyncClient) -> None:
    room = await create(http)
    until = datetime(2027, 1, 1, tzinfo=UTC)
    answer = await http.patch(f"/api/rooms/{room['room_id']}", json={"valid_until": until.isoformat()})
    assert answer.json()["valid_until"] == "2027-01-01T00:00:00Z"
    assert service.acs.rooms.validity[room["acs_room_id"]][1] == until


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is not JSON"),
        (b"", "fields of the request are not valid"),
        (b"[]", "fields of the request are not valid"),
        (b'"\xff"', "the body cannot be read"),
        (b"[" * 100_000, "the body cannot be read"),
    ],
)
async def test_a_body_that_is_no_request(http: httpx2.AsyncClient, body: bytes, message: str) -> None:
    answer = await http.post("/api/rooms", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"
    assert answer.json()["error"]["message"] == message


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_a_body_that_is_too_large(http: httpx2.AsyncClient) -> None:
    """Whether it says so beforehand or not, and at a door that wants none as well."""
    announced = await http.post("/api/rooms", content=b" " * (BODY_LIMIT + 1))
    creeping = await http.post("/api/rooms", content=chunks(b" " * BODY_LIMIT, b" "))
    beside_the_point = await http.request("GET", "/api/rooms", content=b" " * (BODY_LIMIT + 1))
    for answer in (announced, creeping, beside_the_point):
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "payload_too_large"


async def test_a_body_that_never_comes(service: Service) -> None:
    """A client that sends its headers and then nothing is let go of."""
    sent: list[Any] = []
    never = asyncio.Event()

    async def receive() -> Any:
        await never.wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await service.app(asgi_scope("POST", "/api/rooms", [(b"x-api-key", b"s3cret")]), receive, send)
    assert sent[0]["status"] == 408
    assert b"request_timeout" in sent[1]["body"]


async def test_a_body_that_is_cut_off(service: Service) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await service.app(asgi_scope("POST", "/api/rooms", [(b"x-api-key", b"s3cret")]), receive, send)
    assert sent[0]["status"] == 400


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 201}, {"cursor": "no!"}, {"cursor": "_w"}])
async def test_a_page_nobody_can_turn_to(http: httpx2.AsyncClient, query: dict[str, Any]) -> None:
    answer = await http.get("/api/rooms", params=query)
    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == list(query)


async def test_an_error_of_acs_says_when_to_come_back(service: Service, http: httpx2.AsyncClient) -> None:
    service.acs.rooms.fail("create_room", refused(429, Retry_After="7"))
    answer = await http.post("/api/rooms", json=NEW_ROOM)
    assert answer.status_code == 503
    assert answer.json() == {"error": {"code": "acs_unavailable", "message": "ACS is busy", "retry_after_ms": 7000}}
    assert service.acs.identity.users == {}


async def test_an_http_error_that_is_not_ours_passes_through(service: Service, http: httpx2.AsyncClient) -> None:
    """Only FastAPI's complaint about a body is put into our words."""
    room = await create(http)
    service.interpreter.refusal = HTTPException(429)
    answer = await http.post(f"/api/rooms/{room['room_id']}/interpreter", json={"action": "start"})
    assert answer.status_code == 429
