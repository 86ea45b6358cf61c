"""Stores that live and die with a test: rooms, and key-value pairs with queues."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from rooms_admin.rooms.room import Deletion, Glossary, JoinCodeTaken, Room, RoomQuery, UnknownRoom
from rooms_admin.stores.room_locks import RoomLocks
from storage.errors import StoreUnavailable
from storage.key_value import QUEUE_LIMIT


class InMemoryRooms:
    """A RoomStore. Rooms are few: paging sorts them when asked."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._glossaries: dict[str, dict[int, Glossary]] = {}
        self._deletions: dict[str, Deletion] = {}
        self.lose_locks()

    def lose_locks(self) -> None:
        """As in a process whose connection to the store was lost for so long that they expired."""
        self.changing = RoomLocks().hold

    async def add(self, room: Room) -> None:
        if any(one.join_code == room.join_code and one.valid_until > room.created_at for one in self._rooms.values()):
            raise JoinCodeTaken(room.join_code)
        self._rooms[room.room_id] = room
        self._glossaries[room.room_id] = {room.glossary.version: room.glossary}

    async def get(self, room_id: str) -> Room | None:
        return self._rooms.get(room_id)

    async def find_by_acs_room(self, acs_room_id: str) -> Room | None:
        return self._youngest(lambda room: acs_room_id in room.acs_room_ids)

    async def find_by_join_code(self, join_code: str) -> Room | None:
        return self._youngest(lambda room: room.join_code == join_code)

    async def find_by_request(self, request_key: str) -> Room | None:
        return self._youngest(lambda room: room.request_key == request_key)

    def _youngest(self, wanted: Callable[[Room], bool]) -> Room | None:
        return max(filter(wanted, self._rooms.values()), key=lambda room: room.room_id, default=None)

    async def update(self, room_id: str, change: Callable[[Room], Room]) -> Room:
        room = self._rooms.get(room_id)
        if room is None:
            raise UnknownRoom(room_id)
        changed = replace(change(room), version=room.version + 1)
        self._rooms[room_id] = changed
        self._glossaries[room_id][changed.glossary.version] = changed.glossary
        return changed

    async def remove(self, room_id: str, now: datetime) -> Deletion:
        room = self._rooms.pop(room_id, None)
        if room is None:
            raise UnknownRoom(room_id)
        versions = self._glossaries.pop(room_id)
        removed = {
            "rooms": 1,
            "acs_rooms": len(room.acs_room_ids),
            "participants": len(room.participants),
            "glossary_versions": len(versions),
        }
        proof = self._deletions[room_id] = Deletion(room_id, now, removed, dict.fromkeys(removed, 0))
        return proof

    async def deletion(self, room_id: str) -> Deletion | None:
        return self._deletions.get(room_id)

    async def glossary(self, room_id: str, version: int) -> Glossary | None:
        return self._glossaries.get(room_id, {}).get(version)

    async def page(self, query: RoomQuery) -> Sequence[Room]:
        def place(room: Room) -> tuple[str, str]:
            return query.sort_key(room), room.room_id

        def beyond(room: Room) -> bool:
            if query.after is None:
                return True
            return place(room) < query.after if query.descending else place(room) > query.after

        found = [room for room in self._rooms.values() if query.matches(room) and beyond(room)]
        return sorted(found, key=place, reverse=query.descending)[: query.limit]


class InMemoryKeyValue:
    """A KeyValueStore."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._values: dict[str, tuple[bytes, float | None]] = {}
        """With the time at which each is to be forgotten."""
        self._queues: dict[str, deque[bytes]] = {}
        self._pushed = asyncio.Condition()

    async def get(self, key: str) -> bytes | None:
        return self._current(key)

    def _current(self, key: str) -> bytes | None:
        value, until = self._values.get(key, (None, None))
        if until is not None and self._clock() >= until:
            del self._values[key]
            return None
        return value

    async def put(self, values: Mapping[str, bytes], ttl_s: float | None = None) -> None:
        until = None if ttl_s is None else self._clock() + ttl_s
        self._values |= {key: (value, until) for key, value in values.items()}

    async def swap(self, key: str, old: bytes | None, new: bytes | None, ttl_s: float | None = None) -> bool:
        if self._current(key) != old:
            return False
        if new is None:
            self._values.pop(key, None)
        else:
            await self.put({key: new}, ttl_s)
        return True

    async def remove(self, *keys: str) -> None:
        for key in keys:
            self._values.pop(key, None)

    async def find(self, prefix: str) -> Mapping[str, bytes]:
        found = {key: self._current(key) for key in list(self._values) if key.startswith(prefix)}
        return {key: value for key, value in found.items() if value is not None}

    async def push(self, queue: str, item: bytes) -> None:
        async with self._pushed:
            items = self._queues.setdefault(queue, deque())
            if len(items) >= QUEUE_LIMIT:
                raise StoreUnavailable("the queue is full")
            items.append(item)
            self._pushed.notify_all()

    async def pop(self, queue: str, wait_s: float) -> bytes | None:
        try:
            async with asyncio.timeout(wait_s), self._pushed:
                await self._pushed.wait_for(lambda: self._queues.get(queue))
                return self._queues[queue].popleft()
        except TimeoutError:
            return None
