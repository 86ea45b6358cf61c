"""Deletes what has exceeded its retention: transcripts, and rooms that have expired."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from http_serving.errors import ServiceError
from rooms_admin.idempotency import IdempotencyStore
from rooms_admin.integrations.subscriptions import SubscriptionStore
from rooms_admin.rooms.room import Room, RoomQuery, RoomStore
from rooms_admin.rooms.service import RoomService
from rooms_admin.transcripts.recorder import TranscriptRecorder
from storage.errors import StoreUnavailable

logger = logging.getLogger(__name__)

INTERVAL_S = 3600.0
"""Seconds between two runs. Retention is counted in days, so an hour more does not matter."""
ROOMS_AT_ONCE = 100


class Retention:
    """Deletes transcripts older than their room's retention, and rooms that ended longer ago than that."""

    def __init__(
        self,
        store: RoomStore,
        rooms: RoomService,
        transcripts: TranscriptRecorder,
        idempotency: IdempotencyStore | None = None,
        subscriptions: SubscriptionStore | None = None,
        *,
        default_days: int,
        interval_s: float = INTERVAL_S,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._rooms = rooms
        self._transcripts = transcripts
        self._idempotency = idempotency
        self._subscriptions = subscriptions
        self._default_days = default_days
        self._interval_s = interval_s
        self._now = now

    async def run(self) -> None:
        """Sweep now and then every `interval_s` seconds, until cancelled."""
        while True:
            try:
                await self.sweep()
            except (ServiceError, StoreUnavailable) as error:  # the next sweep tries again
                logger.warning("retention sweep failed", extra={"reason": error.code})
            except Exception as error:  # no reason to end every call
                logger.error("retention sweep failed", exc_info=error)
            await asyncio.sleep(self._interval_s)

    async def sweep(self) -> None:
        """Check every room once, and delete old stored responses and webhook deliveries."""
        if self._idempotency is not None:
            await self._idempotency.expire()
        if self._subscriptions is not None:
            await self._subscriptions.expire()
        after: tuple[str, str] | None = None
        while True:
            query = RoomQuery(ROOMS_AT_ONCE, after=after)
            found = await self._store.page(query)
            if not found:
                return
            over = [room for room in found if self._is_over(room)]
            for room in over:
                await self._remove(room)
            if gone := await self._transcripts.expire([room for room in found if room not in over], self._default_days):
                logger.info("transcripts expired", extra={"items": gone})
            after = (query.sort_key(found[-1]), found[-1].room_id)

    def _is_over(self, room: Room) -> bool:
        days = self._default_days if room.retention_days is None else room.retention_days
        return room.valid_until <= self._now() - timedelta(days=days)

    async def _remove(self, room: Room) -> None:
        try:
            await self._rooms.remove(room.room_id)
        except (ServiceError, StoreUnavailable) as error:  # the next sweep tries again
            logger.warning("expired room not deleted", extra={"room_id": room.room_id, "reason": error.code})
        else:
            logger.info("expired room deleted", extra={"room_id": room.room_id})
