"""Two services on one Redis, against ACS: what is done, said or heard at one is so at the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from bot.app import Interpreter
from listeners.audio_frames import PayloadFormat, decode_frame, encode_frame
from tests.support.acs_emulator import running_acs
from tests.support.listeners import SocketPeer, dialled
from tests.support.redis_server import RedisServer, empty_redis, shared_redis
from tests.support.restarts import NEW_ROOM, interpreter, service

__all__ = ["empty_redis", "shared_redis"]

pytestmark = pytest.mark.timeout(240)


WEB_ROOM = {
    "name": "Lecture",
    "media": "web",
    "languages": ["en-US", "es-ES"],
    "participants": [
        {"display_name": "Ada", "role": "Presenter", "speaks": "en-US", "hears": "en-US"},
        {"display_name": "Luis", "role": "Attendee", "speaks": "es-ES", "hears": "es-ES"},
    ],
}


@asynccontextmanager
async def socket(running: Interpreter, path: str, **query: Any) -> AsyncIterator[SocketPeer]:
    async with dialled(running.app, SocketPeer(path, **query)) as peer:
        yield peer


async def frame_of(peer: SocketPeer) -> bytes:
    while not isinstance(heard := await peer.hears(), bytes):
        assert isinstance(heard, dict), f"closed: {heard}"
    return heard


@pytest.fixture
async def replicas(
    empty_redis: RedisServer, tmp_path: Path
) -> AsyncIterator[list[tuple[Interpreter, httpx2.AsyncClient]]]:
    async with AsyncExitStack() as running:
        acs = await running.enter_async_context(running_acs())
        shared = {"redis_url": SecretStr(empty_redis.url), "ticket_secret": SecretStr("a-secret-of-tickets")}
        unused = tmp_path / "unused.sqlite3"
        yield [await running.enter_async_context(interpreter(acs, unused, **shared)) for _ in range(2)]


async def test_replicas_are_one_service(replicas: list[tuple[Interpreter, httpx2.AsyncClient]], tmp_path: Path) -> None:
    (one, admin), (two, other_admin) = replicas
    await a_room_is_the_same_at_both(admin, other_admin)
    await a_request_is_carried_out_once(admin, other_admin)
    await a_subscription_is_known_to_both(admin, other_admin)
    await people_at_both_hear_each_other(one, two, admin)
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


async def people_at_both_hear_each_other(one: Interpreter, two: Interpreter, admin: httpx2.AsyncClient) -> None:
    room = (await admin.post("/api/rooms", json=WEB_ROOM)).json()
    path = f"/ws/audio/{room['room_id']}"

    async def ticket(participant: int) -> str:
        wanted = {"purpose": "speak", "participant_id": room["participants"][participant]["participant_id"]}
        text: str = (await admin.post(f"/api/rooms/{room['room_id']}/tickets", json=wanted)).json()["ticket"]
        return text

    ada_ticket, luis_ticket = await ticket(0), await ticket(1)
    async with (
        asyncio.timeout(60),
        socket(one, path, ticket=ada_ticket, language="floor", format="opus") as ada,
    ):
        assert (await ada.hears_kind("hello"))["microphone"] is True
        async with (
            socket(two, path, ticket=luis_ticket, language="floor") as luis,
            socket(two, f"/ws/signaling/{room['room_id']}", ticket=luis_ticket) as signals,
        ):
            assert (await luis.hears_kind("hello"))["microphone"] is True, "its room is at the other replica"
            assert (await signals.hears_kind("hello"))["room_state"] in ("active", "created")
            async with socket(one, f"/ws/signaling/{room['room_id']}", ticket=ada_ticket) as hers:
                joined = await signals.hears_kind("joined")
                assert joined["member"]["name"] == "Ada", "she is at the other replica"
                signals.says({"type": "offer", "to": joined["member"]["member_id"], "sdp": "v=0"})
                assert (await hers.hears_kind("offer"))["sdp"] == "v=0"

            async def speaks(peer: SocketPeer) -> None:
                number = 0
                while True:
                    number += 1
                    peer.says(encode_frame(PayloadFormat.PCM16, number, number * 20_000, bytes(range(240)) * 4))
                    await asyncio.sleep(0.02)

            for speaker, listener, format in ((ada, luis, PayloadFormat.PCM16), (luis, ada, PayloadFormat.OPUS)):
                speaking = asyncio.create_task(speaks(speaker))
                try:
                    assert decode_frame(await frame_of(listener), 24_000).format is format
                finally:
                    speaking.cancel()
                    await asyncio.wait((speaking,))
            assert (await admin.delete(f"/api/rooms/{room['room_id']}")).status_code == 204
            assert (await luis.closed())[0] == 4002
            assert (await signals.closed())[0] == 4002


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
