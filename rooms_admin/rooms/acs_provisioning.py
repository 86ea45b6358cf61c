"""Creates, extends and deletes what a room has in ACS: one ACS room, or with layout `sister` one per language.

Everybody is on the roster of the ACS room whose language they hear. The store is not touched: what has to be stored is
returned.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from http_serving.errors import Conflict
from rooms_admin.rooms.acs_client import AcsRoom, AcsRooms
from rooms_admin.rooms.room import Participant, Room, RoomSettings

MOVE_ATTEMPTS = 10
"""How often a seat is looked up again while others keep changing it; each look-up but the first has such a reason."""


@dataclass(frozen=True, slots=True)
class ProvisionedRoom:
    """A new room's part in ACS."""

    backing: AcsRoom
    """The room of the first language stands for all: they are equally long valid."""
    users: tuple[str, ...]
    """Raw ids, in the order of the roster."""
    sisters: Mapping[str, str]
    """As in `Room.sisters`."""

    @property
    def acs_room_ids(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.backing.acs_room_id, *self.sisters.values())))


async def provision(
    acs: AcsRooms,
    languages: Sequence[str],
    settings: RoomSettings,
    roster: Sequence[Participant],
    valid_from: datetime,
    valid_until: datetime,
) -> ProvisionedRoom:
    """Everything new in ACS, or nothing: what was made is taken back if anything fails, or the caller is cancelled."""
    if settings.layout != "sister":
        backing, users = await acs.create_room([one.role for one in roster], valid_from, valid_until)
        return ProvisionedRoom(backing, users, {})
    made: dict[str, AcsRoom] = {}
    user_at: dict[int, str] = {}
    try:
        for language in languages:
            places = [place for place, one in enumerate(roster) if one.hears == language]
            made[language], users = await acs.create_room(
                [roster[place].role for place in places], valid_from, valid_until
            )
            user_at |= zip(places, users, strict=True)
    except BaseException:
        await acs.delete_rooms([one.acs_room_id for one in made.values()], list(user_at.values()))
        raise
    return ProvisionedRoom(
        made[languages[0]],
        tuple(user_at[place] for place in range(len(roster))),
        {language: one.acs_room_id for language, one in made.items()},
    )


async def change_validity(acs: AcsRooms, room: Room, valid_from: datetime, valid_until: datetime) -> AcsRoom:
    """Another validity for all of them; if one fails, the same once more goes on where it ended."""
    backing = await acs.change_validity(room.acs_room_id, valid_from, valid_until)
    for acs_room_id in (one for language, one in room.sisters.items() if language in room.languages[1:]):
        await acs.change_validity(acs_room_id, valid_from, valid_until)
    return backing


# --- languages that come and go --------------------------------------------------------------------


async def provision_languages(
    acs: AcsRooms, languages: Sequence[str], valid_from: datetime, valid_until: datetime
) -> dict[str, str]:
    """An empty ACS room for each, or for none."""
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
    """The room with these languages, each with its ACS room: the one it has, or one just made.

    Those of languages that go stay on the list until they are deleted in ACS, so that none is forgotten there; `gone`
    are ids of which that is known.

    Raises:
        Conflict: the room has other languages than when it was found out what is to be made.
    """
    if room.settings.layout != "sister":
        return replace(room, languages=tuple(languages))
    here = {language: room.sisters[language] for language in room.languages}
    found = dict(made) | here
    if any(language not in found for language in languages):
        raise Conflict("the room's languages were changed by somebody else at the same time")
    sisters = {language: found[language] for language in languages}
    leaving = {
        language: acs_room_id
        for language, acs_room_id in room.sisters.items()
        if language not in sisters and acs_room_id not in gone
    }
    return replace(room, languages=tuple(languages), sisters=sisters | leaving, acs_room_id=sisters[languages[0]])


def leftover_acs_rooms(room: Room) -> dict[str, str]:
    """The ACS rooms of languages that are no longer the room's."""
    return {language: acs_room_id for language, acs_room_id in room.sisters.items() if language not in room.languages}


# --- seats -----------------------------------------------------------------------------------------


async def move_to_acs_room(acs: AcsRooms, current: Callable[[], Awaitable[Room | None]], participant_id: str) -> None:
    """Have somebody on the roster of the ACS room they sit in, and on no other, as the store says once it is done.

    Looked up again until nobody has changed it meanwhile: of two who move the same person at once the later one counts,
    for both. If ACS refuses, the same once more goes on.
    """
    seated: tuple[str, str] | None = None
    for _ in range(MOVE_ATTEMPTS):
        room = await current()
        participant = room.participant(participant_id) if room is not None else None
        if room is None or participant is None:
            return  # whoever removed them has seen to the rosters
        wanted = room.acs_room_of(participant), participant.role
        if wanted == seated:
            return
        await acs.set_role(wanted[0], participant.acs_user_id, participant.role)
        for acs_room_id in room.acs_room_ids:
            if acs_room_id != wanted[0]:
                await acs.take_off(acs_room_id, participant.acs_user_id)
        seated = wanted
    raise Conflict("the participant is being moved by others again and again")
