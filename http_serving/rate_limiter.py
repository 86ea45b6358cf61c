"""Token buckets: how many requests each caller may make. Pure, except for the clock passed in."""

from __future__ import annotations

from collections.abc import Callable

from cachetools import LRUCache

MOST_CALLERS = 10_000
"""Callers with a bucket. The least recent one is forgotten beyond that and starts with a full bucket."""

CountRequest = Callable[[str], float]
"""Counts a request of a caller; returns 0.0 if it is within the rate, otherwise the seconds to wait."""


class TokenBuckets:
    """Allows each caller `burst` requests at once, and `rate` requests per second in the long run."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        """`clock` returns seconds, monotonic."""
        if rate <= 0 or burst < 1:
            raise ValueError("rate must be positive and burst at least 1")
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: LRUCache[str, tuple[float, float]] = LRUCache(MOST_CALLERS)
        """Tokens of each caller, and when they were counted."""

    def take(self, caller: str) -> float:
        """Take a token; return 0.0, or the seconds until there is one. A refused request takes none."""
        now = self._clock()
        tokens, counted_at = self._buckets.get(caller, (self._burst, now))
        tokens = min(self._burst, tokens + (now - counted_at) * self._rate)
        wait = max(0.0, (1.0 - tokens) / self._rate)
        self._buckets[caller] = (tokens if wait else tokens - 1.0, now)
        return wait
