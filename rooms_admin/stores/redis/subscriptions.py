"""Webhook subscriptions and deliveries of several replicas, in Redis. Nothing is cached.

`subscriptions.lua` says how deliveries are claimed, so that a subscription is served by one replica at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from http_serving.errors import Conflict, NotFound
from rooms_admin.integrations import subscriptions
from rooms_admin.integrations.subscriptions import (
    CLAIM_S,
    KEPT_DELIVERIES_MS,
    Delivery,
    DeliveryState,
    EventKind,
    OutgoingEvent,
    Subscription,
    deliveries_of,
    new_subscription,
)
from rooms_admin.rooms.room import milliseconds
from rooms_admin.stores.redis.keys import Keys
from storage.documents import Documents
from storage.redis import Part, RedisClient, Script

AT_ONCE = 200
"""Deliveries per call of a script, and per part of a history."""

_SCRIPT = Script(Path(__file__).with_name("subscriptions.lua"))


class RedisSubscriptions:
    """See SubscriptionStore."""

    def __init__(
        self, client: RedisClient, keys: Keys, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._client = client
        self._keys = keys
        self._now = now
        self._subscriptions = Documents("subscription", Subscription, client.health)
        self._deliveries = Documents("delivery", Delivery, client.health)

    def has_subscriber(self, event: EventKind, room_id: str) -> bool:
        """Return True: somebody may have subscribed at another replica a moment ago.

        Subscribers are looked up when the event is stored.
        """
        return True

    async def all(self) -> Sequence[Subscription]:
        stored = await self._client.call("HGETALL", self._keys.subscriptions)
        found = (self._subscriptions.decode(name.decode(), one) for name, one in stored.items())
        return sorted((one for one in found if one is not None), key=lambda one: one.subscription_id)

    async def find(self, subscription_id: str) -> Subscription | None:
        document = await self._client.call("HGET", self._keys.subscriptions, subscription_id)
        return None if document is None else self._subscriptions.decode(subscription_id, document)

    async def get(self, subscription_id: str) -> Subscription:
        found = await self.find(subscription_id)
        if found is None:
            raise NotFound("no such subscription")
        return found

    async def add(self, url: str, events: Sequence[EventKind], room_id: str | None) -> Subscription:
        added = new_subscription(url, events, room_id, self._now())
        values = (
            added.subscription_id,
            room_id or "",
            self._subscriptions.encode(added),
            subscriptions.MOST_SUBSCRIPTIONS,
        )
        done = await self._client.run(_SCRIPT, "add", [], self._keys.prefix, *values)
        if done == b"too many":
            raise Conflict(f"there are {subscriptions.MOST_SUBSCRIPTIONS} subscriptions already")
        if done == b"no room":
            raise NotFound("no such room")
        return added

    async def remove(self, subscription_id: str) -> None:
        found = await self.get(subscription_id)
        if not await self._client.run(_SCRIPT, "remove", [], self._keys.prefix, subscription_id, found.room_id or ""):
            raise NotFound("no such subscription")

    def forget_room(self, room_id: str) -> None:
        """Do nothing: the store has removed them, and nothing is cached."""

    # --- deliveries --------------------------------------------------------------------------------

    async def enqueue(self, events: Sequence[OutgoingEvent]) -> int:
        values: list[Part] = []
        for one in deliveries_of(events, await self.all()):
            values += one.delivery_id, one.subscription_id, one.room_id, one.due_ms, self._deliveries.encode(one)
        calls = [
            [self._keys.prefix, *values[start : start + 5 * AT_ONCE]] for start in range(0, len(values), 5 * AT_ONCE)
        ]
        return sum(await self._client.run_each(_SCRIPT, "enqueue", calls))

    async def due(self, busy: Collection[str] = ()) -> Sequence[Delivery]:
        now = milliseconds(self._now())
        claimed_until = now + round(CLAIM_S * 1000)
        claimed = await self._client.run(_SCRIPT, "due", [], self._keys.prefix, now, claimed_until, *busy)
        found: list[Delivery] = []
        for subscription_id, delivery_id, document in claimed:
            delivery = self._deliveries.decode(delivery_id.decode(), document)
            if delivery is not None:
                found.append(delivery)
            else:  # the next one of the subscription is due now
                await self._client.run(_SCRIPT, "set_aside", [], self._keys.prefix, delivery_id, subscription_id)
        return found

    async def record_attempt(
        self, delivery: Delivery, *, status: int | None, error: str | None, again_at_ms: int | None, ok: bool
    ) -> Delivery:
        changed = delivery.attempted(status=status, error=error, again_at_ms=again_at_ms, ok=ok)
        due = str(changed.due_ms) if changed.state == "pending" else ""
        named = (changed.delivery_id, changed.subscription_id)
        values = (*named, self._deliveries.encode(changed), due, changed.created_ms)
        await self._client.run(_SCRIPT, "attempted", [], self._keys.prefix, *values)
        return changed

    async def history(
        self, subscription_id: str, before: str | None, limit: int, state: DeliveryState | None = None
    ) -> Sequence[Delivery]:
        await self.get(subscription_id)
        place = self._keys.deliveries(subscription_id)
        first = "+" if before is None else f"({before}"
        found: list[Delivery] = []
        while len(found) < limit:
            ids: list[bytes] = await self._client.call("ZREVRANGEBYLEX", place, first, "-", "LIMIT", 0, AT_ONCE)
            names = [one.decode() for one in ids]
            documents = await self._client.together([("HGET", self._keys.delivery(one), "document") for one in names])
            stored = [(name, one) for name, one in zip(names, documents, strict=True) if one is not None]
            deliveries = [self._deliveries.decode(*one) for one in stored]
            found += [one for one in deliveries if one is not None and state in (None, one.state)]
            if len(ids) < AT_ONCE:
                break
            first = "(" + ids[-1].decode()
        return found[:limit]

    async def expire(self) -> int:
        oldest = milliseconds(self._now()) - KEPT_DELIVERIES_MS
        gone = 0
        while some := await self._client.run(_SCRIPT, "expire", [], self._keys.prefix, oldest, AT_ONCE):
            gone += some
        return gone
