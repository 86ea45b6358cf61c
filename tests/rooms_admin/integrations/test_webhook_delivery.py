"""Integrators are told over real sockets: signed, again and again until they listen, never held up by one another."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rooms_admin.integrations import webhook_delivery as module
from rooms_admin.integrations.subscriptions import Subscription, SubscriptionStore
from rooms_admin.integrations.targets import WebhookTargets
from rooms_admin.integrations.webhook_delivery import (
    GIVE_UP_MS,
    JITTER,
    RETRY_S,
    WebhookDeliveries,
    retry_after_s,
    signature,
)
from rooms_admin.stores.sqlite.migrations import MIGRATIONS
from rooms_admin.stores.sqlite.rooms import SqliteRooms
from rooms_admin.stores.sqlite.subscriptions import SqliteSubscriptions
from storage.errors import StoreUnavailable
from storage.sqlite import IN_MEMORY, SqliteDatabase
from tests.support.integrator import Integrator
from tests.support.rooms import room
from tests.support.stores import Stores
from tests.support.virtual_time import virtual_time

LOOPBACK = WebhookTargets([ipaddress.IPv4Network("127.0.0.0/8")])


class Clock:
    """The real time, as far as a test has not moved it on."""

    ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@asynccontextmanager
async def running(deliveries: WebhookDeliveries) -> AsyncIterator[None]:
    task = asyncio.ensure_future(deliveries.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class Sending:
    def __init__(
        self, subscriptions: SubscriptionStore, deliveries: WebhookDeliveries, integrator: Integrator, clock: Clock
    ) -> None:
        self.subscriptions = subscriptions
        self.deliveries = deliveries
        self.integrator = integrator
        self.clock = clock

    async def subscribe(self, url: str | None = None) -> Subscription:
        return await self.subscriptions.add(url or self.integrator.url, ["room.live"], None)

    async def until(self, good: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not good():  # noqa: ASYNC110 - another party's progress offers no event
                await asyncio.sleep(0.01)

    async def until_state(self, subscription: Subscription, state: str, attempts: int) -> Any:
        async with asyncio.timeout(30):
            while True:
                found = await self.subscriptions.history(subscription.subscription_id, None, 9)
                if found and (found[0].state, found[0].attempts) == (state, attempts):
                    return found[0]
                await asyncio.sleep(0.01)


@pytest.fixture
async def sending(stores: Stores) -> AsyncIterator[Sending]:
    integrator, clock = Integrator(), Clock()
    async with integrator.listening():
        await stores.rooms.add(room(1))
        subscriptions = await stores.subscriptions(clock)
        deliveries = WebhookDeliveries(
            subscriptions, LOOPBACK, now=clock, chance=lambda: 0.5, timeout_s=1.0, look_s=0.02
        )
        async with running(deliveries):
            yield Sending(subscriptions, deliveries, integrator, clock)


async def test_what_happens_is_told_and_signed(sending: Sending) -> None:
    subscription = await sending.subscribe()
    sending.deliveries.publish("room.live", "room-1", {"reason": "a test"})
    sending.deliveries.publish("room.ended", "room-1", {})
    await sending.until_state(subscription, "delivered", 1)
    ((headers, body),) = sending.integrator.received
    document = json.loads(body)
    assert (document["type"], document["data"]) == ("room.live", {"room_id": "room-1", "reason": "a test"})
    assert abs(datetime.fromisoformat(document["timestamp"]) - datetime.now(UTC)) < timedelta(minutes=5)
    # As a receiver checks it, by the words of the standard.
    key = base64.b64decode(subscription.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_the_example_of_the_standard() -> None:
    """From the Standard Webhooks specification's reference libraries."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = '{"test": 2432232314}'
    found = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_failure_is_tried_again_with_the_same_id(sending: Sending) -> None:
    subscription = await sending.subscribe()
    sending.integrator.answers = [500, 302]
    sending.deliveries.publish("room.live", "room-1", {})
    first = await sending.until_state(subscription, "pending", 1)
    assert first.status == 500
    sending.clock.ahead += timedelta(seconds=RETRY_S[0])
    second = await sending.until_state(subscription, "pending", 2)
    assert second.status == 302, "a redirect is not followed: nobody else is to be told"
    sending.clock.ahead += timedelta(seconds=RETRY_S[1])
    await sending.until_state(subscription, "delivered", 3)
    assert len({headers["webhook-id"] for headers, _ in sending.integrator.received}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in sending.integrator.received}) == 3


async def test_it_is_given_up_in_the_end(sending: Sending) -> None:
    subscription = await sending.subscribe("http://127.0.0.1:1/nobody")
    sending.deliveries.publish("room.live", "room-1", {})
    for number, wait in enumerate(RETRY_S, start=1):
        failed = await sending.until_state(subscription, "pending", number)
        assert (failed.status, failed.error) == (None, "no_response")
        sending.clock.ahead += timedelta(seconds=wait + 1)
    await sending.until_state(subscription, "failed", len(RETRY_S) + 1)


async def test_a_delivery_that_cannot_be_made_ends_no_other(sending: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    """The regression: an error that was not foreseen ended the service, and again after each start."""
    good, bad = await sending.subscribe(), await sending.subscribe("https://example.com/")
    find = sending.subscriptions.find

    async def damaged(subscription_id: str) -> Subscription | None:
        found = await find(subscription_id)
        return found if found is None or found.url == good.url else replace(found, secret="whsec_x")

    monkeypatch.setattr(sending.subscriptions, "find", damaged)
    sending.deliveries.publish("room.live", "room-1", {})
    assert (await sending.until_state(bad, "pending", 1)).error == "no_response"
    await sending.until_state(good, "delivered", 1)


async def test_what_has_waited_too_long_is_given_up_without_another_attempt(sending: Sending) -> None:
    subscription = await sending.subscribe()
    sending.integrator.answers = [500]
    sending.deliveries.publish("room.live", "room-1", {})
    await sending.until_state(subscription, "pending", 1)
    sending.clock.ahead += timedelta(milliseconds=GIVE_UP_MS + 1_000)
    given_up = await sending.until_state(subscription, "failed", 2)
    assert (given_up.status, given_up.error) == (None, "expired")
    assert len(sending.integrator.received) == 1


async def test_one_that_is_gone_for_good_is_not_asked_again(sending: Sending) -> None:
    subscription = await sending.subscribe()
    sending.integrator.answers = [410]
    sending.deliveries.publish("room.live", "room-1", {})
    await sending.until_state(subscription, "failed", 1)


async def test_what_nobody_wants_is_not_kept(sending: Sending) -> None:
    sending.deliveries.publish("room.live", "room-1", {})
    await sending.deliveries.flush()
    subscription = await sending.subscribe()
    assert await sending.subscriptions.history(subscription.subscription_id, None, 9) == []


async def test_a_store_that_fails_delays_and_loses_nothing(sending: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription = await sending.subscribe()
    real, failures = sending.subscriptions.enqueue, [StoreUnavailable("disk full"), StoreUnavailable("disk full")]

    async def enqueue(events: Any) -> int:
        if failures:
            raise failures.pop()
        return await real(events)

    monkeypatch.setattr(sending.subscriptions, "enqueue", enqueue)
    sending.deliveries.publish("room.live", "room-1", {})
    await sending.until_state(subscription, "delivered", 1)
    assert len(sending.integrator.received) == 1


async def test_what_has_happened_is_written_down_when_we_stop() -> None:
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        await SqliteRooms(database).add(room(1))
        subscriptions = SqliteSubscriptions(database)
        await subscriptions.add("https://contoso.com", ["room.live"], None)
        async with WebhookDeliveries(subscriptions, LOOPBACK) as deliveries:
            deliveries.publish("room.live", "room-1", {})
        assert len(await subscriptions.due()) == 1


async def test_too_much_at_once_costs_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_LIMIT", 2)
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        await SqliteRooms(database).add(room(1))
        subscriptions = SqliteSubscriptions(database)
        added = await subscriptions.add("https://contoso.com", ["room.live"], None)
        async with WebhookDeliveries(subscriptions, LOOPBACK) as deliveries:
            for number in range(5):
                deliveries.publish("room.live", "room-1", {"number": number})
            assert (deliveries.lost, deliveries.waiting) == (3, 2)
        stored = await subscriptions.history(added.subscription_id, None, 9)
        numbers = {json.loads(one.body)["data"]["number"] for one in stored}
        assert numbers == {3, 4}


async def test_an_endpoint_that_does_not_answer_holds_up_no_other(stores: Stores) -> None:
    """It does not answer while the others get everything, each in order and one at a time."""
    silent, lively = Integrator(), [Integrator() for _ in range(3)]
    silent.gate = asyncio.Event()
    async with AsyncExitStack() as stack:
        for integrator in (silent, *lively):
            await stack.enter_async_context(integrator.listening())
        await stores.rooms.add(room(1))
        subscriptions = await stores.subscriptions()
        for integrator in (silent, *lively):
            await subscriptions.add(integrator.url, ["utterance.final"], None)
        deliveries = WebhookDeliveries(subscriptions, LOOPBACK, timeout_s=60)
        async with running(deliveries), asyncio.timeout(15):
            for number in range(20):
                deliveries.publish("utterance.final", "room-1", {"number": number})
                await asyncio.sleep(0.001)
            for integrator in lively:
                await integrator.until(20)
            assert len(silent.received) == 1
            silent.gate.set()
            await silent.until(20)
    for integrator in (silent, *lively):
        assert [json.loads(body)["data"]["number"] for _, body in integrator.received] == list(range(20))
        assert integrator.most_at_once == 1


@virtual_time
async def test_an_endpoint_that_does_not_answer_costs_the_others_no_time() -> None:
    """Ten seconds of traffic: the others get each event in its own millisecond, the silent one by its timeout."""
    silent, lively, loop = Integrator(), Integrator(), asyncio.get_running_loop()
    silent.gate = asyncio.Event()

    def now() -> datetime:
        return datetime.fromtimestamp(1_800_000_000 + loop.time(), UTC)

    async with silent.listening(), lively.listening(), SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        await SqliteRooms(database).add(room(1))
        subscriptions = SqliteSubscriptions(database, now=now)
        for integrator in (silent, lively):
            await subscriptions.add(integrator.url, ["utterance.final"], None)
        deliveries = WebhookDeliveries(subscriptions, LOOPBACK, now=now, chance=lambda: 0.5)
        async with running(deliveries):
            for number in range(100):
                begun = loop.time()
                deliveries.publish("utterance.final", "room-1", {"number": number})
                await lively.until(number + 1)
                assert round((loop.time() - begun) * 1000) <= 1
                await asyncio.sleep(0.1)
            await asyncio.sleep(15)
        assert len(silent.received) == 3, "one attempt after the other, each for ten seconds"
        silent.gate.set()


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_waits_grow_and_end(chance: float) -> None:
    waits = [retry_after_s(failures, chance) for failures in range(1, len(RETRY_S) + 1)]
    assert waits == pytest.approx([wait * (1 + JITTER * (2 * chance - 1)) for wait in RETRY_S])
    assert retry_after_s(len(RETRY_S) + 1, chance) is None


# --- to whom nothing is sent -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["receiver.example", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]"]
)
async def test_what_leads_inside_is_not_connected_to_and_admins_do_not_learn_why(
    host: str, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listening port and a closed one look the same."""
    resolve = socket.getaddrinfo

    def inside(name: Any, *rest: Any, **named: Any) -> Any:
        return resolve("127.0.0.1" if name == "receiver.example" else name, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", inside)
    integrator = Integrator()
    async with integrator.listening():
        port = int(integrator.url.split(":")[2].split("/")[0])
        await stores.rooms.add(room(1))
        subscriptions = await stores.subscriptions(Clock())
        found = []
        deliveries = WebhookDeliveries(subscriptions, WebhookTargets(), chance=lambda: 0.5, timeout_s=2.0, look_s=0.02)
        async with running(deliveries):
            for number in (port, 1):
                one = await subscriptions.add(f"http://{host}:{number}/hook", ["room.live"], None)
                deliveries.publish("room.live", "room-1", {})
                sending = Sending(subscriptions, deliveries, integrator, Clock())
                seen = await sending.until_state(one, "pending", 1)
                found.append((seen.status, seen.error))
        assert integrator.received == []
        assert found == [(None, "no_response")] * 2


async def test_what_a_name_leads_to_is_looked_at_anew_for_every_connection(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First it is an address that is allowed, then, as the delivery is repeated, another."""
    resolve, answers = socket.getaddrinfo, ["127.0.0.2", "127.0.0.1"]

    def rebound(name: Any, *rest: Any, **named: Any) -> Any:
        return resolve(answers.pop(0) if name == "receiver.example" else name, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)
    integrator, clock = Integrator(), Clock()
    async with integrator.listening():
        await stores.rooms.add(room(1))
        subscriptions = await stores.subscriptions(clock)
        targets = WebhookTargets([ipaddress.IPv4Network("127.0.0.2/32")])
        deliveries = WebhookDeliveries(
            subscriptions, targets, now=clock, chance=lambda: 0.5, timeout_s=2.0, look_s=0.02
        )
        async with running(deliveries):
            sending = Sending(subscriptions, deliveries, integrator, clock)
            one = await sending.subscribe(integrator.url.replace("127.0.0.1", "receiver.example"))
            deliveries.publish("room.live", "room-1", {})
            await sending.until_state(one, "pending", 1)  # nobody listens there
            await asyncio.sleep(0)
            monkeypatch.setattr("aiohttp.connector.monotonic", lambda: 1e12)  # what was resolved is forgotten
            clock.ahead += timedelta(seconds=RETRY_S[0])
            await sending.until_state(one, "pending", 2)
    assert integrator.received == []
    assert answers == []
