"""Rooms kept in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from rooms_admin.rooms.room import Deletion, Glossary, JoinCodeTaken, Room, RoomQuery, UnknownRoom


class InMemoryRooms:
    """A RoomStore that lives and dies with the process. Rooms are few: paging sorts them when asked."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._glossaries: dict[str, dict[int, Glossary]] = {}
        self._deletions: dict[str, Deletion] = {}

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
