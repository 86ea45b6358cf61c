"""Two services on one Redis, against ACS: what an admin does at one is so at the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from tests.support.acs_emulator import running_acs
from tests.support.redis_server import RedisServer, empty_redis, shared_redis
from tests.support.restarts import NEW_ROOM, service

__all__ = ["empty_redis", "shared_redis"]

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
async def replicas(empty_redis: RedisServer, tmp_path: Path) -> AsyncIterator[list[httpx2.AsyncClient]]:
    async with AsyncExitStack() as running:
        acs = await running.enter_async_context(running_acs())
        shared = {"redis_url": SecretStr(empty_redis.url), "ticket_secret": SecretStr("a-secret-of-tickets")}
        yield [await running.enter_async_context(service(acs, tmp_path / "unused.sqlite3", **shared)) for _ in range(2)]


async def test_replicas_are_one_service(replicas: list[httpx2.AsyncClient], tmp_path: Path) -> None:
    await a_room_is_the_same_at_both(*replicas)
    await a_request_is_carried_out_once(*replicas)
    await a_subscription_is_known_to_both(*replicas)
    assert not (tmp_path / "unused.sqlite3").exists()


async def a_room_is_the_same_at_both(one: httpx2.AsyncClient, two: httpx2.AsyncClient) -> None:
    room = (await one.post("/api/rooms", json=NEW_ROOM)).json()
    address = f"/api/rooms/{room['room_id']}"
    assert (await two.get(address)).json() == room
    changed = await two.patch(address, json={"name": "Town hall"}, headers={"If-Match": '"1"'})
    assert changed.status_code == 200, changed.text
    assert (await one.get(address)).json()["name"] == "Town hall"
    late = await one.patch(address, json={"name": "Board"}, headers={"If-Match": '"1"'})
    assert late.status_code == 412
    new = {"display_name": "Ben", "speaks": "es-ES"}
    added = await asyncio.gather(*(replica.post(f"{address}/participants", json=new) for replica in (one, two) * 3))
    assert {answer.status_code for answer in added} == {201}
    listed = (await one.get(f"{address}/participants")).json()["items"]
    assert len(listed) == 7, "nobody's change was lost to another's"
    assert (await two.delete(address)).status_code == 204
    assert [(await replica.get(address)).status_code for replica in (one, two)] == [404, 404]
    proof = (await one.get(f"{address}/deletion")).json()
    assert set(proof["left"].values()) == {0}
    assert proof["removed"]["participants"] == 7


async def a_request_is_carried_out_once(one: httpx2.AsyncClient, two: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": "a-board-meeting"}
    answers = await asyncio.gather(*(each.post("/api/rooms", json=NEW_ROOM, headers=headers) for each in (one, two)))
    assert sorted({answer.status_code for answer in answers}) in ([201], [201, 409])
    for replica in (one, two):
        again = await replica.post("/api/rooms", json=NEW_ROOM, headers=headers)
        assert again.status_code == 201
        assert again.headers["Idempotency-Replayed"] == "true"
    listed = (await one.get("/api/rooms")).json()["items"]
    assert [room["room_id"] for room in listed] == [again.json()["room_id"]]


async def a_subscription_is_known_to_both(one: httpx2.AsyncClient, two: httpx2.AsyncClient) -> None:
    new = {"url": "https://contoso.com/hook", "events": ["room.live"]}
    made = (await one.post("/api/subscriptions", json=new)).json()
    address = f"/api/subscriptions/{made['subscription_id']}"
    assert (await two.get(address)).json()["url"] == new["url"]
    assert (await two.delete(address)).status_code == 204
    assert (await one.get("/api/subscriptions")).json()["items"] == []


async def test_replicas_with_different_secrets_of_tickets_say_so(empty_redis: RedisServer, tmp_path: Path) -> None:
    async with AsyncExitStack() as running:
        acs = await running.enter_async_context(running_acs())
        for number in range(2):
            shared = {
                "redis_url": SecretStr(empty_redis.url),
                "ticket_secret": SecretStr(f"a-secret-of-tickets-{number}"),
            }
            http = await running.enter_async_context(service(acs, tmp_path / "unused.sqlite3", **shared))
        async with asyncio.timeout(60):
            while "ticket_secret" not in (await http.get("/readyz")).json():  # noqa: ASYNC110 - it is compared in a while
                await asyncio.sleep(0.05)
