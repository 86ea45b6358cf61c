"""What is particular to subscriptions in Redis: several replicas send. The rest: test_subscriptions.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from http_serving.errors import NotFound
from rooms_admin.integrations.subscriptions import CLAIM_S, OutgoingEvent
from rooms_admin.rooms.room import milliseconds
from rooms_admin.stores.redis import subscriptions as module
from rooms_admin.stores.redis.keys import Keys
from rooms_admin.stores.redis.rooms import RedisRooms
from rooms_admin.stores.redis.subscriptions import RedisSubscriptions
from storage.redis import RedisClient
from tests.rooms_admin.rooms.test_room import NOW, room
from tests.support.redis_server import RedisServer

EVENT = OutgoingEvent("room.live", "room-1", milliseconds(NOW), {})
URL = "https://contoso.com/hook"


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def replicas(empty_redis: RedisServer, clock: Clock) -> AsyncIterator[list[RedisSubscriptions]]:
    async with RedisClient(empty_redis.url) as client:
        await RedisRooms(client, Keys()).add(room(1))
        yield [RedisSubscriptions(client, Keys(), now=clock) for _ in range(3)]


async def test_a_delivery_is_given_to_one_of_those_who_ask(replicas: list[RedisSubscriptions]) -> None:
    await replicas[0].add(URL, ["room.live"], None)
    await replicas[0].enqueue([EVENT] * 30)
    found = [one for due in await asyncio.gather(*(one.due(7) for one in replicas * 2)) for one in due]
    assert len(found) == len({one.delivery_id for one in found}) == 30


async def test_what_a_dead_replica_was_sending_is_sent_by_another(
    replicas: list[RedisSubscriptions], clock: Clock
) -> None:
    dead, ours, _ = replicas
    await ours.add(URL, ["room.live"], None)
    await dead.enqueue([EVENT])
    (delivery,) = await dead.due(9)
    assert await ours.due(9) == []
    clock.now = NOW + timedelta(seconds=CLAIM_S)
    assert await ours.due(9) == [delivery]
    await ours.attempted(delivery, status=200, error=None, again_at_ms=None, ok=True)
    clock.now += timedelta(seconds=CLAIM_S)
    assert await dead.due(9) == await ours.due(9) == []


async def test_a_subscription_is_known_to_all_at_once(replicas: list[RedisSubscriptions]) -> None:
    ours, theirs, _ = replicas
    added = await ours.add(URL, ["room.live"], None)
    assert await theirs.get(added.subscription_id) == added
    assert theirs.wanted("room.live", "room-1")
    assert await theirs.enqueue([EVENT]) == 1
    await theirs.remove(added.subscription_id)
    assert await ours.find(added.subscription_id) is None
    assert await ours.enqueue([EVENT]) == 0


async def test_a_subscription_to_a_room_that_is_gone_is_refused(replicas: list[RedisSubscriptions]) -> None:
    with pytest.raises(NotFound):
        await replicas[0].add(URL, ["room.live"], "room-2")
    assert await replicas[0].all() == []


async def test_what_is_said_of_a_removed_subscription_is_forgotten(replicas: list[RedisSubscriptions]) -> None:
    ours, theirs, _ = replicas
    added = await ours.add(URL, ["room.live"], "room-1")
    await ours.enqueue([EVENT])
    (delivery,) = await ours.due(9)
    await theirs.remove(added.subscription_id)
    await ours.attempted(delivery, status=None, error="TimeoutError", again_at_ms=milliseconds(NOW), ok=False)
    assert await ours.due(9) == []


async def test_a_long_history_is_read_in_parts(
    replicas: list[RedisSubscriptions], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    ours = replicas[0]
    added = await ours.add(URL, ["room.live"], None)
    await ours.enqueue([EVENT] * 7)
    for delivery in await ours.due(3):
        await ours.attempted(delivery, status=410, error=None, again_at_ms=None, ok=False)
    whole = await ours.history(added.subscription_id, None, 99)
    assert len(whole) == 7
    assert await ours.history(added.subscription_id, whole[1].delivery_id, 3) == whole[2:5]
    assert [one.state for one in await ours.history(added.subscription_id, None, 99, "failed")] == ["failed"] * 3
    clock.now = NOW + timedelta(days=8)
    assert await ours.expire() == 3
    assert len(await ours.history(added.subscription_id, None, 99)) == 4
