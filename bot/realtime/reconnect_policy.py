"""When a lane connects again, and whether to the same engine: consecutive failures and pauses. No I/O, no clock."""

from __future__ import annotations

import random

from bot.realtime.errors import QUOTA, QUOTA_CODES, SessionError
from bot.realtime.timeouts import BoothLimits


class ReconnectPolicy:
    """Counts the consecutive failures of the engine in use."""

    def __init__(self, limits: BoothLimits, rng: random.Random) -> None:
        self._limits = limits
        self._rng = rng
        self.engine_changed()

    def engine_changed(self) -> None:
        """Forget what is known of the previous engine."""
        self._engine_worked = False
        self._failures = self._refusals = self._quota_refusals = self._quota_failures = self._deaths = 0

    def configured(self) -> None:
        """Note that the engine has accepted a session."""
        self._engine_worked = True
        self._refusals = self._quota_refusals = 0

    def proved(self) -> None:
        """Note that the engine has given a good answer."""
        self._failures = self._deaths = self._quota_failures = 0

    def failed(self, lasted_s: float | None = None, *, died: bool = False) -> None:
        """Count a session that was lost, or has to be replaced.

        Args:
            lasted_s: seconds since it was configured; None if it never was.
            died: it was given audio, and ended before its first good answer.
        """
        self._deaths += died
        if lasted_s is not None and lasted_s >= self._limits.stable_s and not died:
            self._failures = 0
        self._failures += 1

    @property
    def failures(self) -> int:
        """Sessions in a row that failed."""
        return self._failures

    @property
    def dying(self) -> bool:
        """Whether too many sessions in a row have died at their first audio."""
        return self._deaths >= self._limits.deaths

    def gives_up_after(self, lost: SessionError) -> bool:
        """Count a refusal, and return whether asking the same engine again is useless."""
        self._refusals += not lost.retryable
        self._quota_refusals = self._quota_refusals + 1 if lost.code == QUOTA else 0
        if self._quota_refusals >= self._limits.quota_refusals:
            return True
        return not lost.retryable and (not self._engine_worked or self._refusals >= self._limits.refusals)

    def out_of_quota(self, reason: str) -> bool:
        """Count how an interpretation ended, and return whether the model has too often refused it for lack of quota.

        A model without quota still opens sessions, and refuses to work in them.
        """
        self._quota_failures = self._quota_failures + 1 if reason in QUOTA_CODES else 0
        if self._quota_failures < self._limits.quota_refusals:
            return False
        self._quota_failures = 0
        return True

    def pause_s(self, retry_after_s: float | None, *, sick: bool = False) -> float:
        """Return the seconds to wait before connecting again.

        Full jitter below a bound that doubles with each failure, and never less than the service asked for.
        `sick`: sessions open, and fail then.
        """
        limits = self._limits
        longest_s = limits.longest_sick_pause_s if sick else limits.longest_pause_s
        bound_s = min(longest_s, limits.first_pause_s * 2 ** min(self._failures - 1, 16))
        return max(self._rng.uniform(0, bound_s), min(retry_after_s or 0.0, limits.longest_retry_after_s))
