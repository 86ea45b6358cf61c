"""How often somebody may ask: a token bucket per caller. Pure but for the clock it is given."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

MOST_CALLERS = 10_000
"""Remembered at once. Who has not asked for longest is forgotten, which gives them a full bucket: never too strict."""


class TokenBuckets:
    """Each caller may ask `burst` times at once, and `rate` times per second in the long run."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        """`clock`: seconds, monotonic."""
        if rate <= 0 or burst < 1:
            raise ValueError("a rate must be positive, and a burst allow for one request")
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Tokens, and when they were counted."""

    def take(self, caller: str) -> float:
        """Take a token; 0.0 if there was one, else the seconds until there is. A refusal costs nothing."""
        now = self._clock()
        tokens, counted_at = self._buckets.get(caller, (self._burst, now))
        tokens = min(self._burst, tokens + (now - counted_at) * self._rate)
        wait = max(0.0, (1.0 - tokens) / self._rate)
        self._buckets[caller] = (tokens if wait else tokens - 1.0, now)
        self._buckets.move_to_end(caller)
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return wait
