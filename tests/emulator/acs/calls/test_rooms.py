from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator.acs.calls.rooms import RoomStore
from emulator.acs.wire.errors import AcsError

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


def test_a_room_is_valid_for_180_days_unless_told_otherwise() -> None:
    room = RoomStore().create({}, NOW)
    assert (room.valid_from, room.valid_until) == (NOW, NOW + timedelta(days=180))
    assert len(room.id) == 17
    assert room.body() == {
        "id": room.id,
        "createdAt": "2026-11-20T08:00:00+00:00",
        "validFrom": "2026-11-20T08:00:00+00:00",
        "validUntil": "2027-05-19T08:00:00+00:00",
        "pstnDialOutEnabled": False,
    }


@pytest.mark.parametrize(
    "document",
    [
        {"validUntil": "2026-11-19T08:00:00Z"},
        {"validUntil": "2027-05-20T08:00:00Z"},
        {"validFrom": "2026-11-22T08:00:00Z", "validUntil": "2026-11-21T08:00:00Z"},
        {"validFrom": "soon"},
        {"validUntil": 7},
        {"pstnDialOutEnabled": "yes"},
        {"participants": []},
        {"participants": {"8:acs:a": {"role": "King"}}},
        {"participants": {"8:acs:a": "Presenter"}},
        {"participants": {"somebody": {}}},
    ],
)
def test_impossible_rooms_are_refused(document: dict[str, Any]) -> None:
    with pytest.raises(AcsError) as refused:
        RoomStore().create(document, NOW)
    assert (refused.value.status, refused.value.code) == (400, "BadRequest")


def test_a_patch_leaves_alone_what_is_null() -> None:
    rooms = RoomStore()
    room = rooms.create({"pstnDialOutEnabled": True}, NOW)
    patch = {"validFrom": None, "validUntil": "2026-11-22T08:00:00Z", "pstnDialOutEnabled": None}
    rooms.update(room.id, patch, NOW)
    assert (room.valid_from, room.pstn_dial_out) == (NOW, True)
    assert room.valid_until == NOW + timedelta(days=2)
    with pytest.raises(AcsError):
        rooms.update(room.id, {"validUntil": "2030-01-01T00:00:00Z"}, NOW)
    assert room.valid_until == NOW + timedelta(days=2)


def test_a_roster_change_is_whole_or_not_at_all() -> None:
    rooms = RoomStore()
    room = rooms.create({"participants": {"8:acs:a": {"role": "Presenter"}, "8:acs:b": {}}}, NOW)
    assert room.roster == {"8:acs:a": "Presenter", "8:acs:b": "Attendee"}
    with pytest.raises(AcsError):
        rooms.invite(room.id, {"participants": {"8:acs:c": {}, "8:acs:d": {"role": "King"}}})
    assert set(room.roster) == {"8:acs:a", "8:acs:b"}
    rooms.invite(room.id, {"participants": {"8:acs:a": None, "8:acs:c": {"role": "Consumer"}}})
    assert room.roster == {"8:acs:b": "Attendee", "8:acs:c": "Consumer"}


def test_rooms_are_open_from_and_until() -> None:
    room = RoomStore().create({"validUntil": "2026-11-21T08:00:00Z"}, NOW)
    assert room.is_open(NOW)
    assert not room.is_open(NOW - timedelta(seconds=1))
    assert not room.is_open(NOW + timedelta(days=1))


def test_rooms_are_found_and_forgotten() -> None:
    rooms = RoomStore()
    room = rooms.create({}, NOW)
    assert rooms.all() == [room]
    rooms.delete(room.id)
    for room_id, status in ((room.id, 404), ("1234", 400), ("x" * 17, 400)):
        with pytest.raises(AcsError) as refused:
            rooms.get(room_id)
        assert refused.value.status == status
