"""People are added, changed and removed in ACS and in the store alike."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from http_serving.errors import Conflict, InvalidRequest, NotFound
from rooms_admin.rooms.requests import ChangedParticipant, ChangedRoom, NewParticipant
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
