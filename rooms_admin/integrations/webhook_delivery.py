"""Sends events to subscribers: signs, posts, retries, gives up. `subscriptions.py` holds what is stored.

Signatures follow Standard Webhooks (standardwebhooks.com), so that receivers find a library: HMAC-SHA256 over id,
timestamp and body. The timestamp lets a receiver refuse old deliveries, the id lets it recognise repeated ones.
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
    MOST_SUBSCRIPTIONS,
    SECRET_PREFIX,
    Delivery,
    EventKind,
    OutgoingEvent,
    Subscription,
    SubscriptionStore,
)
from rooms_admin.integrations.targets import WebhookTargets
from rooms_admin.rooms.room import milliseconds
from storage.errors import StoreUnavailable

logger = logging.getLogger(__name__)

WAITING_LIMIT = 10_000
"""Events not stored yet. If the store does not keep up, the oldest are dropped and counted."""
TIMEOUT_S = 10.0
"""Limit of one attempt, in seconds."""
RETRY_S = (5.0, 30.0, 120.0, 600.0, 3_600.0, 6 * 3_600.0)
"""Seconds to wait after each failure. Eight hours in all: a receiver may be down for a night."""
GIVE_UP_MS = 9 * 3_600_000
"""Age in milliseconds at which a delivery is given up without another attempt, so that what waits for an endpoint that
only ever times out is bounded. Above the sum of `RETRY_S`."""
JITTER = 0.2
"""Random share of each wait, so that a receiver that recovers does not get every retry in the same second."""
LOOK_S = 1.0
"""Interval in seconds of looking for deliveries that have become due."""
NO_RESPONSE = "no_response"
"""Error of every attempt without a response, whatever the cause: admins must not learn which ports are open."""


def signature(secret: str, delivery_id: str, timestamp: int, body: str) -> str:
    """Compute the value of the header `webhook-signature`."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    digest = hmac.digest(key, f"{delivery_id}.{timestamp}.{body}".encode(), hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def retry_after_s(failures: int, chance: float) -> float | None:
    """Return the seconds to wait after this many failures; None if there is no further attempt. `chance`: 0 to 1."""
    if failures > len(RETRY_S):
        return None
    return RETRY_S[failures - 1] * (1 + JITTER * (2 * chance - 1))


class WebhookDeliveries:
    """Delivers events to subscribers while `run` is running.

    Each subscription has at most one delivery in flight, in the order of events; a failed one is retried later and
    holds up nobody. Subscriptions do not wait for each other. `MOST_SUBSCRIPTIONS` bounds the requests in flight.
    """

    def __init__(
        self,
        subscriptions: SubscriptionStore,
        targets: WebhookTargets,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
        timeout_s: float = TIMEOUT_S,
        look_s: float = LOOK_S,
    ) -> None:
        self._subscriptions = subscriptions
        self.targets = targets
        self._now = now
        self._chance = chance
        self._timeout_s = timeout_s
        self._look_s = look_s
        self._waiting: deque[OutgoingEvent] = deque()
        self._busy: set[str] = set()
        """Subscriptions with a delivery in flight."""
        self._wake = asyncio.Event()
        self.lost = 0
        """Events dropped before they were stored."""

    async def __aenter__(self) -> WebhookDeliveries:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Store the events that are not stored yet; they are sent after the next start."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self.flush()
        except (StoreUnavailable, TimeoutError) as error:
            fields = {"events": len(self._waiting), "reason": type(error).__name__}
            logger.error("webhook events dropped at shutdown", extra=fields)

    def publish(self, kind: EventKind, room_id: str, data: Mapping[str, object]) -> None:
        """Enqueue an event for its subscribers. Called in the event loop; never blocks."""
        if not self._subscriptions.has_subscriber(kind, room_id):
            return
        if len(self._waiting) >= WAITING_LIMIT:
            self._waiting.popleft()
            if not self.lost:
                logger.error("webhook event dropped", extra={"reason": "the store does not keep up"})
            self.lost += 1
        self._waiting.append(OutgoingEvent(kind, room_id, milliseconds(self._now()), dict(data)))
        self._wake.set()

    @property
    def waiting(self) -> int:
        """Events that are not stored yet."""
        return len(self._waiting)

    async def flush(self) -> None:
        """Store the waiting events; on failure they are kept for the next time."""
        events = list(self._waiting)
        if events:
            await self._subscriptions.enqueue(events)
            for _ in range(min(len(events), len(self._waiting))):
                self._waiting.popleft()

    async def run(self) -> None:
        """Send until cancelled. What is in flight then is sent again after the next start."""
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        connector = aiohttp.TCPConnector(limit=MOST_SUBSCRIPTIONS, socket_factory=self.targets.open_socket)
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as http,
            asyncio.TaskGroup() as group,
        ):
            while True:
                self._wake.clear()
                try:
                    await self.flush()
                    for delivery in await self._subscriptions.due(self._busy):
                        self._busy.add(delivery.subscription_id)
                        group.create_task(self._deliver(http, delivery), name="deliver")
                except StoreUnavailable:
                    pass  # logged by the store; nothing is lost
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._look_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _deliver(self, http: aiohttp.ClientSession, delivery: Delivery) -> None:
        try:
            await self._attempt(http, delivery)
        except StoreUnavailable:
            # Logged by the store. The delivery is still due: it must not be repeated at once, and again and again.
            await asyncio.sleep(self._look_s)
        self._busy.discard(delivery.subscription_id)
        self._wake.set()

    async def _attempt(self, http: aiohttp.ClientSession, delivery: Delivery) -> None:
        subscription = await self._subscriptions.find(delivery.subscription_id)
        if subscription is None:
            return  # removed meanwhile, together with the delivery
        expired = milliseconds(self._now()) - delivery.created_ms > GIVE_UP_MS
        answer = TimeoutError() if expired else await self._post(http, subscription, delivery)
        status = answer if isinstance(answer, int) else None
        error = "expired" if expired else NO_RESPONSE if status is None else None
        ok = status is not None and 200 <= status < 300
        wait = None if ok or expired or status == 410 else retry_after_s(delivery.attempts + 1, self._chance())
        again_at_ms = None if wait is None else milliseconds(self._now()) + round(wait * 1000)
        sent = await self._subscriptions.record_attempt(
            delivery, status=status, error=error, again_at_ms=again_at_ms, ok=ok
        )
        if sent.state == "failed":
            fields = {"subscription_id": sent.subscription_id, "delivery_id": sent.delivery_id}
            reason = error if expired else answer if isinstance(answer, int) else type(_cause(answer)).__name__
            logger.warning("webhook delivery given up", extra={**fields, "reason": str(reason)})

    async def _post(
        self, http: aiohttp.ClientSession, subscription: Subscription, delivery: Delivery
    ) -> int | Exception:
        """Post a delivery; return the status of the response, or why there was none. Its body is not read."""
        try:
            timestamp = int(self._now().timestamp())
            headers = {
                "content-type": "application/json",
                "user-agent": "acs-live-interpreter",
                "webhook-id": delivery.delivery_id,
                "webhook-timestamp": str(timestamp),
                "webhook-signature": signature(subscription.secret, delivery.delivery_id, timestamp, delivery.body),
            }
            async with http.post(
                subscription.url, data=delivery.body.encode(), headers=headers, allow_redirects=False
            ) as response:
                return response.status
        except Exception as error:  # whatever a secret, a URL or its receiver leads to concerns this delivery alone
            return error


def _cause(error: Exception) -> Exception:
    """Return the error of the system, if it was one that kept us from connecting."""
    return error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
