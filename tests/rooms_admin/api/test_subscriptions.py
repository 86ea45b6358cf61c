"""Integrators' routes: who may subscribe, to what, and what they see of it."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from http_serving.errors import ServiceError
from rooms_admin.api import RequestGuard, subscription_routes
from rooms_admin.auth.api_keys import ApiKeys
from rooms_admin.integrations.subscriptions import OutgoingEvent, SubscriptionStore
from rooms_admin.integrations.targets import WebhookTargets
from rooms_admin.rooms.room import milliseconds
from rooms_admin.rooms.service import RoomService
from rooms_admin.stores.sqlite.migrations import MIGRATIONS
from rooms_admin.stores.sqlite.rooms import SqliteRooms
from rooms_admin.stores.sqlite.subscriptions import SqliteSubscriptions
from storage.sqlite import IN_MEMORY, SqliteDatabase
from tests.support.acs_fakes import FakeAcs
from tests.support.rooms import NOW, room
from tests.support.webhook_serving import application, client

NEW = {"url": "https://contoso.com/hook", "events": ["room.live"]}


class Service:
    def __init__(self, database: SqliteDatabase, subscriptions: SubscriptionStore) -> None:
        self.subscriptions = subscriptions
        rooms = RoomService(SqliteRooms(database), FakeAcs().acs)
        self.app = application(
            subscription_routes(
                subscriptions,
                WebhookTargets([ipaddress.IPv4Network("127.0.0.1/32")]),
                rooms,
                RequestGuard(ApiKeys({"ops": "s3cret"})),
            ),
            ServiceError,
        )


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        await SqliteRooms(database).add(room(1))
        yield await asyncio.to_thread(Service, database, SqliteSubscriptions(database))


@pytest.fixture
async def http(service: Service) -> AsyncIterator[httpx2.AsyncClient]:
    async with client(service.app, x_api_key="s3cret") as http:
        yield http


async def test_a_subscription_from_its_beginning_to_its_end(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/api/subscriptions", json=NEW | {"room_id": "room-1"})
    made = answer.json()
    assert answer.status_code == 201
    assert made["secret"].startswith("whsec_")
    assert answer.headers["Cache-Control"] == "no-store"
    shown = {name: value for name, value in made.items() if name != "secret"}
    assert (await http.get(answer.headers["Location"])).json() == shown, "the secret is shown once"
    assert (await http.get("/api/subscriptions")).json() == {"items": [shown], "next_cursor": None}
    assert (await http.delete(answer.headers["Location"])).status_code == 204
    for again in (await http.get(answer.headers["Location"]), await http.delete(answer.headers["Location"])):
        assert again.status_code == 404


async def test_what_was_sent_is_shown_page_by_page(service: Service, http: httpx2.AsyncClient) -> None:
    path = (await http.post("/api/subscriptions", json=NEW)).headers["Location"] + "/deliveries"
    events = [
        OutgoingEvent("room.live", "room-1", milliseconds(NOW) + number, {"words": "secret"}) for number in range(3)
    ]
    await service.subscriptions.enqueue(events)
    first = (await http.get(path, params={"limit": 2})).json()
    rest = (await http.get(path, params={"cursor": first["next_cursor"]})).json()
    assert [one["created_ms"] for one in [*first["items"], *rest["items"]]] == [event.at_ms for event in events[::-1]]
    assert (first["items"][0]["state"], first["items"][0]["attempts"]) == ("pending", 0)
    assert "secret" not in str(first), "what was said is not shown in passing"
    assert (await http.get(path, params={"state": "failed"})).json()["items"] == []
    assert (await http.get(path, params={"cursor": "nonsense"})).status_code == 400


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "http://contoso.com"}, "url"),
        ({"url": "ftp://contoso.com"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://user:pass@contoso.com"}, "url"),
        ({"url": "https://contoso.com:99999"}, "url"),
        ({"url": "https://contoso.com/#part"}, "url"),
        ({"url": "https://contoso.com/a b"}, "url"),
        ({"url": "https://[::1"}, "url"),
        ({"url": "http://[::1]:9/x"}, "url"),
        ({"url": "https://10.0.0.5/x"}, "url"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "url"),
        ({"url": "https://2130706433/x"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["room.exploded"]}, "events.0"),
        ({"secret": "mine"}, "secret"),
    ],
)
async def test_a_subscription_that_cannot_be(http: httpx2.AsyncClient, change: dict[str, Any], field: str) -> None:
    answer = await http.post("/api/subscriptions", json=NEW | change)
    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]


async def test_a_room_that_is_not_there(http: httpx2.AsyncClient) -> None:
    assert (await http.post("/api/subscriptions", json=NEW | {"room_id": "room-0"})).status_code == 404


async def test_loopback_may_be_plain_where_it_is_allowed(http: httpx2.AsyncClient) -> None:
    assert (await http.post("/api/subscriptions", json=NEW | {"url": "http://127.0.0.1:9/x"})).status_code == 201


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ""),
        ("GET", ""),
        ("GET", "/subscription-0"),
        ("DELETE", "/subscription-0"),
        ("GET", "/subscription-0/deliveries"),
    ],
)
async def test_a_stranger_is_turned_away(service: Service, method: str, path: str) -> None:
    async with client(service.app) as stranger:
        assert (await stranger.request(method, f"/api/subscriptions{path}", json=NEW)).status_code == 401
    assert list(await service.subscriptions.all()) == []
