"""Keeps rooms in Redis: a RoomStore that several replicas share.

Nothing is cached, so that all replicas see a change at once.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rooms_admin.rooms.room import (
    Deletion,
    Glossary,
    JoinCodeTaken,
    Room,
    RoomQuery,
    UnknownRoom,
    folded,
    milliseconds,
)
from rooms_admin.stores.redis.keys import Keys
from rooms_admin.stores.room_locks import WAIT_S, RoomLocks, busy
from storage.documents import Documents
from storage.errors import StoreUnavailable
from storage.redis import Part, RedisClient, Script

READ_AT_ONCE = 100
"""Rooms read at a time for a listing. Filters are applied room by room until the page is full."""
TRIES = 100
"""Attempts to change a room while concurrent requests keep changing it."""
LOCK_MS = 10_000
"""Milliseconds after which the lock of a replica that died is free."""
LOCK_POLL_S = 0.05
"""Interval in seconds of trying to lock a room that another replica is changing."""
_SORTED_BY = {"created_at": "id", "name": "name", "valid_until": "end"}

_SCRIPT = Script(Path(__file__).with_name("rooms.lua"))


@dataclass(frozen=True, slots=True)
class _Proof:
    """See Deletion. Written by the script."""

    deleted_ms: int
    removed: dict[str, int]
    left: dict[str, int]


class RedisRooms:
    """See RoomStore. A change that raised `StoreUnavailable` may have been carried out nevertheless."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._locks = RoomLocks()
        self._rooms = Documents("room", Room, client.health)
        self._glossaries = Documents("glossary", Glossary, client.health)
        self._proofs = Documents("deletion", _Proof, client.health)

    async def add(self, room: Room) -> None:
        if not await self._client.run(_SCRIPT, "add", [], milliseconds(room.created_at), *self._put(room)):
            raise JoinCodeTaken(room.join_code)

    def _put(self, room: Room) -> list[Part]:
        return [
            self._keys.prefix,
            room.room_id,
            self._rooms.encode(room),
            room.version,
            len(room.participants),
            folded(room.name),
            f"{milliseconds(room.valid_until):015}",
            room.join_code,
            " ".join(room.acs_room_ids),
            room.request_key or "",
            room.glossary.version,
            self._glossaries.encode(room.glossary),
        ]

    async def get(self, room_id: str) -> Room | None:
        document = await self._client.call("HGET", self._keys.room(room_id), "document")
        return None if document is None else self._rooms.decode(room_id, document)

    async def find_by_acs_room(self, acs_room_id: str) -> Room | None:
        return await self._youngest(await self._client.call("SMEMBERS", self._keys.found_by("acs", acs_room_id)))

    async def find_by_join_code(self, join_code: str) -> Room | None:
        return await self._youngest(await self._client.call("ZRANGE", self._keys.found_by("code", join_code), 0, -1))

    async def find_by_request(self, request_key: str) -> Room | None:
        return await self._youngest(await self._client.call("SMEMBERS", self._keys.found_by("request", request_key)))

    async def _youngest(self, room_ids: Sequence[bytes]) -> Room | None:
        return await self.get(max(room_ids).decode()) if room_ids else None

    @asynccontextmanager
    async def changing(self, room_id: str) -> AsyncIterator[None]:
        async with self._locks.hold(room_id):
            lock, token = self._keys.lock(room_id), secrets.token_hex(8)
            await self._acquire(lock, token)
            renewing = asyncio.create_task(self._renew(lock, token), name="renew the lock of a room")
            try:
                yield
            finally:
                renewing.cancel()
                await asyncio.wait({renewing})
                try:
                    await self._client.run(_SCRIPT, "unlock", [lock], token)
                except StoreUnavailable:
                    pass  # it expires

    async def _acquire(self, lock: str, token: str) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + WAIT_S
        while not await self._client.call("SET", lock, token, "NX", "PX", LOCK_MS):
            if clock() >= until:
                raise busy()
            await asyncio.sleep(LOCK_POLL_S)

    async def _renew(self, lock: str, token: str) -> None:
        while True:
            await asyncio.sleep(LOCK_MS / 3_000)
            try:
                await self._client.run(_SCRIPT, "relock", [lock], token, LOCK_MS)
            except StoreUnavailable:
                pass  # if it lasts, the lock expires: the version of the room is compared when it is written

    async def update(self, room_id: str, change: Callable[[Room], Room]) -> Room:
        for _ in range(TRIES):
            room = await self.get(room_id)
            if room is None:
                raise UnknownRoom(room_id)
            changed = replace(change(room), version=room.version + 1)
            if await self._client.run(_SCRIPT, "update", [], room.version, *self._put(changed)):
                return changed
        raise StoreUnavailable("the room is being changed by other requests", retry_after_ms=1_000)

    async def remove(self, room_id: str, now: datetime) -> Deletion:
        proof = await self._client.run(_SCRIPT, "remove", [], self._keys.prefix, room_id, milliseconds(now))
        if proof is None:
            raise UnknownRoom(room_id)
        deletion = self._deletion(room_id, proof)
        if deletion is None:
            raise UnknownRoom(room_id)
        return deletion

    async def deletion(self, room_id: str) -> Deletion | None:
        proof = await self._client.call("HGET", self._keys.deletions, room_id)
        return None if proof is None else self._deletion(room_id, proof)

    async def glossary(self, room_id: str, version: int) -> Glossary | None:
        document = await self._client.call("HGET", self._keys.of(room_id, "glossaries"), version)
        return None if document is None else self._glossaries.decode(f"{room_id}/{version}", document)

    async def page(self, query: RoomQuery) -> Sequence[Room]:
        index = self._keys.index(_SORTED_BY[query.sort.removeprefix("-")])
        command = "ZREVRANGEBYLEX" if query.descending else "ZRANGEBYLEX"
        first, last = ("+", "-") if query.descending else ("-", "+")
        if query.after is not None:
            key, room_id = query.after
            first = f"({room_id}" if index == self._keys.index("id") else f"({key}\0{room_id}"
        found: list[Room] = []
        while len(found) < query.limit:
            given = (self._keys.prefix, command, first, last, READ_AT_ONCE)
            place, *read = await self._client.run(_SCRIPT, "read", [index], *given)
            rooms = [self._rooms.decode(name.decode(), one) for name, one in zip(read[::2], read[1::2], strict=True)]
            found += [room for room in rooms if room is not None and query.matches(room)]
            if len(read) < 2 * READ_AT_ONCE:
                break
            first = "(" + place.decode()
        return found[: query.limit]

    def _deletion(self, room_id: str, text: bytes) -> Deletion | None:
        proof = self._proofs.decode(room_id, text)
        if proof is None:
            return None
        return Deletion(room_id, datetime.fromtimestamp(proof.deleted_ms / 1000, UTC), proof.removed, proof.left)
