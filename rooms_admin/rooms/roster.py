"""Adds, changes and removes the people of a room, in ACS and in the store, and issues the tokens they join with."""

from __future__ import annotations

from dataclasses import replace

from http_serving.errors import Conflict, Forbidden, NotFound
from rooms_admin.rooms.acs_client import AcsRooms, AcsToken
from rooms_admin.rooms.acs_provisioning import move_to_acs_room, web_id
from rooms_admin.rooms.requests import ChangedParticipant, NewParticipant
from rooms_admin.rooms.room import WEB_PREFIX, Participant, Room
from rooms_admin.rooms.sortable_ids import SortableIds
from rooms_admin.rooms.stored_rooms import StoredRooms
from rooms_admin.rooms.validation import check_guests, check_languages, check_phones, check_size, roster_entry
from rooms_admin.rooms.versions import ANY, Expected


class Roster:
    """The participants of every room. Methods raise `ServiceError`."""

    def __init__(self, rooms: StoredRooms, acs: AcsRooms, ids: SortableIds) -> None:
        self._rooms = rooms
        self._acs = acs
        self._ids = ids

    async def added_by(self, room_id: str, request_key: str) -> tuple[Room, Participant] | None:
        """Return the participant that a request added, if there is one."""
        room = await self._rooms.get(room_id)
        found = _of_request(room, request_key)
        return None if found is None else (room, found)

    async def add(self, room_id: str, new: NewParticipant, request_key: str | None = None) -> tuple[Room, Participant]:
        """Add a participant. `request_key` is stored with it, for `added_by`.

        ACS is changed without a lock, so that many are added at once: a new user concerns no other request.
        """
        room = await self._rooms.current(room_id)
        entry = replace(roster_entry(room.languages, new), participant_id=self._ids.next("participant"))
        check_size(room)
        check_phones((*room.participants, entry), room.media)
        seat = room.acs_room_of(entry)
        if room.media == "web":
            user = web_id(entry)
        else:
            user = await self._acs.add_participant(seat, entry.role, entry.phone_number)
        added = replace(entry, acs_user_id=user, request_key=request_key)

        def with_added(room: Room) -> Room:
            check_languages(room.languages, added.speaks, added.hears)
            check_size(room)
            check_phones((*room.participants, added), room.media)
            if room.acs_room_of(added) != seat:
                raise Conflict("the room's languages were changed by another request at the same time")
            return replace(room, participants=(*room.participants, added))

        try:
            async with self._rooms.store.changing(room_id):
                return await self._rooms.update(room_id, with_added), added
        except BaseException:
            await self._acs.remove_participant(seat, user)
            raise

    async def add_guest(self, room_id: str, new: NewParticipant, request_key: str | None = None) -> Participant:
        """Add somebody who comes by browser, without ACS; return the one that the same request added before.

        Raises:
            Forbidden: the room does not let guests in.
            Conflict: the room is full.
        """
        participant_id = self._ids.next("participant")

        def with_guest(room: Room) -> Room:
            check_open_to_guests(room)
            if request_key is not None and _of_request(room, request_key) is not None:
                return room
            entry = roster_entry(room.languages, new)
            check_guests(room)
            user = WEB_PREFIX + participant_id
            guest = replace(entry, participant_id=participant_id, acs_user_id=user, request_key=request_key, guest=True)
            return replace(room, participants=(*room.participants, guest))

        room = await self._rooms.current(room_id)
        if with_guest(room) is not room:
            async with self._rooms.store.changing(room_id):
                room = await self._rooms.update(room_id, with_guest)
        known = None if request_key is None else _of_request(room, request_key)
        return known or _found(room, participant_id)

    async def return_guest(self, room_id: str, participant_id: str, change: ChangedParticipant) -> Participant:
        """Let a guest come back, perhaps with another name or other languages.

        Raises:
            Forbidden: the guest was removed, or the room lets no guests in any more.
        """
        room = await self._rooms.current(room_id)
        check_open_to_guests(room)
        guest = room.participant(participant_id)
        if guest is None:
            raise Forbidden("this guest is no longer on the roster")
        if replace(guest, **change.model_dump(exclude_none=True)) == guest:
            return guest
        _, guest = await self.change(room_id, participant_id, change)
        return guest

    async def change(
        self, room_id: str, participant_id: str, change: ChangedParticipant, expected: Expected = ANY
    ) -> tuple[Room, Participant]:
        async with self._rooms.store.changing(room_id):
            return await self._change(room_id, participant_id, change, expected)

    async def _change(
        self, room_id: str, participant_id: str, change: ChangedParticipant, expected: Expected
    ) -> tuple[Room, Participant]:
        room = await self._rooms.expected(room_id, expected)
        participant = _found(room, participant_id)

        def changed(room: Room) -> Room:
            expected.check(room.version)
            now = _found(room, participant_id)
            then = replace(now, **change.model_dump(exclude_none=True))
            check_languages(room.languages, then.speaks, then.hears)
            return replace(room, participants=tuple(then if one is now else one for one in room.participants))

        then = _found(changed(room), participant_id)
        if (room.acs_room_of(then), then.role) != (room.acs_room_of(participant), participant.role):
            await self._acs.set_role(room.acs_room_of(then), participant.acs_user_id, then.role)
        try:
            room = await self._rooms.update(room_id, changed)
        finally:
            if room.sisters and change.hears is not None:
                await move_to_acs_room(self._acs, lambda: self._rooms.store.get(room_id), participant_id)
        return room, _found(room, participant_id)

    async def remove(self, room_id: str, participant_id: str, expected: Expected = ANY) -> None:
        def without(room: Room) -> Room:
            expected.check(room.version)
            return replace(
                room, participants=tuple(one for one in room.participants if one.participant_id != participant_id)
            )

        async with self._rooms.store.changing(room_id):
            room = await self._rooms.expected(room_id, expected)
            participant = _found(room, participant_id)
            await self._acs.remove_participant(room.acs_room_of(participant), participant.acs_user_id)
            await self._rooms.update(room_id, without)

    async def join_by_acs(self, room_id: str, participant_id: str, minutes: int) -> tuple[Room, Participant, AcsToken]:
        """Issue a token to somebody who came by browser; a guest gets an ACS identity with the first one, for good.

        The entry on the roster stays: its raw id alone changes, so the person keeps name, languages and `guest_key`.
        """
        room = await self._rooms.current(room_id)
        if room.media == "acs" and _has_no_identity(_found(room, participant_id)):
            async with self._rooms.store.changing(room_id):
                await self._give_identity(room_id, participant_id)
        return await self.issue_token(room_id, participant_id, minutes)

    async def _give_identity(self, room_id: str, participant_id: str) -> None:
        room = await self._rooms.expected(room_id, ANY)
        guest = _found(room, participant_id)
        if not _has_no_identity(guest):
            return  # given by another request meanwhile
        seat = room.acs_room_of(guest)
        user = await self._acs.add_participant(seat, guest.role)

        def identified(room: Room) -> Room:
            now = _found(room, participant_id)
            then = replace(now, acs_user_id=user)
            return replace(room, participants=tuple(then if one is now else one for one in room.participants))

        try:
            await self._rooms.update(room_id, identified)
        except BaseException:
            await self._acs.remove_participant(seat, user)
            raise

    async def issue_token(self, room_id: str, participant_id: str, minutes: int) -> tuple[Room, Participant, AcsToken]:
        room = await self._rooms.current(room_id)
        participant = _found(room, participant_id)
        if participant.phone_number is not None:
            raise Conflict("a phone joins when it is dialled from the call, not with a token")
        if _has_no_identity(participant):
            raise Conflict("this participant joins by browser, with a ticket: there is no ACS identity")
        return room, participant, await self._acs.issue_token(participant.acs_user_id, minutes)


def check_open_to_guests(room: Room) -> None:
    if not room.settings.guests:
        raise Forbidden("this room lets in only people on its roster: ask the organiser for a link of your own")


def _of_request(room: Room, request_key: str) -> Participant | None:
    return next((one for one in room.participants if one.request_key == request_key), None)


def _has_no_identity(participant: Participant) -> bool:
    return participant.acs_user_id.startswith(WEB_PREFIX)


def _found(room: Room, participant_id: str) -> Participant:
    participant = room.participant(participant_id)
    if participant is None:
        raise NotFound("no such participant")
    return participant
