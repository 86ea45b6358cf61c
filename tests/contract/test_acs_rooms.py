"""The real rooms client against the emulator."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.communication.rooms import CommunicationRoom, ParticipantRole, RoomParticipant
from azure.communication.rooms._shared.models import CommunicationUserIdentifier
from azure.communication.rooms.aio import RoomsClient
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from emulator.acs.wire.times import read_time
from tests.support.acs_emulator import Acs, running_acs
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time

MALFORMED = "The request could not be understood by the server due to malformed syntax."


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


TOO_LONG = "The time range is incorrect, or larger than 180 days."
PAST = "The time range end is in the past."


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "said"),
    [
        (timedelta(), timedelta(days=181), TOO_LONG),
        (timedelta(days=2), timedelta(days=1), TOO_LONG),
        (timedelta(), timedelta(minutes=-1), PAST),
        (timedelta(days=-3), timedelta(days=-1), PAST),
    ],
)
async def test_impossible_times_are_refused(valid_from: timedelta, valid_until: timedelta, said: str) -> None:
    async with running_acs() as acs, rooms_client(acs) as client:
        now = datetime.now(UTC)
        with pytest.raises(HttpResponseError) as refused:
            await client.create_room(valid_from=now + valid_from, valid_until=now + valid_until)
        error = refused.value.error
        assert refused.value.status_code == 400 and error is not None
        assert (error.code, error.message) == ("BadRequest", MALFORMED)
        assert [(each.code, each.message, each.target) for each in error.details] == [
            ("BadArgument", said, "ValidUntil")
        ]


async def test_a_malformed_id_is_refused_without_details() -> None:
    async with running_acs() as acs, rooms_client(acs) as client:
        for attempt in (client.get_room("123"), client.delete_room("123")):
            with pytest.raises(HttpResponseError) as refused:
                await attempt
            assert body_of(refused.value) == {"code": "BadRequest", "message": "Invalid room ID length."}


@pytest.mark.parametrize(
    ("change", "error", "in_header"),
    [
        (
            {"wrong_mri": {"role": "Presenter"}},
            {"code": "BadRequest", "message": "Invalid format for communication identifier."},
            "BadRequest",
        ),
        (
            {"wrong_mri": None},
            {"code": "BadRequest", "message": "Communication identifier wrong_mri is not supported."},
            "BadRequest",
        ),
        (
            {"chris": {"role": "kafka"}, "8:acs:anna": {"role": "Presenter"}},
            {
                "code": "BadRequest",
                "message": MALFORMED,
                "details": [
                    {
                        "code": "BadArgument",
                        "message": "Invalid participant role. The valid roles are: Presenter, Attendee, Consumer, "
                        "Collaborator.",
                        "target": "$.participants.chris.role",
                    }
                ],
            },
            None,
        ),
    ],
)
async def test_participants_that_cannot_be_are_refused_as_recorded(
    change: dict[str, Any], error: dict[str, Any], in_header: str | None
) -> None:
    """The tests of the Python client were recorded with these names."""
    async with running_acs() as acs, rooms_client(acs) as client:
        room = await client.create_room()
        people: list[Any] = [
            RoomParticipant(
                communication_identifier=CommunicationUserIdentifier(raw_id),
                role=str(role["role"]) if role else ParticipantRole.ATTENDEE,
            )
            for raw_id, role in change.items()
        ]
        with pytest.raises(HttpResponseError) as refused:
            if None in change.values():
                await client.remove_participants(room_id=room.id, participants=people)
            else:
                await client.add_or_update_participants(room_id=room.id, participants=people)
        assert body_of(refused.value) == error
        response: Any = refused.value.response
        assert response.headers.get("x-ms-error-code") == in_header
        assert [each async for each in client.list_participants(room.id)] == []


def body_of(error: HttpResponseError) -> Any:
    assert error.response is not None
    return json.loads(error.response.text())["error"]
