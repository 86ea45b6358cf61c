"""People are added, changed and removed in ACS and in the store alike."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from http_serving.errors import Conflict, Forbidden, InvalidRequest, NotFound
from rooms_admin.rooms.requests import (
    MOST_GUESTS,
    ChangedParticipant,
    ChangedRoom,
    ChangedSettings,
    NewParticipant,
    NewRoom,
)
from tests.support.room_service import NEW, ServiceUnderTest

CLEO = NewParticipant(display_name="Cleo", speaks="es-ES")
PHONE = NewParticipant(display_name="Dora", speaks="es-ES", phone_number="+15551234567")


async def test_people_added_at_once_are_all_there() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(
                service.rooms.roster.add(room.room_id, NewParticipant(display_name=f"{number}", speaks="en-US"))
            )
    after = await service.rooms.get(room.room_id)
    assert {one.display_name for one in after.participants} == {"Ada", *"0123456789"}
    assert {one.acs_user_id for one in after.participants} == set(service.fake.rooms.rooms[room.acs_room_id])


async def test_somebody_added_while_the_room_is_deleted_does_not_stay_in_acs() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    adding = service.rooms.roster.add(room.room_id, CLEO)
    results = await asyncio.gather(adding, service.rooms.remove(room.room_id), return_exceptions=True)
    assert isinstance(results[0], NotFound)
    assert results[1] is None
    assert service.nothing_is_left()


async def test_somebody_added_while_the_languages_change_is_refused_and_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    invite = service.fake.acs.add_participant

    async def while_languages_change(*args: Any) -> str:
        await service.rooms.change(room.room_id, ChangedRoom(languages=["en-US", "fr-FR"]))
        return await invite(*args)

    monkeypatch.setattr(service.fake.acs, "add_participant", while_languages_change)
    with pytest.raises(InvalidRequest):
        await service.rooms.roster.add(room.room_id, CLEO)
    assert set(service.fake.identity.users) == {room.participants[0].acs_user_id}


async def test_a_room_takes_350_people() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW.model_copy(update={"participants": [CLEO] * 350}))
    with pytest.raises(Conflict, match="full"):
        await service.rooms.roster.add(room.room_id, CLEO)
    assert len(service.fake.identity.users) == 350


async def test_a_role_that_stays_is_not_sent_to_acs() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    participant_id = room.participants[0].participant_id
    service.fake.rooms.fail("add_or_update_participants", AssertionError("was called"))
    _, changed = await service.rooms.roster.change(
        room.room_id, participant_id, ChangedParticipant(role="Attendee", display_name="Ada L.")
    )
    assert changed.display_name == "Ada L."


async def test_a_phone_on_the_roster_may_be_dialled_and_is_known_by_its_raw_id() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW.model_copy(update={"participants": [*NEW.participants, PHONE]}))
    dora = room.participants[1]
    assert (dora.acs_user_id, dora.phone_number) == ("4:+15551234567", "+15551234567")
    assert service.fake.rooms.dial_out == {room.acs_room_id}
    assert set(service.fake.rooms.rooms[room.acs_room_id]) == {room.participants[0].acs_user_id}
    with pytest.raises(Conflict, match="phone"):
        await service.rooms.roster.issue_token(room.room_id, dora.participant_id, 60)
    await service.rooms.roster.change(room.room_id, dora.participant_id, ChangedParticipant(role="Presenter"))
    await service.rooms.roster.remove(room.room_id, dora.participant_id)
    await service.rooms.remove(room.room_id)
    assert service.nothing_is_left()


async def test_a_phone_added_later_may_be_dialled_from_then_on() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    assert service.fake.rooms.dial_out == set()
    _, dora = await service.rooms.roster.add(room.room_id, PHONE)
    assert (dora.acs_user_id, service.fake.rooms.dial_out) == ("4:+15551234567", {room.acs_room_id})
    assert len(service.fake.identity.users) == 1


async def test_a_phone_is_on_the_roster_once() -> None:
    service = ServiceUnderTest()
    with pytest.raises(InvalidRequest, match="twice"):
        await service.rooms.create(NEW.model_copy(update={"participants": [PHONE, PHONE]}))
    assert service.nothing_is_left()
    room = await service.rooms.create(NEW)
    await service.rooms.roster.add(room.room_id, PHONE)
    with pytest.raises(InvalidRequest, match="twice"):
        await service.rooms.roster.add(room.room_id, PHONE)


# --- guests ----------------------------------------------------------------------------------------


async def test_a_guest_is_on_the_roster_and_unknown_to_acs() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    guest = await service.rooms.roster.add_guest(room.room_id, CLEO)
    assert guest.acs_user_id == f"web:{guest.participant_id}"
    assert (guest.guest, guest.role, guest.hears) == (True, "Attendee", "es-ES")
    assert (await service.rooms.get(room.room_id)).participants[-1] == guest
    assert set(service.fake.identity.users) == {room.participants[0].acs_user_id}
    with pytest.raises(Conflict, match="by browser"):
        await service.rooms.roster.issue_token(room.room_id, guest.participant_id, 60)
    await service.rooms.roster.remove(room.room_id, guest.participant_id)
    await service.rooms.roster.add_guest(room.room_id, CLEO)
    await service.rooms.remove(room.room_id)
    assert service.nothing_is_left()


async def test_the_same_request_adds_one_guest_however_often_it_comes() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    add = service.rooms.roster.add_guest
    guests = await asyncio.gather(*(add(room.room_id, CLEO, "guest:1") for _ in range(5)))
    assert len({guest.participant_id for guest in guests}) == 1
    assert (await add(room.room_id, CLEO, "guest:2")).participant_id != guests[0].participant_id
    assert len((await service.rooms.get(room.room_id)).participants) == 3


async def test_a_guest_comes_back_with_another_name() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    guest = await service.rooms.roster.add_guest(room.room_id, CLEO)
    come_back = service.rooms.roster.return_guest
    version = (await service.rooms.get(room.room_id)).version
    assert await come_back(room.room_id, guest.participant_id, ChangedParticipant(display_name="Cleo")) == guest
    assert (await service.rooms.get(room.room_id)).version == version, "nothing has changed"
    named = await come_back(room.room_id, guest.participant_id, ChangedParticipant(display_name="Cleopatra"))
    assert named == replace(guest, display_name="Cleopatra")
    with pytest.raises(InvalidRequest):
        await come_back(room.room_id, guest.participant_id, ChangedParticipant(speaks="fr-FR"))
    await service.rooms.roster.remove(room.room_id, guest.participant_id)
    with pytest.raises(Forbidden, match="no longer"):
        await come_back(room.room_id, guest.participant_id, ChangedParticipant())


async def test_a_guest_of_a_room_per_language_changes_languages_without_acs() -> None:
    service = ServiceUnderTest()
    sisters = NewRoom(name="Board", languages=["en-US", "es-ES"], settings=ChangedSettings(layout="sister"))
    room = await service.rooms.create(sisters)
    guest = await service.rooms.roster.add_guest(room.room_id, CLEO)
    changed = await service.rooms.roster.return_guest(
        room.room_id, guest.participant_id, ChangedParticipant(speaks="en-US", hears="en-US")
    )
    assert (changed.speaks, changed.hears) == ("en-US", "en-US")
    assert all(people == {} for people in service.fake.rooms.rooms.values())


async def test_a_room_without_guests_lets_nobody_in_nor_back() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    guest = await service.rooms.roster.add_guest(room.room_id, CLEO)
    await service.rooms.change(room.room_id, ChangedRoom(settings=ChangedSettings(guests=False)))
    with pytest.raises(Forbidden, match="roster"):
        await service.rooms.roster.add_guest(room.room_id, CLEO)
    with pytest.raises(Forbidden, match="roster"):
        await service.rooms.roster.return_guest(room.room_id, guest.participant_id, ChangedParticipant())


async def test_guests_leave_a_place_for_those_whom_an_admin_adds() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    first = await service.rooms.roster.add_guest(room.room_id, CLEO)
    crowd = tuple(replace(first, participant_id=f"participant-z{number:03}") for number in range(MOST_GUESTS - 1))
    await service.store.update(room.room_id, lambda room: replace(room, participants=(*room.participants, *crowd)))
    with pytest.raises(Conflict, match="300 guests"):
        await service.rooms.roster.add_guest(room.room_id, CLEO)
    await service.rooms.roster.add(room.room_id, CLEO)


async def test_a_guest_who_joins_twice_at_once_gets_one_acs_identity() -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    guest = await service.rooms.roster.add_guest(room.room_id, CLEO)
    join = service.rooms.roster.join_by_acs
    joined = await asyncio.gather(*(join(room.room_id, guest.participant_id, 60) for _ in range(5)))
    assert len({participant.acs_user_id for _, participant, _ in joined}) == 1
    assert len(service.fake.identity.users) == 2


async def test_an_acs_identity_that_is_not_stored_does_not_stay_in_acs(monkeypatch: pytest.MonkeyPatch) -> None:
    service = ServiceUnderTest()
    room = await service.rooms.create(NEW)
    guest = await service.rooms.roster.add_guest(room.room_id, CLEO)
    invite = service.fake.acs.add_participant

    async def while_the_guest_leaves(*args: Any) -> str:
        user = await invite(*args)
        await service.store.update(room.room_id, lambda room: replace(room, participants=room.participants[:1]))
        return user

    monkeypatch.setattr(service.fake.acs, "add_participant", while_the_guest_leaves)
    with pytest.raises(NotFound):
        await service.rooms.roster.join_by_acs(room.room_id, guest.participant_id, 60)
    assert set(service.fake.identity.users) == {room.participants[0].acs_user_id}
