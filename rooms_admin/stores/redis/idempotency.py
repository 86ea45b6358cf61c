"""Answers to requests that may be repeated, in Redis: at whichever replica they are repeated."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from rooms_admin.errors import InProgress, KeyReused
from rooms_admin.idempotency import BUSY_RETRY_MS, KEPT_FOR, KeyClaim, StoredResponse
from rooms_admin.rooms.room import milliseconds
from rooms_admin.stores.redis.keys import Keys
from storage.errors import StoreUnavailable
from storage.redis import RedisClient, Script

BEAT_S = 2.0
ALIVE_S = 7.0
"""A replica that has not said for so long that it lives does not: its requests may be carried out by others."""
_KEPT_MS = KEPT_FOR // timedelta(milliseconds=1)

_decoder = msgspec.msgpack.Decoder(StoredResponse)

_SCRIPT = Script(Path(__file__).with_name("idempotency.lua"))


class RedisIdempotency:
    """See Answers. `run` must be running, for others to know that we still carry out what we have begun."""

    def __init__(
        self, client: RedisClient, keys: Keys, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._client = client
        self._keys = keys
        self._now = now
        self._owner = secrets.token_hex(8)
        """Of claims made by this process."""
        self._open: dict[tuple[str, str], bytes] = {}
        """What is being carried out now, or asked for: what each wants."""

    async def run(self) -> None:
        """Say again and again that we live, until cancelled."""
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
                return _decoder.decode(answer[0])
            claim = KeyClaim(caller, key, unfinished=found == b"unfinished")
            return claim
        finally:
            if claim is None:
                del self._open[caller, key]

    def _place(self, claim: KeyClaim) -> str:
        return self._keys.answer(claim.request_key)

    async def keep(self, claim: KeyClaim, answer: StoredResponse, room_id: str | None) -> None:
        keys = [self._place(claim)]
        if room_id is not None:
            keys += [self._keys.room(room_id), self._keys.of(room_id, "answers")]
        now = milliseconds(self._now())
        try:
            await self._client.run(_SCRIPT, "keep", keys, self._owner, msgspec.msgpack.encode(answer), now, _KEPT_MS)
        finally:
            self._open.pop((claim.caller, claim.key), None)

    async def release(self, claim: KeyClaim) -> None:
        try:
            await self._client.run(_SCRIPT, "release", [self._place(claim)], self._owner)
        finally:
            self._open.pop((claim.caller, claim.key), None)

    async def expire(self) -> int:
        """Redis forgets them by itself."""
        return 0


def _reused() -> KeyReused:
    return KeyReused("this Idempotency-Key was used for another request")


def _in_progress() -> InProgress:
    return InProgress("the same request is being carried out", retry_after_ms=BUSY_RETRY_MS)
