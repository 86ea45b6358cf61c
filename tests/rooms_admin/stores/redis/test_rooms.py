"""What is particular to rooms in Redis: several replicas change them at once. The rest: test_store.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from rooms_admin.idempotency import KeyClaim, StoredResponse
from rooms_admin.integrations.subscriptions import OutgoingEvent
from rooms_admin.rooms.room import JoinCodeTaken, Room, RoomQuery
from rooms_admin.stores.redis import rooms as module
from rooms_admin.stores.redis.idempotency import RedisIdempotency
from rooms_admin.stores.redis.keys import Keys
from rooms_admin.stores.redis.rooms import RedisRooms
from rooms_admin.stores.redis.subscriptions import RedisSubscriptions
from rooms_admin.stores.redis.transcripts import RedisTranscripts
from rooms_admin.transcripts.recorder import TranscriptRecorder
from storage.errors import StoreUnavailable
from storage.redis import PREFIX, RedisClient
from tests.support.redis_server import RedisServer
from tests.support.rooms import NOW, line, passage, room


@pytest.fixture
async def clients(empty_redis: RedisServer) -> AsyncIterator[list[RedisClient]]:
    async with AsyncExitStack() as opened:
        yield [await opened.enter_async_context(RedisClient(empty_redis.url)) for _ in range(3)]


@pytest.fixture
def replicas(clients: list[RedisClient]) -> list[RedisRooms]:
    return [RedisRooms(client, Keys()) for client in clients]


async def test_a_change_is_seen_by_all_at_once(replicas: list[RedisRooms]) -> None:
    ours, theirs, _ = replicas
    await ours.add(room(1))
    assert await theirs.get("room-1") == room(1)
    changed = await theirs.update("room-1", lambda room: replace(room, name="New"))
    assert await ours.get("room-1") == changed
    assert await ours.page(RoomQuery(9, name="new")) == [changed]


async def test_changes_at_once_are_all_made(replicas: list[RedisRooms]) -> None:
    await replicas[0].add(room(1))

    def longer(room: Room) -> Room:
        return replace(room, name=room.name + "!")

    await asyncio.gather(*(replicas[number % 3].update("room-1", longer) for number in range(24)))
    found = await replicas[0].get("room-1")
    assert found is not None
    assert (found.name, found.version) == ("Board" + 24 * "!", 25)


async def test_a_room_that_never_holds_still_is_given_up(
    replicas: list[RedisRooms], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TRIES", 3)
    await replicas[0].add(room(1))
    tries = 0
    real = RedisRooms.get

    async def overtaken(rooms: RedisRooms, room_id: str) -> Room | None:
        nonlocal tries
        found = await real(rooms, room_id)
        if rooms is replicas[0]:
            tries += 1
            await replicas[1].update(room_id, lambda room: room)
        return found

    monkeypatch.setattr(RedisRooms, "get", overtaken)
    with pytest.raises(StoreUnavailable):
        await replicas[0].update("room-1", lambda room: room)
    assert tries == 3


async def test_one_of_several_with_the_same_join_code_wins(replicas: list[RedisRooms]) -> None:
    added = [replicas[number % 3].add(room(number, join_code="123456")) for number in range(9)]
    outcomes = await asyncio.gather(*added, return_exceptions=True)
    assert outcomes.count(None) == 1
    assert sum(isinstance(one, JoinCodeTaken) for one in outcomes) == 8
    found = await replicas[0].find_by_join_code("123456")
    assert found is not None
    assert outcomes[int(found.room_id.removeprefix("room-"))] is None


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name", "-name", "valid_until", "-valid_until"])
async def test_a_page_may_be_read_in_parts(
    replicas: list[RedisRooms], sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["b", "a", "ab", "B", "a b", "é", "aB"]
    for number, name in enumerate(names):
        await replicas[0].add(room(number, name=name))
    query = RoomQuery(99, sort=sort, name="b")  # type: ignore[arg-type]  # one of the literals above
    whole = await replicas[0].page(query)
    places = [(query.sort_key(one), one.room_id) for one in whole]
    assert len(whole) == 5
    assert places == sorted(places, reverse=sort.startswith("-"))
    monkeypatch.setattr(module, "READ_AT_ONCE", 2)
    assert await replicas[1].page(query) == whole
    assert await replicas[1].page(replace(query, limit=2)) == whole[:2]
    assert await replicas[1].page(replace(query, after=places[2])) == whole[3:]


async def test_nothing_of_a_deleted_room_is_left_in_any_key(clients: list[RedisClient]) -> None:
    """All keys there are, and all that is in them, are looked through."""
    client, keys = clients[0], Keys()
    rooms, subscriptions = RedisRooms(client, keys), RedisSubscriptions(client, keys)
    answers = RedisIdempotency(client, keys)
    before = await everything(client)
    await rooms.add(replace(room(1), name="the merger", request_key="ops:1"))
    await rooms.update("room-1", lambda room: replace(room, name="The Merger", join_code="999999"))
    async with TranscriptRecorder(RedisTranscripts(client, keys)) as archive:
        archive.line("room-1", line(1, "the merger is off"))
        archive.closed("room-1", passage())
        archive.opened("room-1", "u-2", "8:acs:a", "en-US", "es-ES")
    claim = await answers.claim("ops", "k", b"one")
    assert isinstance(claim, KeyClaim)
    await answers.keep(claim, StoredResponse(201, b"the merger"), "room-1")
    await subscriptions.add("https://contoso.com", ["room.live"], "room-1")
    await subscriptions.enqueue([OutgoingEvent("room.live", "room-1", 1, {"name": "the merger"}) for _ in range(2)])
    (delivery,) = await subscriptions.due()
    await subscriptions.record_attempt(delivery, status=200, error=None, again_at_ms=None, ok=True)
    held = await everything(client)
    assert all(key.startswith(PREFIX) for key in held)
    assert any("merger is off" in content for content in held.values())

    proof = await clients[1].call("PING") and await RedisRooms(clients[1], keys).remove("room-1", NOW)
    assert proof.removed == {
        "rooms": 1,
        "participants": 1,
        "acs_rooms": 1,
        "lines": 1,
        "passages": 1,
        "open_passages": 1,
        "glossaries": 1,
        "answers": 1,
        "subscriptions": 1,
        "deliveries": 2,
    }
    assert proof.left == {kind: 0 for kind in proof.removed if kind != "participants"}
    assert await rooms.deletion("room-1") == proof
    left = await everything(client)
    # The proof stays, and that a replica lives.
    assert {key for key in left if ":alive:" not in key} - set(before) == {keys.deletions}
    assert "merger" not in str(left).lower()


async def everything(client: RedisClient) -> dict[str, str]:
    """What is in each key, as text."""
    read = {
        b"string": ("GET",),
        b"hash": ("HGETALL",),
        b"set": ("SMEMBERS",),
        b"zset": ("ZRANGE", 0, -1),
        b"list": ("LRANGE", 0, -1),
    }
    found: dict[str, str] = {}
    for key in await client.call("KEYS", "*"):
        command, *rest = read[await client.call("TYPE", key)]
        found[key.decode()] = str(await client.call(str(command), key, *rest))
    return found
