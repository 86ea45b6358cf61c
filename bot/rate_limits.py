"""How often who may come to which door: numbers and buckets. The doors themselves only ask whether one may.

Proof comes first everywhere, so that nobody can use up what another is allowed. Those without it share one bucket per
address over all doors, out of which only refusals are paid: behind an ingress that is not among `TRUSTED_PROXIES` all
of them have the same address, and whoever has proof is let in all the same.
"""

from __future__ import annotations

import time

from bot.config import Settings
from http_serving.rate_limiter import TokenBuckets
from media_streaming.routes import MediaLimits
from rooms_admin.api import RequestLimits
from webhooks.routes import WebhookLimits

BURST_S = 10.0
"""Seconds' worth that may come at once: whoever sets rooms up does many things at once, and then nothing."""
STRANGERS_PER_S = 10.0
"""Refusals, per address, that say why; after them 429."""
DELIVERIES_PER_S = 100.0
"""Requests of Event Grid, all together. Each may hold 5,000 events, and a resource has some 10 per second and call."""
CALLBACKS_PER_S = 50.0
"""Per call. 350 people, as many as a room takes, may join within a moment, and each joining is a callback."""
JOIN_CODES_PER_S = 0.5
"""Lookups per address. Of a million codes few are in use: at this rate the first is found by chance after hours."""
JOIN_CODES_AT_ONCE = 60.0
"""A whole office that comes through one address."""
DIALS_PER_S = 1.0
"""Media sockets per call: ACS dials once, and a few times more when a socket broke."""


def buckets(rate: float) -> TokenBuckets:
    return TokenBuckets(rate, BURST_S * rate, time.monotonic)


def admin_limits(settings: Settings, strangers: TokenBuckets) -> RequestLimits:
    return RequestLimits(buckets(settings.admin_reads_per_s), buckets(settings.admin_changes_per_s), strangers)


def join_limits() -> TokenBuckets:
    return TokenBuckets(JOIN_CODES_PER_S, JOIN_CODES_AT_ONCE, time.monotonic)


def webhook_limits(strangers: TokenBuckets) -> WebhookLimits:
    return WebhookLimits(strangers.take, buckets(DELIVERIES_PER_S).take, buckets(CALLBACKS_PER_S).take)


def media_limits(strangers: TokenBuckets) -> MediaLimits:
    return MediaLimits(strangers.take, buckets(DIALS_PER_S).take)
