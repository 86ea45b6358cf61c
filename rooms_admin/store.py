"""What a room is, the RoomStore protocol and the store in memory; knows neither REST nor ACS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

Role = Literal["Presenter", "Attendee", "Consumer", "Collaborator"]
Mode = Literal["consecutive", "simultaneous"]
BargeIn = Literal["ignore", "stop"]


@dataclass(frozen=True, slots=True)
class RoomSettings:
    """How the interpreter behaves in a room; times in milliseconds."""

    end_of_turn_ms: int = 500
    """a pause of this length ends an utterance"""
    end_of_turn_after_long_ms: int = 250
    """once `long_speech_ms` have been spoken, this is enough"""
    long_speech_ms: int = 3_000
    max_utterance_ms: int = 10_000
    """an utterance ends here in any case"""
    barge_in: BargeIn = "ignore"
    """whether a voice that speaks over the interpreter stops it"""


@dataclass(frozen=True, slots=True)
class Participant:
    participant_id: str
    """ours; later ones sort after earlier ones"""
    acs_user_id: str
    """raw id, `8:acs:…`"""
    display_name: str
    role: Role
    speaks: str
    """one of the room's languages, or `auto`"""
    hears: str
    """one of the room's languages"""


@dataclass(frozen=True, slots=True)
class Room:
    room_id: str
    """ours; later ones sort after earlier ones"""
    acs_room_id: str
    join_code: str
    """6 digits: a lookup, never a credential"""
    name: str
    languages: tuple[str, ...]
    mode: Mode
    participants: tuple[Participant, ...]
    """in the order they were added"""
    valid_from: datetime
    valid_until: datetime
    created_at: datetime
    settings: RoomSettings = RoomSettings()
    version: int = 1
    """grows by one with every change"""

    def participant(self, participant_id: str) -> Participant | None:
        return next((one for one in self.participants if one.participant_id == participant_id), None)


class UnknownRoom(LookupError):
    """No such room, or no longer."""


class JoinCodeTaken(Exception):
    """Another room that is still valid has this join code."""


class RoomStore(Protocol):
    """Where rooms are kept. Each method is atomic; a store shared by several processes must see to it."""

    async def add(self, room: Room) -> None:
        """Keep a new room; `JoinCodeTaken` if a room still valid when this one was created has its code."""

    async def get(self, room_id: str) -> Room | None: ...

    async def find_by_acs_room(self, acs_room_id: str) -> Room | None: ...

    async def find_by_join_code(self, join_code: str) -> Room | None:
        """The youngest room with this code, expired or not."""

    async def update(self, room_id: str, change: Callable[[Room], Room]) -> Room:
        """Put `change(room)` in the place of the room and return it, with the version grown by one.

        `change` is pure, may be called more than once, and may raise, which leaves the room as it was.
        `UnknownRoom` if there is none.
        """

    async def remove(self, room_id: str) -> Room:
        """Forget the room and return it; `UnknownRoom` if there is none."""

    async def page(self, after: str | None, limit: int) -> Sequence[Room]:
        """Up to `limit` rooms in the order of their ids, from the first one beyond `after`."""


class InMemoryRooms:
    """A RoomStore that lives and dies with the process. Rooms are few: paging sorts them when asked."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._by_acs_room: dict[str, str] = {}
        self._by_join_code: dict[str, str] = {}

    async def add(self, room: Room) -> None:
        holder = self._rooms.get(self._by_join_code.get(room.join_code, ""))
        if holder is not None and holder.valid_until > room.created_at:
            raise JoinCodeTaken(room.join_code)
        self._rooms[room.room_id] = room
        self._by_acs_room[room.acs_room_id] = room.room_id
        self._by_join_code[room.join_code] = room.room_id

    async def get(self, room_id: str) -> Room | None:
        return self._rooms.get(room_id)

    async def find_by_acs_room(self, acs_room_id: str) -> Room | None:
        return self._rooms.get(self._by_acs_room.get(acs_room_id, ""))

    async def find_by_join_code(self, join_code: str) -> Room | None:
        return self._rooms.get(self._by_join_code.get(join_code, ""))

    async def update(self, room_id: str, change: Callable[[Room], Room]) -> Room:
        room = self._rooms.get(room_id)
        if room is None:
            raise UnknownRoom(room_id)
        changed = replace(change(room), version=room.version + 1)
        self._rooms[room_id] = changed
        return changed

    async def remove(self, room_id: str) -> Room:
        room = self._rooms.pop(room_id, None)
        if room is None:
            raise UnknownRoom(room_id)
        del self._by_acs_room[room.acs_room_id]
        if self._by_join_code.get(room.join_code) == room_id:
            del self._by_join_code[room.join_code]
        return room

    async def page(self, after: str | None, limit: int) -> Sequence[Room]:
        ids = sorted(room_id for room_id in self._rooms if after is None or room_id > after)
        return [self._rooms[room_id] for room_id in ids[:limit]]
