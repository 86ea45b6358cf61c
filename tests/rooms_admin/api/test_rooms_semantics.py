"""What makes the REST API safe to automate: repeated requests, versions, rates, roles, lists that can be searched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from http_serving.rate_limiter import TokenBuckets
from rooms_admin.api import RequestLimits
from rooms_admin.api.pagination import write_cursor
from rooms_admin.auth.api_keys import AdminRole, Caller
from rooms_admin.stores.sqlite.idempotency import SqliteIdempotency
from rooms_admin.stores.sqlite.migrations import MIGRATIONS
from rooms_admin.transcripts.records import LedgerRecord
from rooms_admin.transcripts.usage import Prices
from storage.sqlite import IN_MEMORY, SqliteDatabase
from tests.support.acs_fakes import refused
from tests.support.rooms_api import NEW_ROOM, Service, create
from tests.support.webhook_serving import client


async def built(*options: Any, **guard: Any) -> Service:
    """In a thread: FastAPI reads source files to describe the routes."""
    return await asyncio.to_thread(Service, *options, **guard)


class Repeating:
    """The service, with answers kept for repeated requests."""

    def __init__(self, database: SqliteDatabase, service: Service) -> None:
        self.database = database
        self.service = service

    async def post(self, path: str, body: Any, key: str | None = "k-1") -> httpx2.Response:
        async with client(self.service.app, x_api_key="s3cret") as http:
            return await http.post(path, json=body, headers={} if key is None else {"Idempotency-Key": key})


@pytest.fixture
async def repeating() -> AsyncIterator[Repeating]:
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        yield Repeating(database, await built(idempotency=SqliteIdempotency(database)))


# --- repeated requests -------------------------------------------------------------------------------


async def test_a_room_created_twice_with_one_key_is_one_room(repeating: Repeating) -> None:
    first, second = [await repeating.post("/api/rooms", NEW_ROOM) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert first.headers["Location"] == second.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len(repeating.service.acs.rooms.rooms) == 1
    assert (await repeating.post("/api/rooms", NEW_ROOM, key="k-2")).json() != first.json()
    assert (await repeating.post("/api/rooms", NEW_ROOM, key=None)).json() != first.json()


async def test_a_key_used_for_another_body_is_a_conflict(repeating: Repeating) -> None:
    await repeating.post("/api/rooms", NEW_ROOM)
    answer = await repeating.post("/api/rooms", NEW_ROOM | {"name": "another"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_key_reused")


async def test_a_failed_request_is_carried_out_when_repeated(repeating: Repeating) -> None:
    repeating.service.acs.rooms.fail("create_room", refused(503))
    assert (await repeating.post("/api/rooms", NEW_ROOM)).status_code == 503
    assert (await repeating.post("/api/rooms", NEW_ROOM | {"languages": ["en-US"]})).status_code == 400
    assert (await repeating.post("/api/rooms", NEW_ROOM)).status_code == 201
    assert len(repeating.service.acs.rooms.rooms) == 1


async def test_two_at_once_with_one_key_make_one_room(repeating: Repeating) -> None:
    answers = await asyncio.gather(*(repeating.post("/api/rooms", NEW_ROOM) for _ in range(3)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 201
    assert set(statuses) <= {201, 409}
    assert len(repeating.service.acs.rooms.rooms) == 1


async def test_a_creation_cut_short_after_the_room_was_made_is_finished_by_repeating_it(
    repeating: Repeating, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a killed process leaves it: the room is there, the answer was never given."""
    with monkeypatch.context() as dying:

        async def die(*_: object) -> None:
            raise OSError("killed")

        dying.setattr(SqliteIdempotency, "keep", die)
        with pytest.raises(OSError, match="killed"):
            await repeating.post("/api/rooms", NEW_ROOM)
    assert len(repeating.service.acs.rooms.rooms) == 1
    # The process after it: another owner of claims, the same rooms.
    repeating.service = await built(before=repeating.service, idempotency=SqliteIdempotency(repeating.database))
    answer = await repeating.post("/api/rooms", NEW_ROOM)
    assert answer.status_code == 201
    assert list(repeating.service.acs.rooms.rooms) == [answer.json()["acs_room_id"]]


async def test_secrets_are_never_kept_for_repetition(repeating: Repeating) -> None:
    room = (await repeating.post("/api/rooms", NEW_ROOM)).json()
    token = f"/api/rooms/{room['room_id']}/participants/{room['participants'][0]['participant_id']}/token"
    for path, body in ((token, {}), (f"/api/rooms/{room['room_id']}/tickets", {"purpose": "captions"})):
        answers = [await repeating.post(path, body, key="k-2") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert "Idempotency-Replayed" not in answers[1].headers
    kept = await repeating.database.read(lambda connection: connection.execute("SELECT key FROM answers").fetchall())
    assert kept == [("k-1",)]


@pytest.mark.parametrize("key", ["", "with blanks", "x" * 256])
async def test_a_key_that_is_none(repeating: Repeating, key: str) -> None:
    answer = await repeating.post("/api/rooms", NEW_ROOM, key=key)
    assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, "Idempotency-Key")


async def test_a_participant_is_added_once(repeating: Repeating) -> None:
    room = (await repeating.post("/api/rooms", NEW_ROOM)).json()
    path = f"/api/rooms/{room['room_id']}/participants"
    first, second = [await repeating.post(path, {"display_name": "Cleo", "speaks": "en-US"}, "k-2") for _ in range(2)]
    assert first.json() == second.json()
    assert len(repeating.service.acs.rooms.rooms[room["acs_room_id"]]) == 3


async def test_an_addition_cut_short_after_it_was_made_is_finished_by_repeating_it(
    repeating: Repeating, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = (await repeating.post("/api/rooms", NEW_ROOM, key=None)).json()
    path, cleo = f"/api/rooms/{room['room_id']}/participants", {"display_name": "Cleo", "speaks": "en-US"}
    with monkeypatch.context() as dying:

        async def die(*_: object) -> None:
            raise OSError("killed")

        dying.setattr(SqliteIdempotency, "keep", die)
        with pytest.raises(OSError, match="killed"):
            await repeating.post(path, cleo)
    repeating.service = await built(before=repeating.service, idempotency=SqliteIdempotency(repeating.database))
    first, second = [await repeating.post(path, cleo) for _ in range(2)]
    assert (first.status_code, second.json()) == (201, first.json())
    assert (await repeating.post(path, cleo, key="k-2")).json() != first.json()
    assert len(repeating.service.acs.rooms.rooms[room["acs_room_id"]]) == 4
    assert "request_key" not in first.json()


# --- versions ------------------------------------------------------------------------------------------


async def test_a_change_meant_for_an_older_version_is_refused(service: Service, http: httpx2.AsyncClient) -> None:
    room = await create(http)
    path = f"/api/rooms/{room['room_id']}"
    benito = f"{path}/participants/{room['participants'][1]['participant_id']}"
    seen = (await http.get(path)).headers["ETag"]
    assert seen == '"1"'
    changed = await http.patch(path, json={"name": "Town hall"}, headers={"If-Match": seen})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    for answer in (
        await http.patch(path, json={"name": "Other"}, headers={"If-Match": seen}),
        await http.patch(path, json={"valid_until": "2027-01-01T00:00:00Z"}, headers={"If-Match": seen}),
        await http.patch(benito, json={"role": "Presenter"}, headers={"If-Match": seen}),
        await http.delete(benito, headers={"If-Match": seen}),
        await http.delete(path, headers={"If-Match": seen}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (412, "precondition_failed")
    now = (await http.get(path)).json()
    assert (now["name"], now["version"], len(now["participants"])) == ("Town hall", 2, 2)
    assert set(service.acs.rooms.rooms[room["acs_room_id"]].values()) == {"Presenter", "Attendee"}
    assert (await http.delete(path, headers={"If-Match": '"2"'})).status_code == 204


async def test_what_has_not_changed_is_not_sent_again(http: httpx2.AsyncClient) -> None:
    path = f"/api/rooms/{(await create(http))['room_id']}"
    for where, tag in ((path, '"1"'), (f"{path}/glossary", '"0"')):
        answer = await http.get(where, headers={"If-None-Match": tag})
        assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
        assert (await http.get(where, headers={"If-None-Match": '"9"'})).status_code == 200


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_what_is_no_version(http: httpx2.AsyncClient, method: str) -> None:
    path = f"/api/rooms/{(await create(http))['room_id']}"
    answer = await http.request(method, path, json={} if method == "PATCH" else None, headers={"If-Match": "2"})
    assert answer.status_code == 400


# --- who may, and how often ------------------------------------------------------------------------------


async def known_as(*roles: AdminRole) -> Service:
    async def authorise(_: object) -> Caller:
        return Caller("somebody", frozenset(roles))

    return await built(authorise=authorise)


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ((), [403, 403, 403, 403]),
        (("Rooms.Read",), [404, 403, 403, 200]),
        (("Rooms.Manage",), [404, 404, 403, 200]),
        (("Interpreter.Control",), [404, 403, 404, 200]),
    ],
)
async def test_roles_open_doors(roles: tuple[AdminRole, ...], expected: list[int]) -> None:
    async with client((await known_as(*roles)).app) as http:
        answers = [
            await http.get("/api/rooms/room-0"),
            await http.patch("/api/rooms/room-0", json={}),
            await http.post("/api/rooms/room-0/interpreter", json={"action": "start"}),
            await http.get("/api/rooms"),
        ]
    assert [answer.status_code for answer in answers] == expected


async def test_too_many_requests_are_told_when_to_come_back() -> None:
    now = [0.0]
    buckets = [TokenBuckets(rate, 2.0, lambda: now[0]) for rate in (1.0, 0.5, 1.0)]
    service = await built(limits=RequestLimits(*buckets))
    async with client(service.app, x_api_key="s3cret") as http:
        assert [(await http.get("/api/rooms")).status_code for _ in range(3)] == [200, 200, 429]
        changes = [await http.patch("/api/rooms/room-0", json={}) for _ in range(3)]
        assert [answer.status_code for answer in changes] == [404, 404, 429]
        assert changes[2].json()["error"] == {
            "code": "rate_limited", "message": "too many requests", "retry_after_ms": 2000,
        }  # fmt: skip
        now[0] = 1.0
        assert (await http.get("/api/rooms")).status_code == 200
    async with client(service.app, x_api_key="wrong") as stranger:
        assert [(await stranger.get("/api/rooms")).status_code for _ in range(3)] == [401, 401, 429]
    async with client(service.app, x_api_key="s3cret") as http:
        now[0] = 2.0
        assert (await http.get("/api/rooms")).status_code == 200, "a stranger takes nothing from the others"


async def test_every_change_leaves_an_audit_line(http: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rooms_admin.audit")
    room_id = (await create(http))["room_id"]
    await http.get(f"/api/rooms/{room_id}")
    await http.patch(f"/api/rooms/{room_id}", json={"name": "secret plans"})
    await http.patch(f"/api/rooms/{room_id}", json={"name": ""})
    await http.delete("/api/rooms/room-0")
    told = [vars(record) for record in caplog.records if record.name == "rooms_admin.audit"]
    lines = [(one["caller"], one["method"], one["room_id"], one["outcome"]) for one in told]
    assert lines == [
        ("ops", "POST", room_id, 201),
        ("ops", "PATCH", room_id, 200),
        ("ops", "PATCH", room_id, "invalid_request"),
        ("ops", "DELETE", "room-0", "not_found"),
    ]
    assert "secret plans" not in caplog.text


# --- lists -----------------------------------------------------------------------------------------------


async def test_rooms_are_searched_and_sorted(http: httpx2.AsyncClient) -> None:
    for name in ("beta", "Alpha", "gamma"):
        await create(http, name=name)

    async def names(**query: Any) -> list[str]:
        answer = await http.get("/api/rooms", params=query)
        assert answer.status_code == 200, answer.text
        return [room["name"] for room in answer.json()["items"]]

    assert await names(sort="name") == ["Alpha", "beta", "gamma"]
    assert await names(sort="-created_at") == ["gamma", "Alpha", "beta"]
    assert await names(name="ALP") == ["Alpha"]
    assert await names(language="EN-us", validity="open", mode="consecutive") == ["beta", "Alpha", "gamma"]
    assert await names(language="fr-FR") == await names(validity="expired") == []
    first = (await http.get("/api/rooms", params={"sort": "-name", "limit": 1})).json()
    rest = await names(sort="-name", cursor=first["next_cursor"])
    assert rest == ["beta", "Alpha"]
    other = await http.get("/api/rooms", params={"sort": "name", "cursor": first["next_cursor"]})
    assert other.status_code == 400


@pytest.mark.parametrize("key", ["²" * 15, "1" * 14, "1" * 16, "-" + "1" * 14, "٣" * 15, "1" * 14 + "\n", ""])
async def test_a_cursor_with_a_place_that_is_none_is_refused(http: httpx2.AsyncClient, key: str) -> None:
    cursor = write_cursor("valid_until", (key, "room-1"))
    answer = await http.get("/api/rooms", params={"sort": "valid_until", "cursor": cursor})
    assert (answer.status_code, answer.json()["error"]["details"][0]["field"]) == (400, "cursor")


# --- glossary, tickets, usage, deletion ---------------------------------------------------------------------


async def test_a_glossary_is_versioned_and_reaches_the_running_call(service: Service, http: httpx2.AsyncClient) -> None:
    path = f"/api/rooms/{(await create(http))['room_id']}/glossary"
    assert (await http.get(path)).json() == {"version": 0, "terms": []}
    first = {"terms": [{"term": "Contoso", "translations": {}}, {"term": "booth", "translations": {"es-ES": "cabina"}}]}
    answer = await http.put(path, json=first, headers={"If-Match": '"0"'})
    assert (answer.status_code, answer.json(), answer.headers["ETag"]) == (200, {"version": 1} | first, '"1"')
    assert (await http.put(path, json=first)).json()["version"] == 1, "the same again is no new version"
    assert (await http.put(path, json={"terms": []}, headers={"If-Match": '"0"'})).status_code == 412
    assert (await http.put(path, json={"terms": []})).json() == {"version": 2, "terms": []}
    assert (await http.get(path, params={"version": 1})).json() == {"version": 1} | first
    assert (await http.get(path, params={"version": 3})).status_code == 404
    assert [len(room.glossary.terms) for _, room in service.watcher.seen] == [2, 0]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ([{"term": ""}], "terms.0.term"),
        ([{"term": "x" * 101}], "terms.0.term"),
        ([{"term": "two\nlines"}], "terms.0.term"),
        ([{"term": "a"}, {"term": "A"}], "terms.1.term"),
        ([{"term": "a", "translations": {"fr-FR": "b"}}], "terms.0.translations.fr-FR"),
        ([{"term": "a", "translations": {"es-ES": "b\x00"}}], "terms.0.translations.es-ES"),
    ],
)
async def test_a_glossary_that_cannot_be(http: httpx2.AsyncClient, terms: list[Any], field: str) -> None:
    path = f"/api/rooms/{(await create(http))['room_id']}/glossary"
    answer = await http.put(path, json={"terms": terms})
    assert answer.status_code == 400
    assert field in [detail["field"] for detail in answer.json()["error"]["details"]]
    assert (await http.get(path)).json()["version"] == 0


async def test_a_ticket_is_issued_for_what_the_room_has(http: httpx2.AsyncClient) -> None:
    room = await create(http)
    path, ada = f"/api/rooms/{room['room_id']}/tickets", room["participants"][0]["participant_id"]
    answer = await http.post(path, json={"purpose": "speak", "language": "ES-es", "participant_id": ada})
    assert answer.status_code == 200
    assert answer.json() == {
        "ticket": f"speak/{room['room_id']}/es-ES/{ada}", "expires_on": "2026-11-20T08:15:00Z",
    }  # fmt: skip
    assert answer.headers["Cache-Control"] == "no-store"
    for wrong, field in (
        ({"purpose": "everything"}, "purpose"),
        ({"purpose": "captions", "language": "fr-FR"}, "language"),
        ({"purpose": "captions", "participant_id": "participant-0"}, "participant_id"),
        ({"purpose": "speak"}, "participant_id"),
    ):
        refusal = await http.post(path, json=wrong)
        assert refusal.status_code == 400
        assert [detail["field"] for detail in refusal.json()["error"]["details"]] == [field]


async def test_usage_is_told_by_lane_and_in_all(service: Service, http: httpx2.AsyncClient) -> None:
    path = f"/api/rooms/{(await create(http))['room_id']}/usage"
    empty = (await http.get(path)).json()
    assert (empty["lanes"], empty["tokens"], empty["cost"], empty["currency"]) == ([], {}, None, None)
    service.transcripts.closed = used()
    usage = (await http.get(path)).json()
    assert [(lane["target"], lane["spoken_minutes"], lane["cost"]) for lane in usage["lanes"]] == [
        ("es-ES", 0.5, None),
        ("en-US", 0.25, None),
    ]
    assert (usage["spoken_minutes"], usage["interpreted_minutes"]) == (0.75, 0.4)
    assert usage["tokens"] == {"input_audio": 300_000}


def used() -> list[LedgerRecord]:
    return [
        LedgerRecord(
            "u1", "8:acs:a", "en-US", "es-ES", "spoken", "", 30_000, 24_000, 9, 9, 0, 1.0, {"input_audio": 200_000}
        ),
        LedgerRecord(
            "u2", "8:acs:b", "es-ES", "en-US", "spoken", "", 15_000, 0, 9, 9, 0, 1.0, {"input_audio": 100_000}
        ),
    ]


async def test_with_a_price_table_usage_is_money() -> None:
    service = await built(Prices("EUR", {"input_audio": 30.0}))
    service.transcripts.closed = used()
    async with client(service.app, x_api_key="s3cret") as http:
        usage = (await http.get(f"/api/rooms/{(await create(http))['room_id']}/usage")).json()
    assert (usage["currency"], usage["cost"], [lane["cost"] for lane in usage["lanes"]]) == ("EUR", 9.0, [6.0, 3.0])


async def test_a_deletion_is_proved(http: httpx2.AsyncClient) -> None:
    room = await create(http)
    gone = await http.delete(f"/api/rooms/{room['room_id']}")
    proof = (await http.get(gone.headers["Location"])).json()
    assert proof["room_id"] == room["room_id"]
    assert (proof["removed"]["rooms"], proof["removed"]["participants"]) == (1, 2)
    assert set(proof["left"].values()) == {0}


async def test_retention_is_the_rooms_own_if_it_says_so(http: httpx2.AsyncClient) -> None:
    assert (await create(http))["retention_days"] is None
    room = await create(http, retention_days=7)
    assert room["retention_days"] == 7
    changed = await http.patch(f"/api/rooms/{room['room_id']}", json={"retention_days": 90})
    assert changed.json()["retention_days"] == 90
    assert (await http.post("/api/rooms", json=NEW_ROOM | {"retention_days": 0})).status_code == 400
