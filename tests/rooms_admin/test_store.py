"""The store in memory keeps what a RoomStore promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rooms_admin.store import InMemoryRooms, JoinCodeTaken, Participant, Room, RoomStore, UnknownRoom

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
ADA = Participant("participant-1", "8:acs:a", "Ada", "Presenter", "en-US", "en-US")


def room(number: int, *, join_code: str | None = None, created_at: datetime = NOW) -> Room:
    return Room(
        room_id=f"room-{number}",
        acs_room_id=f"9911781242862{number:04}",
        join_code=join_code or f"{number:06}",
        name="Board",
        languages=("en-US", "es-ES"),
        mode="consecutive",
        participants=(ADA,),
        valid_from=created_at,
        valid_until=created_at + timedelta(days=1),
        created_at=created_at,
    )


@pytest.fixture
def store() -> RoomStore:
    return InMemoryRooms()


async def test_a_room_is_found_by_each_of_its_names(store: RoomStore) -> None:
    await store.add(room(1))
    await store.add(room(2))
    assert await store.get("room-2") == room(2)
    assert await store.find_by_acs_room(room(2).acs_room_id) == room(2)
    assert await store.find_by_join_code("000002") == room(2)


async def test_nothing_is_found_by_other_names(store: RoomStore) -> None:
    await store.add(room(1))
    assert await store.get("room-2") is None
    assert await store.find_by_acs_room("") is None
    assert await store.find_by_join_code("") is None


async def test_a_join_code_belongs_to_one_valid_room(store: RoomStore) -> None:
    await store.add(room(1, join_code="123456"))
    with pytest.raises(JoinCodeTaken):
        await store.add(room(2, join_code="123456"))
    assert await store.get("room-2") is None


async def test_the_join_code_of_an_expired_room_is_used_again(store: RoomStore) -> None:
    later = room(2, join_code="123456", created_at=NOW + timedelta(days=1))
    await store.add(room(1, join_code="123456"))
    await store.add(later)
    assert await store.find_by_join_code("123456") == later
    await store.remove("room-1")
    assert await store.find_by_join_code("123456") == later


async def test_each_change_is_a_new_version(store: RoomStore) -> None:
    await store.add(room(1))
    await store.update("room-1", lambda room: replace(room, name="Town hall"))
    changed = await store.update("room-1", lambda room: replace(room, name=room.name + "!"))
    assert (changed.name, changed.version) == ("Town hall!", 3)
    assert await store.get("room-1") == changed


async def test_a_change_that_fails_changes_nothing(store: RoomStore) -> None:
    await store.add(room(1))

    def fail(_: Room) -> Room:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.update("room-1", fail)
    assert await store.get("room-1") == room(1)


async def test_a_removed_room_is_gone_by_every_name(store: RoomStore) -> None:
    await store.add(room(1))
    assert await store.remove("room-1") == room(1)
    assert await store.get("room-1") is None
    assert await store.find_by_acs_room(room(1).acs_room_id) is None
    assert await store.find_by_join_code("000001") is None
    with pytest.raises(UnknownRoom):
        await store.remove("room-1")
    with pytest.raises(UnknownRoom):
        await store.update("room-1", lambda room: room)


async def test_pages_follow_the_ids(store: RoomStore) -> None:
    for number in (3, 1, 2):
        await store.add(room(number))
    assert [one.room_id for one in await store.page(None, 2)] == ["room-1", "room-2"]
    assert [one.room_id for one in await store.page("room-2", 2)] == ["room-3"]
    assert [one.room_id for one in await store.page("room-15", 9)] == ["room-2", "room-3"]


def test_a_participant_is_found_in_its_room() -> None:
    assert room(1).participant("participant-1") is ADA
    assert room(1).participant("participant-2") is None
