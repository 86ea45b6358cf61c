"""Provisions the ACS rooms of a room: a single one, or one per language with layout `sister`.

Each participant is on the roster of the ACS room of the language they hear. Does not use the store; returns what the
caller has to store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from http_serving.errors import Conflict
from rooms_admin.rooms.acs_client import AcsRoom, AcsRooms
from rooms_admin.rooms.room import PHONE_PREFIX, WEB_PREFIX, Participant, Room, RoomMedia, RoomSettings

MOVE_ATTEMPTS = 10
"""Attempts to move a participant while concurrent requests keep changing where they belong."""


@dataclass(frozen=True, slots=True)
class ProvisionedRoom:
    """What was created in ACS for a new room."""

    backing: AcsRoom
    """The ACS room of the first language. All have the same validity."""
    users: tuple[str, ...]
    """Raw ids of the users, in the order of the roster."""
    sisters: Mapping[str, str]
    """See `Room.sisters`."""

    @property
    def acs_room_ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one for one in (self.backing.acs_room_id, *self.sisters.values()) if one))


async def provision(
    acs: AcsRooms,
    languages: Sequence[str],
    settings: RoomSettings,
    roster: Sequence[Participant],
    valid_from: datetime,
    valid_until: datetime,
    media: RoomMedia = "acs",
) -> ProvisionedRoom:
    """Create the ACS rooms and users of a new room; on failure or cancellation, delete those already created.

    `roster`: its entries have their `participant_id`. With media `web`, nothing is created.
    """
    if media == "web":
        return ProvisionedRoom(without_acs(valid_from, valid_until), tuple(map(web_id, roster)), {})
    if settings.layout != "sister":
        backing, users = await _room_for(acs, roster, valid_from, valid_until)
        return ProvisionedRoom(backing, users, {})
    made: dict[str, AcsRoom] = {}
    user_at: dict[int, str] = {}
    try:
        for language in languages:
            places = [place for place, one in enumerate(roster) if one.hears == language]
            made[language], users = await _room_for(acs, [roster[place] for place in places], valid_from, valid_until)
            user_at |= zip(places, users, strict=True)
    except BaseException:
        await acs.delete_rooms([one.acs_room_id for one in made.values()], list(user_at.values()))
        raise
    return ProvisionedRoom(
        made[languages[0]],
        tuple(user_at[place] for place in range(len(roster))),
        {language: one.acs_room_id for language, one in made.items()},
    )


async def _room_for(
    acs: AcsRooms, roster: Sequence[Participant], valid_from: datetime, valid_until: datetime
) -> tuple[AcsRoom, tuple[str, ...]]:
    """Create an ACS room for participants; return it and their raw ids."""
    roles = [one.role for one in roster if one.phone_number is None]
    room, users = await acs.create_room(roles, valid_from, valid_until, dial_out=len(roles) < len(roster))
    new = iter(users)
    return room, tuple(next(new) if one.phone_number is None else PHONE_PREFIX + one.phone_number for one in roster)


def without_acs(valid_from: datetime, valid_until: datetime) -> AcsRoom:
    """Return what stands for the ACS room of a room that has none: its validity."""
    return AcsRoom("", valid_from, valid_until)


def web_id(participant: Participant) -> str:
    """Return the raw id of somebody in a room without ACS."""
    return WEB_PREFIX + participant.participant_id


async def change_validity(acs: AcsRooms, room: Room, valid_from: datetime, valid_until: datetime) -> AcsRoom:
    """Change the validity of all ACS rooms, if there are any. After a failure, the same call can be repeated."""
    if room.media == "web":
        return without_acs(valid_from, valid_until)
    backing = await acs.change_validity(room.acs_room_id, valid_from, valid_until)
    for acs_room_id in (one for language, one in room.sisters.items() if language in room.languages[1:]):
        await acs.change_validity(acs_room_id, valid_from, valid_until)
    return backing


# --- languages that come and go --------------------------------------------------------------------


async def provision_languages(
    acs: AcsRooms, languages: Sequence[str], valid_from: datetime, valid_until: datetime
) -> dict[str, str]:
    """Create an empty ACS room per language; on failure, delete those already created."""
    made: dict[str, str] = {}
    try:
        for language in languages:
            backing, _ = await acs.create_room([], valid_from, valid_until)
            made[language] = backing.acs_room_id
    except BaseException:
        await acs.delete_rooms(made.values())
        raise
    return made


def with_languages(room: Room, languages: Sequence[str], made: Mapping[str, str], gone: Collection[str] = ()) -> Room:
    """Return the room with these languages, each with its existing ACS room or the one in `made`.

    ACS rooms of removed languages stay listed until they are deleted in ACS, so that none is left behind there. `gone`
    are the ids of those already deleted.

    Raises:
        Conflict: the languages of the room were changed since `made` was created.
    """
    if room.settings.layout != "sister":
        return replace(room, languages=tuple(languages))
    here = {language: room.sisters[language] for language in room.languages}
    found = dict(made) | here
    if any(language not in found for language in languages):
        raise Conflict("the room's languages were changed by another request at the same time")
    sisters = {language: found[language] for language in languages}
    leaving = {
        language: acs_room_id
        for language, acs_room_id in room.sisters.items()
        if language not in sisters and acs_room_id not in gone
    }
    return replace(room, languages=tuple(languages), sisters=sisters | leaving, acs_room_id=sisters[languages[0]])


def leftover_acs_rooms(room: Room) -> dict[str, str]:
    """Return the ACS rooms of languages that the room no longer has."""
    return {language: acs_room_id for language, acs_room_id in room.sisters.items() if language not in room.languages}


# --- participants -----------------------------------------------------------------------------------------


async def move_to_acs_room(acs: AcsRooms, current: Callable[[], Awaitable[Room | None]], participant_id: str) -> None:
    """Put a participant on the roster of the ACS room they belong to according to the store, and on no other.

    The store is read again until it did not change meanwhile: of two concurrent moves, the later one takes effect.
    After a failure, the same call can be repeated.
    """
    seated: tuple[str, str] | None = None
    for _ in range(MOVE_ATTEMPTS):
        room = await current()
        participant = room.participant(participant_id) if room is not None else None
        if room is None or participant is None:
            return  # removed meanwhile, from the rosters too
        wanted = room.acs_room_of(participant), participant.role
        if wanted == seated:
            return
        await acs.set_role(wanted[0], participant.acs_user_id, participant.role)
        for acs_room_id in room.acs_room_ids:
            if acs_room_id != wanted[0]:
                await acs.take_off(acs_room_id, participant.acs_user_id)
        seated = wanted
    raise Conflict("the participant is being moved by other requests")
