"""Ids of rooms and participants, which lists are sorted by."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime


class SortableIds:
    """Generates ids that sort in the order of their creation: unique microseconds, then random digits per process."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._last = 0

    def next(self, prefix: str) -> str:
        self._last = max(self._last + 1, int(self._now().timestamp() * 1_000_000))
        return f"{prefix}-{self._last:014x}{secrets.token_hex(4)}"
