"""Rooms and their rosters, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from emulator.acs.wire.errors import bad_identifier, bad_request, not_found
from emulator.acs.wire.times import read_time, wire_time
from emulator.randomness import randbelow

# Collaborator since api-version 2025-03-13.
ROLES = ("Presenter", "Attendee", "Consumer", "Collaborator")
LONGEST_SPAN = timedelta(days=180)
_ID_DIGITS = 17
# The latest start for which an end can still be represented.
_LATEST = datetime.max.replace(tzinfo=UTC) - LONGEST_SPAN


@dataclass(slots=True)
class Room:
    """A room: a roster and a period in which its members may join a call."""

    id: str
    created_at: datetime
    valid_from: datetime
    valid_until: datetime
    pstn_dial_out: bool = False
    roster: dict[str, str] = field(default_factory=dict)
    """Raw id to role."""

    def body(self) -> dict[str, Any]:
        """Return the room as the service shows it, always with all five keys."""
        return {
            "id": self.id,
            "createdAt": wire_time(self.created_at),
            "validFrom": wire_time(self.valid_from),
            "validUntil": wire_time(self.valid_until),
            "pstnDialOutEnabled": self.pstn_dial_out,
        }

    def is_open(self, now: datetime) -> bool:
        """Return whether people may join at that time."""
        return self.valid_from <= now < self.valid_until


class RoomStore:
    """The rooms of one resource, in memory, in order of creation.

    Every method raises AcsError: 404 for an unknown room, 400 for a malformed id or document.
    """

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}

    def create(self, document: Mapping[str, Any], now: datetime) -> Room:
        """Create a room from the body of a create request."""
        valid_from = _moment(document, "validFrom") or now
        valid_until = _moment(document, "validUntil") or min(valid_from, _LATEST) + LONGEST_SPAN
        _check_span(valid_from, valid_until, now)
        room = Room(
            id=self._new_id(),
            created_at=now,
            valid_from=valid_from,
            valid_until=valid_until,
            pstn_dial_out=_flag(document, "pstnDialOutEnabled") or False,
        )
        participants = document.get("participants")
        if participants is not None:
            _merge_roster(room.roster, participants)
        self._rooms[room.id] = room
        return room

    def get(self, room_id: str) -> Room:
        """Return the room with that id."""
        if len(room_id) != _ID_DIGITS or not room_id.isdigit():
            raise bad_identifier("Invalid room ID length.")
        room = self._rooms.get(room_id)
        if room is None:
            raise not_found()
        return room

    def update(self, room_id: str, document: Mapping[str, Any], now: datetime) -> Room:
        """Merge a patch into a room; null leaves a key unchanged."""
        room = self.get(room_id)
        valid_from = _moment(document, "validFrom") or room.valid_from
        valid_until = _moment(document, "validUntil") or room.valid_until
        if (valid_from, valid_until) != (room.valid_from, room.valid_until):
            _check_span(valid_from, valid_until, now)
        dial_out = _flag(document, "pstnDialOutEnabled")
        room.valid_from, room.valid_until = valid_from, valid_until
        room.pstn_dial_out = room.pstn_dial_out if dial_out is None else dial_out
        return room

    def invite(self, room_id: str, document: Mapping[str, Any]) -> None:
        """Add, change and (where the value is null) remove members; applies the whole document or nothing."""
        room = self.get(room_id)
        roster = dict(room.roster)
        _merge_roster(roster, document.get("participants"))
        room.roster = roster

    def delete(self, room_id: str) -> None:
        """Delete a room."""
        del self._rooms[self.get(room_id).id]

    def clear(self) -> None:
        """Delete every room."""
        self._rooms.clear()

    def all(self) -> list[Room]:
        """Return all rooms, oldest first."""
        return list(self._rooms.values())

    def _new_id(self) -> str:
        while True:
            # Recorded ids begin with 99 and are 17 digits long.
            room_id = f"99{randbelow(10**15):015}"
            if room_id not in self._rooms:
                return room_id


def _check_span(valid_from: datetime, valid_until: datetime, now: datetime) -> None:
    if valid_until <= now:
        raise bad_request("The time range end is in the past.", "ValidUntil")
    if not valid_from < valid_until or valid_until - valid_from > LONGEST_SPAN:
        raise bad_request("The time range is incorrect, or larger than 180 days.", "ValidUntil")


def _moment(document: Mapping[str, Any], key: str) -> datetime | None:
    value = document.get(key)
    if value is None:
        return None
    try:
        return read_time(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise bad_request(f"Invalid value for {key}.", key[0].upper() + key[1:]) from error


def _flag(document: Mapping[str, Any], key: str) -> bool | None:
    value = document.get(key)
    if value is not None and not isinstance(value, bool):
        raise bad_request(f"Invalid value for {key}.", key[0].upper() + key[1:])
    return value


def _merge_roster(roster: dict[str, str], changes: object) -> None:
    """Apply changes to a roster. As recorded, roles are checked before identifiers."""
    if not isinstance(changes, Mapping):
        raise bad_request("Invalid value for the Participants.", "Participants")
    roles = {str(raw_id): _role(str(raw_id), change) for raw_id, change in changes.items()}
    for raw_id, role in roles.items():
        if not raw_id.startswith("8:acs:"):
            said = f"Communication identifier {raw_id} is not supported."
            raise bad_identifier(said if role is None else "Invalid format for communication identifier.")
        if role is None:
            roster.pop(raw_id, None)
        else:
            roster[raw_id] = role


def _role(raw_id: str, change: object) -> str | None:
    """Return the role that a change gives to a user, or None if it removes the user."""
    if change is None:
        return None
    role = (change.get("role") or "Attendee") if isinstance(change, Mapping) else None
    if role not in ROLES:
        said = f"Invalid participant role. The valid roles are: {', '.join(ROLES)}."
        raise bad_request(said, f"$.participants.{raw_id}.role", in_header=False)
    return str(role)
