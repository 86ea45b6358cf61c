"""Rooms in the store: found, read, and changed while nobody else changes them. Knows no HTTP, and does without ACS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from http_serving.errors import Conflict, NotFound
from rooms_admin.errors import Changed
from rooms_admin.rooms.requests import NewGlossary, TicketRequest
from rooms_admin.rooms.room import Deletion, Glossary, Room, RoomQuery, RoomStore, UnknownRoom
from rooms_admin.rooms.validation import check_ticket, glossary_terms
from rooms_admin.rooms.versions import ANY, Expected


class RoomWatcher(Protocol):
    """Is notified of changed rooms. Called in the event loop; must not block."""

    def changed(self, room: Room) -> None: ...

    def removed(self, room: Room) -> None: ...


class StoredRooms:
    """Rooms and their glossaries. Methods raise `ServiceError`."""

    def __init__(self, store: RoomStore, watcher: RoomWatcher | None, now: Callable[[], datetime]) -> None:
        self.store = store
        self.now = now
        self._watcher = watcher

    async def get(self, room_id: str) -> Room:
        room = await self.store.get(room_id)
        if room is None:
            raise NotFound("no such room")
        return room

    async def current(self, room_id: str) -> Room:
        """Return a room that people can still join; `Conflict` if it has expired."""
        room = await self.get(room_id)
        if self.now() >= room.valid_until:
            raise Conflict("the room has expired")
        return room

    async def created_by(self, request_key: str) -> Room | None:
        """Return the room created by a request, if there is one."""
        return await self.store.find_by_request(request_key)

    async def page(self, query: RoomQuery) -> Sequence[Room]:
        return await self.store.page(replace(query, now=self.now()))

    async def find_by_join_code(self, join_code: str) -> Room | None:
        """Return the room with this join code; None for a wrong code or an expired room."""
        room = await self.store.find_by_join_code(join_code)
        return room if room is not None and self.now() < room.valid_until else None

    async def deletion(self, room_id: str) -> Deletion:
        """Return the proof that a room was deleted."""
        proof = await self.store.deletion(room_id)
        if proof is None:
            raise NotFound("no room of this id was deleted")
        return proof

    async def check_ticket(self, room_id: str, wanted: TicketRequest) -> None:
        """Check that a ticket can be issued for the room."""
        room = await self.current(room_id)
        check_ticket(room, wanted)

    # --- glossary ------------------------------------------------------------------------------

    async def glossary(self, room_id: str, version: int | None = None) -> Glossary:
        """Return the current glossary, or an earlier version."""
        room = await self.get(room_id)
        if version is None or version == room.glossary.version:
            return room.glossary
        found = await self.store.glossary(room_id, version)
        if found is None:
            raise NotFound("the glossary has no such version")
        return found

    async def put_glossary(self, room_id: str, new: NewGlossary, expected: Expected = ANY) -> Glossary:
        """Replace the glossary; an equal one is no new version."""

        def changed(room: Room) -> Room:
            expected.check(room.glossary.version)
            terms = glossary_terms(room.languages, new)
            return replace(room, glossary=Glossary(room.glossary.version + 1, terms))

        room = await self.get(room_id)
        expected.check(room.glossary.version)
        if glossary_terms(room.languages, new) == room.glossary.terms and room.glossary.version:
            return room.glossary
        async with self.store.changing(room_id):
            return (await self.update(room_id, changed)).glossary

    # --- changes -------------------------------------------------------------------------------

    async def expected(self, room_id: str, expected: Expected) -> Room:
        """Return the room that is to be changed. Called while it is locked."""
        room = await self.store.get(room_id)
        if room is None and expected is not ANY and await self.store.deletion(room_id) is not None:
            raise Changed("the room was deleted")
        if room is None:
            raise NotFound("no such room")
        expected.check(room.version)
        return room

    async def update(self, room_id: str, change: Callable[[Room], Room]) -> Room:
        """Change a room in the store, and tell the watcher."""
        try:
            room = await self.store.update(room_id, change)
        except UnknownRoom as error:
            raise NotFound("no such room") from error
        if self._watcher is not None:
            self._watcher.changed(room)
        return room
