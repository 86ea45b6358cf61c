"""Keeps what was refused to whom for an hour, in the shared store, so that admins see it on any replica."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from http_serving.refusals import Refusal
from storage.errors import StoreUnavailable
from storage.key_value import KeyValueStore

logger = logging.getLogger(__name__)

KEPT_S = 3600.0
"""Seconds a report is kept."""
_PREFIX = "refusals:"


class _Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one process refused within one period."""

    at: float
    """Its end, Unix time in seconds."""
    refused: list[Refusal]


_decoder = msgspec.json.Decoder(_Report)


@dataclass(frozen=True, slots=True)
class RecentRefusals:
    """Requests refused to a caller at an endpoint for a reason, within the last hour."""

    caller: str
    endpoint: str
    reason: str
    count: int
    last_at: datetime
    """End of the minute of the last one."""


class RefusalLog:
    """The reports of all replicas."""

    def __init__(self, store: KeyValueStore, *, now: Callable[[], float] = time.time) -> None:
        """`now` returns Unix time in seconds."""
        self._store = store
        self._now = now

    async def keep(self, refused: Sequence[Refusal]) -> None:
        """Store a report; while the store is away, it is only in the log."""
        report = msgspec.json.encode(_Report(at=self._now(), refused=list(refused)))
        try:
            await self._store.put({f"{_PREFIX}{secrets.token_hex(8)}": report}, KEPT_S)
        except StoreUnavailable as error:
            logger.error("refusals not stored", extra={"reason": error.message})

    async def recent(self) -> list[RecentRefusals]:
        """Return what was refused within the last hour, most first. Raises `StoreUnavailable`."""
        together: dict[tuple[str, str, str], tuple[int, float]] = {}
        for stored in (await self._store.find(_PREFIX)).values():
            try:
                report = _decoder.decode(stored)
            except msgspec.DecodeError:
                continue  # of a newer version
            for one in report.refused:
                count, last = together.get((one.caller, one.endpoint, one.reason), (0, 0.0))
                together[one.caller, one.endpoint, one.reason] = (count + one.count, max(last, report.at))
        found = [
            RecentRefusals(*what, count, datetime.fromtimestamp(last, UTC)) for what, (count, last) in together.items()
        ]
        return sorted(found, key=lambda one: (-one.count, one.caller, one.endpoint, one.reason))
