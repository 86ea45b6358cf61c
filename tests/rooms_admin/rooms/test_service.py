"""What joins our store with ACS, above all when the two disagree or two admins are at work at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from http_serving.errors import Conflict, InvalidRequest, NotFound
from rooms_admin.errors import NotSupported
from rooms_admin.rooms.requests import ChangedParticipant, ChangedRoom, ChangedSettings, NewParticipant
from rooms_admin.rooms.room import Room
from tests.support.room_service import NEW, ServiceUnderTest


async def test_a_new_room_is_valid_for_180_days_from_this_second() -> None:
    room = await ServiceUnderTest().rooms.create(NEW)
    assert room.valid_from == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert room.valid_until - room.valid_from == timedelta(days=180)


async def test_ids_follow_one_another_though_the_clock_stands_still() -> None:
    rooms = ServiceUnderTest("000001", "000002").rooms
    first, second = await rooms.create(NEW), await rooms.create(NEW)
    ids = [
        first.room_id.split("-")[1],
        first.participants[0].participant_id.split("-")[1],
        second.room_id.split("-")[1],
    ]
    assert ids == sorted(set(ids))


async def test_a_join_code_that_is_taken_is_drawn_again() -> None:
    service = ServiceUnderTest("111111", "111111", "222222")
    assert (await service.rooms.create(NEW)).join_code == "111111"
    assert (await service.rooms.create(NEW)).join_code == "222222"


async def test_without_a_free_join_code_nothing_is_left_behind() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    with pytest.raises(Conflict, match="no join code"):
        await service.rooms.create(NEW)
    assert list(service.fake.rooms.rooms) == [room.acs_room_id]
    assert set(service.fake.identity.users) == {room.participants[0].acs_user_id}


async def test_a_store_that_fails_leaves_nothing_in_acs(monkeypatch: pytest.MonkeyPatch) -> None:
    service = ServiceUnderTest()

    async def fail(_: Room) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(service.store, "add", fail)
    with pytest.raises(OSError, match="disk full"):
        await service.rooms.create(NEW)
    assert service.nothing_is_left()


async def test_a_join_code_works_until_the_room_expires() -> None:
    service = ServiceUnderTest("123456")
    room = await service.rooms.create(NEW)
    assert await service.rooms.find_by_join_code("123456") == room
    assert await service.rooms.find_by_join_code("654321") is None
    service.clock.now = room.valid_until
    assert await service.rooms.find_by_join_code("123456") is None
    with pytest.raises(Conflict, match="expired"):
        await service.rooms.roster.issue_token(room.room_id, room.participants[0].participant_id, 60)


async def test_deleting_twice_at_once_is_no_error() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    results = await asyncio.gather(
        service.rooms.remove(room.room_id), service.rooms.remove(room.room_id), return_exceptions=True
    )
    assert list(results) == [None, None]
    assert service.nothing_is_left()


async def test_a_change_of_languages_that_does_not_fit_reaches_nobody() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    with pytest.raises(InvalidRequest):
        await service.rooms.roster.change(
            room.room_id,
            room.participants[0].participant_id,
            ChangedParticipant(role="Presenter", speaks="fr-FR"),
        )
    assert set(service.fake.rooms.rooms[room.acs_room_id].values()) == {"Attendee"}
    assert await service.rooms.get(room.room_id) == room


async def test_a_validity_in_the_past_never_reaches_acs() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    with pytest.raises(InvalidRequest):
        await service.rooms.change(room.room_id, ChangedRoom(valid_until=room.valid_from))
    assert service.fake.rooms.validity[room.acs_room_id] == (room.valid_from, room.valid_until)


async def test_a_change_of_a_room_that_is_deleted_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)

    async def while_deleted(*_: Any) -> None:
        service.store.lose_locks()
        await service.rooms.remove(room.room_id)

    monkeypatch.setattr(service.fake.acs, "set_role", while_deleted)
    with pytest.raises(NotFound, match="no such room"):
        await service.rooms.roster.change(
            room.room_id, room.participants[0].participant_id, ChangedParticipant(role="Consumer")
        )


# --- rooms without ACS -----------------------------------------------------------------------------------


WEB = NEW.model_copy(update={"media": "web"})


async def test_a_room_without_acs_never_asks_acs_for_anything() -> None:
    service = ServiceUnderTest("111111", "222222")
    room = await service.rooms.create(WEB)
    assert (room.media, room.acs_room_id, room.acs_room_ids, room.settings.layout) == ("web", "", (), "channels")
    assert [one.acs_user_id for one in room.participants] == [f"web:{room.participants[0].participant_id}"]

    roster = service.rooms.roster
    room, cleo = await roster.add(room.room_id, NewParticipant(display_name="Cleo", speaks="es-ES"))
    assert cleo.acs_user_id == f"web:{cleo.participant_id}"
    await roster.change(room.room_id, cleo.participant_id, ChangedParticipant(role="Presenter", hears="en-US"))
    until = room.valid_from + timedelta(days=3)
    room = await service.rooms.change(room.room_id, ChangedRoom(languages=["en-US", "es-ES"], valid_until=until))
    assert room.valid_until == until
    with pytest.raises(Conflict, match="joins by browser"):
        await roster.issue_token(room.room_id, cleo.participant_id, 60)
    await roster.remove(room.room_id, cleo.participant_id)
    await service.rooms.remove(room.room_id)
    assert (service.fake.rooms.calls, service.fake.identity.calls) == ({}, {})


async def test_a_room_without_acs_that_cannot_be_stored_has_nothing_to_undo(monkeypatch: pytest.MonkeyPatch) -> None:
    service = ServiceUnderTest()

    async def fail(_: Room) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(service.store, "add", fail)
    with pytest.raises(OSError, match="disk full"):
        await service.rooms.create(WEB)
    assert (service.fake.rooms.calls, service.fake.identity.calls) == ({}, {})


@pytest.mark.parametrize("settings", [{"layout": "sister"}, {"layout": "shared"}, {"mixed": True}])
async def test_what_needs_an_acs_room_cannot_be_set_without_one(settings: dict[str, Any]) -> None:
    service = ServiceUnderTest()
    change = ChangedSettings(**settings)
    with pytest.raises(NotSupported, match="media acs"):
        await service.rooms.create(WEB.model_copy(update={"settings": change}))
    room = await service.rooms.create(WEB)
    with pytest.raises(NotSupported, match="media acs"):
        await service.rooms.change(room.room_id, ChangedRoom(settings=change))


async def test_a_phone_cannot_be_in_a_room_without_acs() -> None:
    service = ServiceUnderTest()
    phone = NewParticipant(display_name="Dora", speaks="es-ES", phone_number="+15551234567")
    with pytest.raises(NotSupported, match="a phone"):
        await service.rooms.create(WEB.model_copy(update={"participants": [phone]}))
    room = await service.rooms.create(WEB)
    with pytest.raises(NotSupported, match="a phone"):
        await service.rooms.roster.add(room.room_id, phone)


# --- phones -----------------------------------------------------------------------------------------------


async def test_a_room_that_is_ended_has_expired_and_is_kept() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    service.clock.now += timedelta(hours=1)
    ended = await service.rooms.end(room.room_id)
    assert (ended.valid_from, ended.valid_until) == (room.valid_from, service.clock.now)
    assert service.fake.rooms.validity[room.acs_room_id] == (ended.valid_from, ended.valid_until)
    assert await service.rooms.find_by_join_code(room.join_code) is None
    service.clock.now += timedelta(hours=1)
    assert await service.rooms.end(room.room_id) == ended, "once more changes nothing"
    with pytest.raises(NotFound):
        await service.rooms.end("room-9")


async def test_a_room_that_is_ended_before_it_begins_has_never_been_valid() -> None:
    service = ServiceUnderTest()
    later = service.clock.now + timedelta(days=1)
    room = await service.rooms.create(NEW.model_copy(update={"valid_from": later}))
    ended = await service.rooms.end(room.room_id)
    assert ended.valid_from == ended.valid_until == service.clock.now
