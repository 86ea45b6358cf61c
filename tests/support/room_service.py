"""The room service over a store and an ACS in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any

from rooms_admin.rooms.requests import NewRoom
from rooms_admin.rooms.service import RoomService
from tests.support.acs_fakes import FakeAcs
from tests.support.in_memory_stores import InMemoryRooms

NEW = NewRoom.model_validate(
    {"name": "Board", "languages": ["en-US", "es-ES"], "participants": [{"display_name": "Ada", "speaks": "en-US"}]}
)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 8, 0, 0, 123456, UTC)

    def __call__(self) -> datetime:
        return self.now


class ServiceUnderTest:
    """Rooms over a store and ACS in memory, at a time that stands still."""

    def __init__(self, *join_codes: str, **options: Any) -> None:
        codes = chain(join_codes, repeat("999999"))
        self.fake = FakeAcs()
        self.store = InMemoryRooms()
        self.clock = Clock()
        self.rooms = RoomService(self.store, self.fake.acs, now=self.clock, join_code=lambda: next(codes), **options)

    def nothing_is_left(self) -> bool:
        return self.fake.rooms.rooms == {} and self.fake.identity.users == {}
