"""Rate limits of each endpoint.

Callers are authenticated first, so that nobody can use up the rate of another. Callers without valid proof share one
bucket per network over all endpoints, and only refusals are paid from it: behind an ingress that is not among
`TRUSTED_PROXIES` all of them have the same address, and callers with proof are served all the same.
"""

from __future__ import annotations

import time

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
JOIN_CODES_PER_S = 0.5
"""Look-ups per network, of right codes and wrong ones; wrong ones are limited further (`JoinAttempts`)."""
JOIN_CODES_AT_ONCE = 60.0
"""Look-ups at once per network: a whole office may join through one address."""
DIALS_PER_S = 1.0
"""Media sockets per call: ACS opens one, and a few more when it breaks."""


def buckets(rate: float) -> TokenBuckets:
    return TokenBuckets(rate, BURST_S * rate, time.monotonic)


def admin_limits(settings: Settings, unproven: TokenBuckets) -> RequestLimits:
    return RequestLimits(buckets(settings.admin_reads_per_s), buckets(settings.admin_changes_per_s), unproven)


def join_limits() -> TokenBuckets:
    return TokenBuckets(JOIN_CODES_PER_S, JOIN_CODES_AT_ONCE, time.monotonic)


def webhook_limits(unproven: TokenBuckets) -> WebhookLimits:
    return WebhookLimits(unproven.take, buckets(DELIVERIES_PER_S).take, buckets(CALLBACKS_PER_S).take)


def media_limits(unproven: TokenBuckets) -> MediaLimits:
    return MediaLimits(unproven.take, buckets(DIALS_PER_S).take)
