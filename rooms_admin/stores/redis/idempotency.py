"""Stored responses of several replicas, in Redis."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rooms_admin.errors import InProgress, KeyReused
from rooms_admin.idempotency import (
    BUSY_RETRY_MS,
    KEPT_FOR,
    KeyClaim,
    StoredResponse,
    decode_response,
    encode_response,
)
from rooms_admin.rooms.room import milliseconds
from rooms_admin.stores.redis.keys import Keys
from storage.errors import StoreUnavailable
from storage.redis import RedisClient, Script

BEAT_S = 2.0
"""Seconds between two renewals of the sign of life of a replica."""
ALIVE_S = 7.0
"""Seconds after which a replica without a sign of life counts as dead: others may carry out its requests."""
_KEPT_MS = KEPT_FOR // timedelta(milliseconds=1)

_SCRIPT = Script(Path(__file__).with_name("idempotency.lua"))


class RedisIdempotency:
    """See IdempotencyStore. While `run` is running, other replicas know that requests begun here are in progress."""

    def __init__(
        self, client: RedisClient, keys: Keys, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._client = client
        self._keys = keys
        self._now = now
        self._owner = secrets.token_hex(8)
        """Identifies claims of this process."""
        self._open: dict[tuple[str, str], bytes] = {}
        """Fingerprints of requests in progress in this process, by caller and key."""

    async def run(self) -> None:
        """Renew the sign of life every `BEAT_S` seconds, until cancelled."""
        while True:
            try:
                await self._client.call("SET", self._keys.alive(self._owner), "1", "PX", round(ALIVE_S * 1000))
            except StoreUnavailable:
                pass  # logged by the client
            await asyncio.sleep(BEAT_S)

    async def claim(self, caller: str, key: str, wanted: bytes) -> KeyClaim | StoredResponse:
        being_done = self._open.get((caller, key))
        if being_done is not None:
            raise _reused() if being_done != wanted else _in_progress()
        self._open[caller, key] = wanted
        claim: KeyClaim | None = None
        try:
            asked = KeyClaim(caller, key, unfinished=False)
            keys = [self._place(asked), self._keys.alive(self._owner)]
            values = (wanted, self._owner, milliseconds(self._now()), _KEPT_MS, round(ALIVE_S * 1000))
            found, *answer = await self._client.run(_SCRIPT, "claim", keys, *values, self._keys.alive(""))
            if found == b"reused":
                raise _reused()
            if found == b"in progress":
                raise _in_progress()
            if found == b"answered":
                return decode_response(answer[0])
            claim = KeyClaim(caller, key, unfinished=found == b"unfinished")
            return claim
        finally:
            if claim is None:
                del self._open[caller, key]

    def _place(self, claim: KeyClaim) -> str:
        return self._keys.answer(claim.request_key)

    async def keep(self, claim: KeyClaim, response: StoredResponse, room_id: str | None) -> None:
        keys = [self._place(claim)]
        if room_id is not None:
            keys += [self._keys.room(room_id), self._keys.of(room_id, "answers")]
        now = milliseconds(self._now())
        try:
            await self._client.run(_SCRIPT, "keep", keys, self._owner, encode_response(response), now, _KEPT_MS)
        finally:
            self._open.pop((claim.caller, claim.key), None)

    async def release(self, claim: KeyClaim) -> None:
        try:
            await self._client.run(_SCRIPT, "release", [self._place(claim)], self._owner)
        finally:
            self._open.pop((claim.caller, claim.key), None)

    async def expire(self) -> int:
        """Redis deletes them by itself."""
        return 0


def _reused() -> KeyReused:
    return KeyReused("this Idempotency-Key was used for another request")


def _in_progress() -> InProgress:
    return InProgress("the same request is being carried out", retry_after_ms=BUSY_RETRY_MS)
