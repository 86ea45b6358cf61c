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
from tests.support.redis_server import RedisServer
from tests.support.rooms import NOW, room

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


async def test_a_subscription_is_served_by_one_replica_at_a_time(replicas: list[RedisSubscriptions]) -> None:
    added = sorted([(await replicas[0].add(URL, ["room.live"], None)).subscription_id for _ in range(5)])
    await replicas[0].enqueue([EVENT] * 3)
    seen: list[str] = []
    for _ in range(3):
        found = [one for due in await asyncio.gather(*(one.due() for one in replicas * 2)) for one in due]
        assert sorted(one.subscription_id for one in found) == added
        for number, one in enumerate(found):
            other = replicas[number % 3]
            await other.record_attempt(one, status=200, error=None, again_at_ms=None, ok=True)
        seen += [one.delivery_id for one in found]
    assert len(seen) == len(set(seen)) == 15
    assert await replicas[0].due() == []


async def test_a_late_report_does_not_free_what_another_replica_has_claimed(
    replicas: list[RedisSubscriptions], clock: Clock
) -> None:
    slow, ours, theirs = replicas
    await ours.add(URL, ["room.live"], None)
    await ours.enqueue([EVENT] * 3)
    (first,) = await slow.due()
    clock.now = NOW + timedelta(seconds=CLAIM_S)
    assert await ours.due() == [first]
    await ours.record_attempt(first, status=200, error=None, again_at_ms=None, ok=True)
    (second,) = await ours.due()
    await slow.record_attempt(first, status=200, error=None, again_at_ms=None, ok=True)
    assert await theirs.due() == []
    await ours.record_attempt(second, status=200, error=None, again_at_ms=None, ok=True)
    assert len(await theirs.due()) == 1


async def test_what_an_earlier_version_left_due_is_sent(replicas: list[RedisSubscriptions]) -> None:
    """It kept one sorted set for all subscriptions."""
    ours = replicas[0]
    subscription_id = (await ours.add(URL, ["room.live"], None)).subscription_id
    await ours.enqueue([EVENT])
    (delivery,) = await ours.due()
    redis, prefix = ours._client, Keys().prefix
    await redis.call("DEL", f"{prefix}subscription:{subscription_id}:due", f"{prefix}deliveries-claimed")
    await redis.call("ZADD", f"{prefix}deliveries-due", delivery.due_ms, delivery.delivery_id)
    await redis.call("ZADD", f"{prefix}deliveries-due", delivery.due_ms, "msg_of-a-removed-subscription")
    assert await ours.due() == [delivery]
    assert await redis.call("EXISTS", f"{prefix}deliveries-due") == 0


async def test_a_delivery_that_an_earlier_version_deleted_is_skipped(replicas: list[RedisSubscriptions]) -> None:
    """It does not know the sets by subscription, and leaves the id there."""
    ours = replicas[0]
    await ours.add(URL, ["room.live"], None)
    await ours.enqueue([EVENT])
    (delivery,) = await ours.due()
    redis, prefix = ours._client, Keys().prefix
    await redis.call("DEL", f"{prefix}delivery:{delivery.delivery_id}", f"{prefix}deliveries-claimed")
    assert await ours.due() == []
    await ours.enqueue([EVENT])
    assert len(await ours.due()) == 1


async def test_what_a_dead_replica_was_sending_is_sent_by_another(
    replicas: list[RedisSubscriptions], clock: Clock
) -> None:
    dead, ours, _ = replicas
    await ours.add(URL, ["room.live"], None)
    await dead.enqueue([EVENT])
    (delivery,) = await dead.due()
    assert await ours.due() == []
    clock.now = NOW + timedelta(seconds=CLAIM_S)
    assert await ours.due() == [delivery]
    await ours.record_attempt(delivery, status=200, error=None, again_at_ms=None, ok=True)
    clock.now += timedelta(seconds=CLAIM_S)
    assert await dead.due() == await ours.due() == []


async def test_a_subscription_is_known_to_all_at_once(replicas: list[RedisSubscriptions]) -> None:
    ours, theirs, _ = replicas
    added = await ours.add(URL, ["room.live"], None)
    assert await theirs.get(added.subscription_id) == added
    assert theirs.has_subscriber("room.live", "room-1")
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
    (delivery,) = await ours.due()
    await theirs.remove(added.subscription_id)
    await ours.record_attempt(delivery, status=None, error="TimeoutError", again_at_ms=milliseconds(NOW), ok=False)
    assert await ours.due() == []


async def test_a_long_history_is_read_in_parts(
    replicas: list[RedisSubscriptions], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    ours = replicas[0]
    added = await ours.add(URL, ["room.live"], None)
    await ours.enqueue([EVENT] * 7)
    for _ in range(3):
        (delivery,) = await ours.due()
        await ours.record_attempt(delivery, status=410, error=None, again_at_ms=None, ok=False)
    whole = await ours.history(added.subscription_id, None, 99)
    assert len(whole) == 7
    assert await ours.history(added.subscription_id, whole[1].delivery_id, 3) == whole[2:5]
    assert [one.state for one in await ours.history(added.subscription_id, None, 99, "failed")] == ["failed"] * 3
    clock.now = NOW + timedelta(days=8)
    assert await ours.expire() == 3
    assert len(await ours.history(added.subscription_id, None, 99)) == 4
