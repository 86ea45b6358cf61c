"""The real rooms client against the emulator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from azure.communication.rooms import CommunicationRoom, ParticipantRole, RoomParticipant
from azure.communication.rooms._shared.models import CommunicationUserIdentifier
from azure.communication.rooms.aio import RoomsClient
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from emulator.acs.wire.times import read_time
from tests.support.acs_emulator import Acs, running_acs
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


def rooms_client(acs: Acs) -> RoomsClient:
    return RoomsClient(acs.url, acs.credential)


def invited(name: str, role: ParticipantRole = ParticipantRole.ATTENDEE) -> RoomParticipant:
    return RoomParticipant(communication_identifier=CommunicationUserIdentifier(f"8:acs:{name}"), role=role)


def span(room: CommunicationRoom) -> timedelta:
    # Declared as datetimes, these are texts in truth.
    return read_time(str(room.valid_until)) - read_time(str(room.valid_from))


async def test_a_room_lives() -> None:
    async with running_acs() as acs, rooms_client(acs) as client:
        now = datetime.now(UTC)
        made = await client.create_room(
            valid_from=now, valid_until=now + timedelta(days=1), participants=[invited("anna")]
        )
        assert len(made.id) == 17 and made.id.isdigit()
        assert span(made) == timedelta(days=1)
        assert abs(read_time(str(made.created_at)) - now) < timedelta(minutes=1)

        found = await client.get_room(made.id)
        assert (found.id, found.valid_until) == (made.id, made.valid_until)

        longer = await client.update_room(room_id=made.id, valid_from=now, valid_until=now + timedelta(days=2))
        assert span(longer) == timedelta(days=2)

        await client.delete_room(made.id)
        with pytest.raises(ResourceNotFoundError) as gone:
            await client.get_room(made.id)
        assert gone.value.error is not None
        assert gone.value.error.code == "NotFound"


async def test_the_roster_takes_changes() -> None:
    async with running_acs() as acs, rooms_client(acs) as client:
        room = await client.create_room(participants=[invited("anna"), invited("ben", ParticipantRole.PRESENTER)])
        changes = [invited("anna", ParticipantRole.CONSUMER), invited("clara")]
        await client.add_or_update_participants(room_id=room.id, participants=changes)
        ben = CommunicationUserIdentifier("8:acs:ben")
        await client.remove_participants(room_id=room.id, participants=[ben])
        roster = {each.communication_identifier.raw_id: each.role async for each in client.list_participants(room.id)}
        assert roster == {"8:acs:anna": "Consumer", "8:acs:clara": "Attendee"}


async def test_lists_come_in_pages() -> None:
    async with running_acs({"page_size": 2}) as acs, rooms_client(acs) as client:
        made = [(await client.create_room()).id for _ in range(5)]
        assert [room.id async for room in client.list_rooms()] == made
        people = [invited(f"user{number}") for number in range(3)]
        await client.add_or_update_participants(room_id=made[0], participants=people)
        assert len([each async for each in client.list_participants(made[0])]) == 3
        asked = [entry["path"] for entry in acs.journal.entries("http", method="GET")]
        assert asked.count("/rooms") == 3


@pytest.mark.parametrize(
    ("valid_from", "valid_until"),
    [
        (timedelta(), timedelta(days=181)),
        (timedelta(), timedelta()),
        (timedelta(days=-3), timedelta(days=-1)),
    ],
)
async def test_impossible_times_are_refused(valid_from: timedelta, valid_until: timedelta) -> None:
    async with running_acs() as acs, rooms_client(acs) as client:
        now = datetime.now(UTC)
        with pytest.raises(HttpResponseError) as refused:
            await client.create_room(valid_from=now + valid_from, valid_until=now + valid_until)
        error = refused.value.error
        assert refused.value.status_code == 400 and error is not None
        assert error.code == "BadRequest"
        assert error.details[0].message == "The time range is incorrect, or larger than 180 days."


async def test_a_malformed_id_and_a_foreign_participant_are_refused() -> None:
    async with running_acs() as acs, rooms_client(acs) as client:
        with pytest.raises(HttpResponseError) as refused:
            await client.get_room("123")
        assert refused.value.error is not None
        assert refused.value.error.details[0].message == "Invalid room ID length."
        stranger = RoomParticipant(communication_identifier=CommunicationUserIdentifier("4:+15551234567"))
        with pytest.raises(HttpResponseError) as refused:
            await client.create_room(participants=[stranger])
        assert refused.value.error is not None
        assert refused.value.error.details[0].message == "Invalid value for the Participants."
