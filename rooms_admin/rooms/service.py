"""Operations on rooms that keep ACS and the store consistent. Knows no HTTP.

ACS is changed first and the store second, since a room without an ACS room is of no use; if the store then fails, the
change in ACS is undone. Meanwhile the room is locked (`RoomStore.changing`), so that of several changes meant for one
version the first is carried out, and the others are refused before they reach ACS.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from http_serving.errors import Conflict, NotFound
from rooms_admin.errors import Changed
from rooms_admin.rooms.acs_client import AcsRooms, AcsToken
from rooms_admin.rooms.acs_provisioning import (
    change_validity,
    leftover_acs_rooms,
    move_to_acs_room,
    provision,
    provision_languages,
    with_languages,
)
from rooms_admin.rooms.defaults import choose
from rooms_admin.rooms.requests import (
    ChangedParticipant,
    ChangedRoom,
    NewGlossary,
    NewParticipant,
    NewRoom,
    TicketRequest,
)
from rooms_admin.rooms.room import (
    Deletion,
    Glossary,
    JoinCodeTaken,
    Participant,
    Room,
    RoomQuery,
    RoomSettings,
    RoomStore,
    UnknownRoom,
)
from rooms_admin.rooms.validation import (
    LONGEST_VALIDITY,
    check_bots,
    check_chair,
    check_languages,
    check_layout,
    check_offered,
    check_phones,
    check_size,
    check_ticket,
    check_validity,
    glossary_terms,
    merged_settings,
    roster_entry,
)
from rooms_admin.rooms.versions import ANY, Expected

logger = logging.getLogger(__name__)

JOIN_CODE_TRIES = 20
"""With 100,000 valid rooms, one creation in 10^20 would find no free code."""


class RoomWatcher(Protocol):
    """Is notified of changed rooms. Called in the event loop; must not block."""

    def changed(self, room: Room) -> None: ...

    def removed(self, room: Room) -> None: ...


class RoomService:
    """Rooms, rosters, glossaries and tokens. Methods raise `ServiceError`."""

    def __init__(
        self,
        store: RoomStore,
        acs: AcsRooms,
        *,
        watcher: RoomWatcher | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        join_code: Callable[[], str] = lambda: f"{secrets.randbelow(1_000_000):06}",
    ) -> None:
        self._store = store
        self._acs = acs
        self._watcher = watcher
        self._now = now
        self._join_code = join_code
        self._ids = _SortableIds(now)

    async def create(self, new: NewRoom, request_key: str | None = None) -> Room:
        """Create a room in ACS and in the store. `request_key` is stored with it, for `created_by`."""
        mode, layout, chosen = choose(new.languages, new.mode, new.settings)
        settings = merged_settings(RoomSettings(layout=layout), new.settings)
        check_offered(new.languages, settings)
        check_chair(settings, ())  # no participant has an id yet
        check_bots(settings, ())
        roster = [
            roster_entry(new.languages, participant, f"participants.{index}.")
            for index, participant in enumerate(new.participants)
        ]
        check_phones(roster)
        now = self._now().replace(microsecond=0)
        valid_from = new.valid_from or now
        valid_until = new.valid_until or valid_from + LONGEST_VALIDITY
        check_validity(valid_from, valid_until, now)

        made = await provision(self._acs, new.languages, settings, roster, valid_from, valid_until)
        room = Room(
            room_id=self._ids.next("room"),
            acs_room_id=made.backing.acs_room_id,
            join_code="",
            name=new.name,
            languages=tuple(new.languages),
            mode=mode,
            participants=tuple(
                replace(one, participant_id=self._ids.next("participant"), acs_user_id=user)
                for one, user in zip(roster, made.users, strict=True)
            ),
            valid_from=made.backing.valid_from,
            valid_until=made.backing.valid_until,
            created_at=now,
            settings=settings,
            retention_days=new.retention_days,
            request_key=request_key,
            sisters=made.sisters,
            chosen=chosen,
        )
        try:
            return await self._add(room)
        except BaseException as error:
            await self._acs.delete_rooms(made.acs_room_ids, made.users)
            if isinstance(error, asyncio.CancelledError):  # it may be in the store nevertheless
                await self._forget(room.room_id)
            raise

    async def _forget(self, room_id: str) -> None:
        try:
            await self._store.remove(room_id, self._now())
        except UnknownRoom:
            pass

    async def _add(self, room: Room) -> Room:
        for _ in range(JOIN_CODE_TRIES):
            coded = replace(room, join_code=self._join_code())
            try:
                await self._store.add(coded)
            except JoinCodeTaken:
                continue
            return coded
        raise Conflict("no join code is free")

    async def get(self, room_id: str) -> Room:
        room = await self._store.get(room_id)
        if room is None:
            raise NotFound("no such room")
        return room

    async def current(self, room_id: str) -> Room:
        """Return a room that people can still join; `Conflict` if it has expired."""
        room = await self.get(room_id)
        if self._now() >= room.valid_until:
            raise Conflict("the room has expired")
        return room

    async def created_by(self, request_key: str) -> Room | None:
        """Return the room created by a request, if there is one."""
        return await self._store.find_by_request(request_key)

    async def page(self, query: RoomQuery) -> Sequence[Room]:
        return await self._store.page(replace(query, now=self._now()))

    async def find_by_join_code(self, join_code: str) -> Room | None:
        """Return the room with this join code; None for a wrong code or an expired room."""
        room = await self._store.find_by_join_code(join_code)
        return room if room is not None and self._now() < room.valid_until else None

    async def _expected(self, room_id: str, expected: Expected) -> Room:
        """Return the room that is to be changed. Called while it is locked."""
        room = await self._store.get(room_id)
        if room is None and expected is not ANY and await self._store.deletion(room_id) is not None:
            raise Changed("the room was deleted")
        if room is None:
            raise NotFound("no such room")
        expected.check(room.version)
        return room

    async def change(self, room_id: str, change: ChangedRoom, expected: Expected = ANY) -> Room:
        async with self._store.changing(room_id):
            return await self._change(room_id, change, expected)

    async def _change(self, room_id: str, change: ChangedRoom, expected: Expected) -> Room:
        room = await self._expected(room_id, expected)
        gone: tuple[str, ...] = ()  # ACS rooms already deleted

        def changed(room: Room, made: Mapping[str, str]) -> Room:
            expected.check(room.version)
            languages = tuple(change.languages) if change.languages is not None else room.languages
            mode = change.mode or room.mode
            named = {key for key, value in (("mode", change.mode), ("layout", change.settings.layout)) if value}
            settings = merged_settings(room.settings, change.settings)
            check_offered(languages, settings)
            check_layout(room.settings, settings)
            if change.settings.chair:
                check_chair(settings, room.participants)
            if change.settings.bots:
                check_bots(settings, room.participants)
            for one in room.participants:
                check_languages(languages, one.speaks, one.hears, f"participants.{one.participant_id}.")
            return replace(
                with_languages(room, languages, made, gone),
                name=change.name or room.name,
                mode=mode,
                settings=settings,
                chosen={key: why for key, why in room.chosen.items() if key not in named},
                retention_days=change.retention_days or room.retention_days,
            )

        changed(room, dict.fromkeys(change.languages or (), ""))  # validate before changing ACS
        gone = await self._delete_leftover_acs_rooms(room)
        valid_from = change.valid_from or room.valid_from
        valid_until = change.valid_until or room.valid_until
        if extended := (valid_from, valid_until) != (room.valid_from, room.valid_until):
            check_validity(valid_from, valid_until, self._now())
            backing = await change_validity(self._acs, room, valid_from, valid_until)
            valid_from, valid_until = backing.valid_from, backing.valid_until
        new = [language for language in change.languages or () if room.sisters and language not in room.languages]
        made = await provision_languages(self._acs, new, valid_from, valid_until)

        def carried_out(room: Room) -> Room:
            room = changed(room, made)
            return replace(room, valid_from=valid_from, valid_until=valid_until) if extended else room

        try:
            room = await self._update(room_id, carried_out)
        finally:
            # Delete new ACS rooms that are not needed after all. A failed update may have been stored nevertheless.
            kept = await self._store.get(room_id) if made else None
            await self._acs.delete_rooms(set(made.values()) - set(kept.acs_room_ids if kept else ()))
        if gone := await self._delete_leftover_acs_rooms(room):
            room = await self._update(room_id, lambda room: with_languages(room, room.languages, {}, gone))
        return room

    async def _delete_leftover_acs_rooms(self, room: Room) -> tuple[str, ...]:
        """Delete the ACS rooms of removed languages, and return their ids.

        They are removed from the store afterwards: if this fails, the next change or the deletion of the room does it.
        """
        found = tuple(leftover_acs_rooms(room).values())
        await self._acs.delete_rooms(found)
        return found

    async def remove(self, room_id: str, expected: Expected = ANY) -> None:
        """Delete a room in ACS and in the store, and store the proof of deletion.

        A stored room that cannot be read is deleted too. Its ACS rooms are not known, so they are left.
        """
        known = await self._store.get(room_id)
        async with self._store.changing(room_id):
            room = await self._store.get(room_id)
            if room is not None or expected is not ANY:
                room = await self._expected(room_id, expected)
            if room is not None:
                await self._acs.delete_rooms(room.acs_room_ids, [one.acs_user_id for one in room.participants])
            try:
                await self._store.remove(room_id, self._now())
            except UnknownRoom as error:
                if known is None:
                    raise NotFound("no such room") from error
                return  # deleted by another request meanwhile
        if room is None:
            logger.warning("unreadable room deleted: its ACS room is left to expire", extra={"room_id": room_id})
        elif self._watcher is not None:
            self._watcher.removed(room)

    async def deletion(self, room_id: str) -> Deletion:
        """Return the proof that a room was deleted."""
        proof = await self._store.deletion(room_id)
        if proof is None:
            raise NotFound("no room of this id was deleted")
        return proof

    # --- glossary ------------------------------------------------------------------------------

    async def glossary(self, room_id: str, version: int | None = None) -> Glossary:
        """Return the current glossary, or an earlier version."""
        room = await self.get(room_id)
        if version is None or version == room.glossary.version:
            return room.glossary
        found = await self._store.glossary(room_id, version)
        if found is None:
            raise NotFound("the glossary has no such version")
        return found

    async def put_glossary(self, room_id: str, new: NewGlossary, expected: Expected = ANY) -> Glossary:
        """Replace the glossary; an equal one is no new version."""

        def changed(room: Room) -> Room:
            expected.check(room.glossary.version)
            terms = glossary_terms(room.languages, new)
            return replace(room, glossary=Glossary(room.glossary.version + 1, terms))

        room = await self.get(room_id)
        expected.check(room.glossary.version)
        if glossary_terms(room.languages, new) == room.glossary.terms and room.glossary.version:
            return room.glossary
        async with self._store.changing(room_id):
            return (await self._update(room_id, changed)).glossary

    # --- roster --------------------------------------------------------------------------------

    async def added_by(self, room_id: str, request_key: str) -> tuple[Room, Participant] | None:
        """Return the participant that a request added, if there is one."""
        room = await self.get(room_id)
        found = next((one for one in room.participants if one.request_key == request_key), None)
        return None if found is None else (room, found)

    async def add_participant(
        self, room_id: str, new: NewParticipant, request_key: str | None = None
    ) -> tuple[Room, Participant]:
        """Add a participant. `request_key` is stored with it, for `added_by`.

        ACS is changed without a lock, so that many are added at once: a new user concerns no other request.
        """
        room = await self.current(room_id)
        entry = roster_entry(room.languages, new)
        check_size(room)
        check_phones((*room.participants, entry))
        seat = room.acs_room_of(entry)
        user = await self._acs.add_participant(seat, entry.role, entry.phone_number)
        added = replace(entry, participant_id=self._ids.next("participant"), acs_user_id=user, request_key=request_key)

        def with_added(room: Room) -> Room:
            check_languages(room.languages, added.speaks, added.hears)
            check_size(room)
            check_phones((*room.participants, added))
            if room.acs_room_of(added) != seat:
                raise Conflict("the room's languages were changed by another request at the same time")
            return replace(room, participants=(*room.participants, added))

        try:
            async with self._store.changing(room_id):
                return await self._update(room_id, with_added), added
        except BaseException:
            await self._acs.remove_participant(seat, user)
            raise

    async def participant(self, room_id: str, participant_id: str) -> tuple[Room, Participant]:
        room = await self.get(room_id)
        return room, _found(room, participant_id)

    async def change_participant(
        self, room_id: str, participant_id: str, change: ChangedParticipant, expected: Expected = ANY
    ) -> tuple[Room, Participant]:
        async with self._store.changing(room_id):
            return await self._change_participant(room_id, participant_id, change, expected)

    async def _change_participant(
        self, room_id: str, participant_id: str, change: ChangedParticipant, expected: Expected
    ) -> tuple[Room, Participant]:
        room = await self._expected(room_id, expected)
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
            room = await self._update(room_id, changed)
        finally:
            if room.sisters and change.hears is not None:
                await move_to_acs_room(self._acs, lambda: self._store.get(room_id), participant_id)
        return room, _found(room, participant_id)

    async def remove_participant(self, room_id: str, participant_id: str, expected: Expected = ANY) -> None:
        def without(room: Room) -> Room:
            expected.check(room.version)
            return replace(
                room, participants=tuple(one for one in room.participants if one.participant_id != participant_id)
            )

        async with self._store.changing(room_id):
            room = await self._expected(room_id, expected)
            participant = _found(room, participant_id)
            await self._acs.remove_participant(room.acs_room_of(participant), participant.acs_user_id)
            await self._update(room_id, without)

    async def issue_token(self, room_id: str, participant_id: str, minutes: int) -> tuple[Room, Participant, AcsToken]:
        room = await self.current(room_id)
        participant = _found(room, participant_id)
        if participant.phone_number is not None:
            raise Conflict("a phone joins when it is dialled from the call, not with a token")
        return room, participant, await self._acs.issue_token(participant.acs_user_id, minutes)

    async def check_ticket(self, room_id: str, wanted: TicketRequest) -> None:
        """Check that a ticket can be issued for the room."""
        room = await self.current(room_id)
        check_ticket(room, wanted)

    async def _update(self, room_id: str, change: Callable[[Room], Room]) -> Room:
        try:
            room = await self._store.update(room_id, change)
        except UnknownRoom as error:
            raise NotFound("no such room") from error
        if self._watcher is not None:
            self._watcher.changed(room)
        return room


def _found(room: Room, participant_id: str) -> Participant:
    participant = room.participant(participant_id)
    if participant is None:
        raise NotFound("no such participant")
    return participant


class _SortableIds:
    """Generates ids that sort in the order of their creation: unique microseconds, then random digits per process."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._last = 0

    def next(self, prefix: str) -> str:
        self._last = max(self._last + 1, int(self._now().timestamp() * 1_000_000))
        return f"{prefix}-{self._last:014x}{secrets.token_hex(4)}"
