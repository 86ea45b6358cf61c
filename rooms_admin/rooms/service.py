"""Creates, changes and deletes rooms so that ACS and the store stay consistent. Knows no HTTP.

ACS is changed first and the store second, since a room without an ACS room is of no use; if the store then fails, the
change in ACS is undone. Meanwhile the room is locked (`RoomStore.changing`), so that of several changes meant for one
version the first is carried out, and the others are refused before they reach ACS.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from http_serving.errors import Conflict, NotFound
from rooms_admin.rooms.acs_client import AcsRooms
from rooms_admin.rooms.acs_provisioning import (
    change_validity,
    leftover_acs_rooms,
    provision,
    provision_languages,
    with_languages,
)
from rooms_admin.rooms.defaults import choose
from rooms_admin.rooms.requests import ChangedRoom, NewRoom
from rooms_admin.rooms.room import JoinCodeTaken, Room, RoomSettings, RoomStore, UnknownRoom
from rooms_admin.rooms.roster import Roster
from rooms_admin.rooms.sortable_ids import SortableIds
from rooms_admin.rooms.stored_rooms import RoomWatcher, StoredRooms
from rooms_admin.rooms.validation import (
    LONGEST_VALIDITY,
    check_bots,
    check_chair,
    check_languages,
    check_layout,
    check_offered,
    check_phones,
    check_validity,
    merged_settings,
    roster_entry,
)
from rooms_admin.rooms.versions import ANY, Expected

logger = logging.getLogger(__name__)

JOIN_CODE_TRIES = 20
"""With 100,000 valid rooms, one creation in 10^20 would find no free code."""


class RoomService(StoredRooms):
    """Rooms, in the store and in ACS; people are added to them by `roster`. Methods raise `ServiceError`."""

    def __init__(
        self,
        store: RoomStore,
        acs: AcsRooms,
        *,
        watcher: RoomWatcher | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        join_code: Callable[[], str] = lambda: f"{secrets.randbelow(1_000_000):06}",
    ) -> None:
        super().__init__(store, watcher, now)
        self._acs = acs
        self._join_code = join_code
        self._ids = SortableIds(now)
        self.roster = Roster(self, acs, self._ids)

    async def create(self, new: NewRoom, request_key: str | None = None) -> Room:
        """Create a room in ACS and in the store. `request_key` is stored with it, for `created_by`."""
        mode, layout, chosen = choose(new.languages, new.mode, new.settings, new.media)
        settings = merged_settings(RoomSettings(layout=layout), new.settings)
        check_offered(new.languages, settings, new.media)
        check_chair(settings, ())  # no participant has an id yet
        check_bots(settings, ())
        roster = [
            roster_entry(new.languages, participant, f"participants.{index}.")
            for index, participant in enumerate(new.participants)
        ]
        check_phones(roster, new.media)
        now = self.now().replace(microsecond=0)
        valid_from = new.valid_from or now
        valid_until = new.valid_until or valid_from + LONGEST_VALIDITY
        check_validity(valid_from, valid_until, now)

        room_id = self._ids.next("room")
        roster = [replace(one, participant_id=self._ids.next("participant")) for one in roster]
        made = await provision(self._acs, new.languages, settings, roster, valid_from, valid_until, new.media)
        room = Room(
            room_id=room_id,
            acs_room_id=made.backing.acs_room_id,
            join_code="",
            name=new.name,
            languages=tuple(new.languages),
            mode=mode,
            participants=tuple(replace(one, acs_user_id=user) for one, user in zip(roster, made.users, strict=True)),
            valid_from=made.backing.valid_from,
            valid_until=made.backing.valid_until,
            created_at=now,
            settings=settings,
            retention_days=new.retention_days,
            request_key=request_key,
            sisters=made.sisters,
            chosen=chosen,
            media=new.media,
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
            await self.store.remove(room_id, self.now())
        except UnknownRoom:
            pass

    async def _add(self, room: Room) -> Room:
        for _ in range(JOIN_CODE_TRIES):
            coded = replace(room, join_code=self._join_code())
            try:
                await self.store.add(coded)
            except JoinCodeTaken:
                continue
            return coded
        raise Conflict("no join code is free")

    async def change(self, room_id: str, change: ChangedRoom, expected: Expected = ANY) -> Room:
        async with self.store.changing(room_id):
            return await self._change(room_id, change, expected)

    async def _change(self, room_id: str, change: ChangedRoom, expected: Expected) -> Room:
        room = await self.expected(room_id, expected)
        gone: tuple[str, ...] = ()  # ACS rooms already deleted

        def changed(room: Room, made: Mapping[str, str]) -> Room:
            expected.check(room.version)
            languages = tuple(change.languages) if change.languages is not None else room.languages
            mode = change.mode or room.mode
            named = {key for key, value in (("mode", change.mode), ("layout", change.settings.layout)) if value}
            settings = merged_settings(room.settings, change.settings)
            check_offered(languages, settings, room.media)
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
            check_validity(valid_from, valid_until, self.now())
            backing = await change_validity(self._acs, room, valid_from, valid_until)
            valid_from, valid_until = backing.valid_from, backing.valid_until
        new = [language for language in change.languages or () if room.sisters and language not in room.languages]
        made = await provision_languages(self._acs, new, valid_from, valid_until)

        def carried_out(room: Room) -> Room:
            room = changed(room, made)
            return replace(room, valid_from=valid_from, valid_until=valid_until) if extended else room

        try:
            room = await self.update(room_id, carried_out)
        finally:
            # Delete new ACS rooms that are not needed after all. A failed update may have been stored nevertheless.
            kept = await self.store.get(room_id) if made else None
            await self._acs.delete_rooms(set(made.values()) - set(kept.acs_room_ids if kept else ()))
        if gone := await self._delete_leftover_acs_rooms(room):
            room = await self.update(room_id, lambda room: with_languages(room, room.languages, {}, gone))
        return room

    async def end(self, room_id: str) -> Room:
        """End a room now, if it has not ended: what was said is kept until retention deletes it."""
        async with self.store.changing(room_id):
            room = await self.expected(room_id, ANY)
            now = self.now()
            if now >= room.valid_until:
                return room
            await change_validity(self._acs, room, min(room.valid_from, now), now)
            return await self.update(
                room_id, lambda room: replace(room, valid_from=min(room.valid_from, now), valid_until=now)
            )

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
        known = await self.store.get(room_id)
        async with self.store.changing(room_id):
            room = await self.store.get(room_id)
            if room is not None or expected is not ANY:
                room = await self.expected(room_id, expected)
            if room is not None:
                await self._acs.delete_rooms(room.acs_room_ids, [one.acs_user_id for one in room.participants])
            try:
                await self.store.remove(room_id, self.now())
            except UnknownRoom as error:
                if known is None:
                    raise NotFound("no such room") from error
                return  # deleted by another request meanwhile
        if room is None:
            logger.warning("unreadable room deleted: its ACS room is left to expire", extra={"room_id": room_id})
        elif self._watcher is not None:
            self._watcher.removed(room)
