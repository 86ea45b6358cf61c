"""What is known about the condition of a store: whether it works, and which of its records cannot be read."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping

logger = logging.getLogger(__name__)

LOG_EVERY_S = 60.0
"""Shortest interval in seconds between two log lines about failures of a store."""
SETTLED_S = 5.0
"""Seconds after its last failure that a store must succeed to count as working: reads may succeed on a full disk."""
MOST_NAMED = 1_000
"""Unreadable records that are remembered, so that each is logged and counted once."""


class StoreHealth:
    """The condition of a store. Updated by its threads, read in the event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, shared: bool = False) -> None:
        self.shared = shared
        """Whether other replicas have the same store and, probably, the same problem."""
        self._clock = clock
        self._failed_at = float("-inf")
        self._logged_at = float("-inf")
        self._failures = 0
        """Failures since the last log line."""
        self._reason = ""
        """Why the store failed; empty while it works."""
        self._unreadable: set[tuple[str, str]] = set()
        self._refused: Counter[str] = Counter()
        """Records of each kind that were not stored since the last log line about them."""
        self._refused_at: dict[str, float] = {}

    @property
    def problem(self) -> str:
        """Why the store does not work; empty if it works."""
        return self._reason

    @property
    def unreadable(self) -> Mapping[str, int]:
        """Number of records that were found unreadable, by kind."""
        return Counter(kind for kind, _ in list(self._unreadable))

    def failed(self, reason: str) -> None:
        """Note that an operation failed. Logged at most every `LOG_EVERY_S` seconds, with the number of failures."""
        now = self._clock()
        self._failed_at, self._reason = now, reason
        self._failures += 1
        if now - self._logged_at >= LOG_EVERY_S:
            logger.error("store failed", extra={"reason": reason, "failures": self._failures})
            self._logged_at, self._failures = now, 0

    def worked(self) -> None:
        """Note that an operation succeeded."""
        if self._reason and self._clock() - self._failed_at >= SETTLED_S:
            logger.info("store works again", extra={"reason": self._reason, "failures": self._failures})
            self._reason, self._failures = "", 0

    def set_aside(self, kind: str, name: str, reason: str) -> None:
        """Note that a record cannot be read. It stays stored as it is; each is counted and logged once."""
        if len(self._unreadable) >= MOST_NAMED or (kind, name) in self._unreadable:
            return
        self._unreadable.add((kind, name))
        logger.error("stored record set aside: it cannot be read", extra=_fields(kind, name, reason))

    def refused(self, kind: str, name: str, reason: str) -> None:
        """Note that a record was not stored, since it could not be read again.

        Logged at most every `LOG_EVERY_S` seconds for each kind, with their number.
        """
        self._refused[kind] += 1
        now = self._clock()
        if now - self._refused_at.get(kind, float("-inf")) >= LOG_EVERY_S:
            fields = _fields(kind, name, reason) | {"failures": self._refused.pop(kind)}
            logger.error("record not stored: it could not be read again", extra=fields)
            self._refused_at[kind] = now


def _fields(kind: str, name: str, reason: str) -> dict[str, object]:
    return {"kind": kind, "record": name, "reason": reason}
