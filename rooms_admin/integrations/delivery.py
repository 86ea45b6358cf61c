"""Tells integrators what they subscribed to: signs, posts, tries again, gives up; the books are `subscriptions.py`'s.

Signed as Standard Webhooks (standardwebhooks.com) has it, so that receivers find a library: HMAC-SHA256 over id,
timestamp and body. The timestamp lets a receiver refuse what is old, the id what it has seen.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import random
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import aiohttp

from rooms_admin.integrations.subscriptions import (
    SECRET_PREFIX,
    Delivery,
    EventKind,
    OutgoingEvent,
    Subscription,
    Subscriptions,
)
from rooms_admin.rooms.room import milliseconds
from storage.errors import StoreUnavailable

logger = logging.getLogger(__name__)

WAITING_LIMIT = 10_000
"""Events not written down yet. If the store does not keep up, the oldest go, and are counted."""
AT_ONCE = 20
"""Deliveries under way at the same time, of all subscriptions."""
TIMEOUT_S = 10.0
RETRY_S = (5.0, 30.0, 120.0, 600.0, 3_600.0, 6 * 3_600.0)
"""After each failure; then it is given up. Eight hours in all: a night's outage of a receiver."""
JITTER = 0.2
"""Share of the wait: receivers that come back are not met by everything in the same second."""
LOOK_S = 1.0
"""How often what is due again is looked for."""


def signature(secret: str, delivery_id: str, timestamp: int, body: str) -> str:
    """The value of the header `webhook-signature`."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    digest = hmac.digest(key, f"{delivery_id}.{timestamp}.{body}".encode(), hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def retry_after_s(failures: int, chance: float) -> float | None:
    """How long to wait after so many failures; None: no more. `chance`: 0 to 1."""
    if failures > len(RETRY_S):
        return None
    return RETRY_S[failures - 1] * (1 + JITTER * (2 * chance - 1))


class WebhookDeliveries:
    """Sends what is subscribed to. `run` must be running for anything to be sent."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
        timeout_s: float = TIMEOUT_S,
        look_s: float = LOOK_S,
    ) -> None:
        self._subscriptions = subscriptions
        self._now = now
        self._chance = chance
        self._timeout_s = timeout_s
        self._look_s = look_s
        self._waiting: deque[OutgoingEvent] = deque()
        self._news = asyncio.Event()
        self.lost = 0
        """Events that never were written down."""

    async def __aenter__(self) -> WebhookDeliveries:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Write down what is not; it is sent after the next start."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self.flush()
        except (StoreUnavailable, TimeoutError):
            logger.error("events for integrators lost", extra={"events": len(self._waiting)})

    def tell(self, kind: EventKind, room_id: str, data: Mapping[str, object]) -> None:
        """Something has happened. Called in the loop, never blocks; costs next to nothing if nobody wants it."""
        if not self._subscriptions.wanted(kind, room_id):
            return
        if len(self._waiting) >= WAITING_LIMIT:
            self._waiting.popleft()
            if not self.lost:
                logger.error("events for integrators are being lost: the store does not keep up")
            self.lost += 1
        self._waiting.append(OutgoingEvent(kind, room_id, milliseconds(self._now()), dict(data)))
        self._news.set()

    async def flush(self) -> None:
        """Write down what has happened; on failure it is kept for the next time."""
        events = list(self._waiting)
        if events:
            await self._subscriptions.enqueue(events)
            for _ in range(min(len(events), len(self._waiting))):
                self._waiting.popleft()

    async def run(self) -> None:
        """Send, until cancelled. What was under way then is sent again after the next start."""
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http:
            while True:
                self._news.clear()
                try:
                    await self.flush()
                    due = await self._subscriptions.due(AT_ONCE)
                    async with asyncio.TaskGroup() as group:
                        for delivery in due:
                            group.create_task(self._deliver(http, delivery), name="deliver")
                except* StoreUnavailable:
                    due = []  # logged by the database; nothing is lost by coming back later
                if not due:
                    await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._look_s):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _deliver(self, http: aiohttp.ClientSession, delivery: Delivery) -> None:
        subscription = await self._subscriptions.find(delivery.subscription_id)
        if subscription is None:
            return  # it has been removed, and the delivery with it
        status, error = await self._post(http, subscription, delivery)
        ok = status is not None and 200 <= status < 300
        wait = None if ok or status == 410 else retry_after_s(delivery.attempts + 1, self._chance())
        again_at_ms = None if wait is None else milliseconds(self._now()) + round(wait * 1000)
        sent = await self._subscriptions.attempted(delivery, status=status, error=error, again_at_ms=again_at_ms, ok=ok)
        if sent.state == "failed":
            fields = {"subscription_id": sent.subscription_id, "delivery_id": sent.delivery_id, "status": status}
            logger.warning("delivery given up", extra=fields)

    async def _post(
        self, http: aiohttp.ClientSession, subscription: Subscription, delivery: Delivery
    ) -> tuple[int | None, str | None]:
        """The status of the answer, or why there was none. What else the answer says is not read."""
        timestamp = int(self._now().timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": "acs-live-interpreter",
            "webhook-id": delivery.delivery_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(subscription.secret, delivery.delivery_id, timestamp, delivery.body),
        }
        try:
            async with http.post(
                subscription.url, data=delivery.body.encode(), headers=headers, allow_redirects=False
            ) as response:
                return response.status, None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return None, type(error).__name__
