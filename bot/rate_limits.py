"""Rate limits of each endpoint.

Callers are authenticated first, so that nobody can use up the rate of another. Callers without valid proof share one
bucket per network over all endpoints, and only refusals are paid from it: behind an ingress that is not among
`TRUSTED_PROXIES` all of them have the same address, and callers with proof are served all the same.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.config import Settings
from http_serving.rate_limiter import TokenBuckets
from media_streaming.routes import MediaLimits
from rooms_admin.api import RequestLimits
from webhooks.routes import WebhookLimits

BURST_S = 10.0
"""Size of a bucket in seconds of its rate: setting up rooms takes many requests at once, and then none."""
UNPROVEN_PER_S = 10.0
"""Refusals per network that state their reason; beyond the rate the answer is 429."""
DELIVERIES_PER_S = 100.0
"""Requests of Event Grid in total. Each may hold 5,000 events, and each call has some 10 events per second."""
CALLBACKS_PER_S = 50.0
"""Callbacks per call. All 350 people a room takes may join within seconds, and each causes a callback."""
JOIN_CODES_PER_S = 20.0
"""Look-ups per network, of right codes and wrong ones; this protects the service. Guessing is limited apart, by wrong
codes alone (`JoinAttempts`)."""
JOIN_CODES_AT_ONCE = 2_000.0
"""Look-ups at once per network: 500 phones behind one address open a page and ask for three tickets each."""
MESSAGES_PER_S = 0.5
"""Typed messages of each participant, and of the organiser of each room: nobody types faster than they are read."""
DIALS_PER_S = 1.0
"""Media sockets per call: ACS opens one, and a few more when it breaks."""


class RateLimits:
    """Makes the limits of each endpoint. `clock` is that of the event loop, in seconds."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._unproven = self._buckets(UNPROVEN_PER_S)

    def admin(self) -> RequestLimits:
        reads, changes = self._settings.admin_reads_per_s, self._settings.admin_changes_per_s
        return RequestLimits(self._buckets(reads), self._buckets(changes), self._unproven)

    def join_codes(self) -> TokenBuckets:
        return TokenBuckets(JOIN_CODES_PER_S, JOIN_CODES_AT_ONCE, self._clock)

    def messages(self) -> TokenBuckets:
        return TokenBuckets(MESSAGES_PER_S, BURST_S, self._clock)

    def webhooks(self) -> WebhookLimits:
        return WebhookLimits(
            self._unproven.take, self._buckets(DELIVERIES_PER_S).take, self._buckets(CALLBACKS_PER_S).take
        )

    def unproven(self, network: str) -> float:
        """Count a refusal to somebody without proof."""
        return self._unproven.take(network)

    def media(self) -> MediaLimits:
        return MediaLimits(self._unproven.take, self._buckets(DIALS_PER_S).take)

    def _buckets(self, rate: float) -> TokenBuckets:
        return TokenBuckets(rate, BURST_S * rate, self._clock)
