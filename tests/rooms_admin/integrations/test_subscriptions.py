"""SubscriptionStore and their deliveries are written down before anything is sent, and go with their room."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from http_serving.errors import Conflict, NotFound
from rooms_admin.integrations import subscriptions as module
from rooms_admin.integrations.subscriptions import Delivery, OutgoingEvent, SubscriptionStore
from rooms_admin.rooms.room import milliseconds
from tests.support.rooms import NOW, room
from tests.support.stores import Stores

URL = "https://contoso.com/hook"


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


class Stored:
    def __init__(self, stores: Stores, subscriptions: SubscriptionStore, clock: Clock) -> None:
        self.stores = stores
        self.subscriptions = subscriptions
        self.clock = clock

    async def enqueue(self, *rooms: str) -> None:
        now = milliseconds(self.clock.now)
        await self.subscriptions.enqueue([OutgoingEvent("room.live", room_id, now, {}) for room_id in rooms])

    async def due(self) -> list[Delivery]:
        return list(await self.subscriptions.due())


@pytest.fixture
async def stored(stores: Stores) -> Stored:
    for number in (1, 2):
        await stores.rooms.add(room(number))
    clock = Clock()
    return Stored(stores, await stores.subscriptions(clock), clock)


async def test_only_what_is_wanted_is_written_down(stored: Stored) -> None:
    everything = await stored.subscriptions.add(URL, ["room.live", "room.ended"], None)
    one_room = await stored.subscriptions.add(URL, ["room.live"], "room-1")
    await stored.subscriptions.add(URL, ["utterance.final"], None)
    await stored.enqueue("room-1", "room-2", "room-0")
    written = [
        (one.room_id, one.subscription_id)
        for subscription in await stored.subscriptions.all()
        for one in await stored.subscriptions.history(subscription.subscription_id, None, 9)
    ]
    assert sorted(written) == sorted(
        [
            ("room-1", everything.subscription_id),
            ("room-1", one_room.subscription_id),
            ("room-2", everything.subscription_id),
        ]
    )
    assert stored.subscriptions.has_subscriber("room.live", "room-1")


async def test_subscriptions_survive_a_restart(stored: Stored) -> None:
    added = await stored.subscriptions.add(URL, ["room.live"], None)
    await stored.enqueue("room-1")
    after = await stored.stores.subscriptions(stored.clock)
    assert list(await after.all()) == [added]
    assert [one.subscription_id for one in await after.due()] == [added.subscription_id]


async def test_of_each_subscription_the_oldest_delivery_is_due(stored: Stored) -> None:
    """Events of the same millisecond included: they keep their order."""
    one = (await stored.subscriptions.add(URL, ["room.live"], "room-1")).subscription_id
    other = (await stored.subscriptions.add(URL, ["room.live"], "room-2")).subscription_id
    await stored.enqueue(*["room-1", "room-2"] * 10)
    whole = [delivery.delivery_id for delivery in await stored.subscriptions.history(one, None, 99)]
    assert whole == sorted(whole, reverse=True)
    sent = []
    for _ in range(10):
        (delivery,) = await stored.subscriptions.due({other})
        await stored.subscriptions.record_attempt(delivery, status=200, error=None, again_at_ms=None, ok=True)
        sent.append(delivery.delivery_id)
    assert sent == whole[::-1]
    assert await stored.subscriptions.due([other]) == []
    assert [delivery.subscription_id for delivery in await stored.due()] == [other]


async def test_an_attempt_is_due_again_when_it_says(stored: Stored) -> None:
    await stored.subscriptions.add(URL, ["room.live"], None)
    await stored.enqueue("room-1")
    (delivery,) = await stored.due()
    later = milliseconds(NOW + timedelta(seconds=5))
    await stored.subscriptions.record_attempt(delivery, status=503, error=None, again_at_ms=later, ok=False)
    assert await stored.due() == []
    stored.clock.now = NOW + timedelta(seconds=5)
    (again,) = await stored.due()
    assert (again.delivery_id, again.attempts, again.status, again.state) == (delivery.delivery_id, 1, 503, "pending")
    await stored.subscriptions.record_attempt(again, status=200, error=None, again_at_ms=None, ok=True)
    assert await stored.due() == []
    (shown,) = await stored.subscriptions.history(delivery.subscription_id, None, 9)
    assert (shown.state, shown.attempts) == ("delivered", 2)
    assert await stored.subscriptions.history(delivery.subscription_id, None, 9, "failed") == []


async def test_history_goes_page_by_page_from_the_youngest(stored: Stored) -> None:
    added = await stored.subscriptions.add(URL, ["room.live"], None)
    for second in range(3):
        stored.clock.now = NOW + timedelta(seconds=second)
        await stored.enqueue("room-1")
    first = await stored.subscriptions.history(added.subscription_id, None, 2)
    rest = await stored.subscriptions.history(added.subscription_id, first[-1].delivery_id, 2)
    moments = [one.created_ms for one in [*first, *rest]]
    assert moments == sorted(moments, reverse=True)
    assert len(moments) == 3


async def test_a_room_takes_its_subscriptions_and_deliveries_along(stored: Stored) -> None:
    everything = await stored.subscriptions.add(URL, ["room.live"], None)
    await stored.subscriptions.add(URL, ["room.live"], "room-1")
    await stored.enqueue("room-1", "room-2")
    proof = await stored.stores.rooms.remove("room-1", NOW)
    stored.subscriptions.forget_room("room-1")
    assert (proof.removed["subscriptions"], proof.removed["deliveries"]) == (1, 2)
    assert list(await stored.subscriptions.all()) == [everything]
    await stored.enqueue("room-1")
    assert [one.room_id for one in await stored.due()] == ["room-2"]


async def test_the_end_of_a_subscription_is_the_end_of_its_deliveries(stored: Stored) -> None:
    added = await stored.subscriptions.add(URL, ["room.live"], None)
    await stored.enqueue("room-1")
    await stored.subscriptions.remove(added.subscription_id)
    assert await stored.due() == []
    for ask in (
        stored.subscriptions.remove(added.subscription_id),
        stored.subscriptions.history(added.subscription_id, None, 1),
    ):
        with pytest.raises(NotFound):
            await ask


async def test_there_are_not_too_many(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SUBSCRIPTIONS", 1)
    await stored.subscriptions.add(URL, ["room.live"], None)
    with pytest.raises(Conflict):
        await stored.subscriptions.add(URL, ["room.live"], None)


async def test_old_books_are_closed_but_not_what_is_pending(stored: Stored) -> None:
    added = await stored.subscriptions.add(URL, ["room.live"], None)
    await stored.enqueue("room-1", "room-2")
    (delivery,) = await stored.due()
    await stored.subscriptions.record_attempt(delivery, status=200, error=None, again_at_ms=None, ok=True)
    stored.clock.now = NOW + timedelta(days=8)
    assert await stored.subscriptions.expire() == 1
    assert [one.state for one in await stored.subscriptions.history(added.subscription_id, None, 9)] == ["pending"]
