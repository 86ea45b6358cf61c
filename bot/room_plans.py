"""Rooms as the admins keep them, read as the switchboard and the interpreter need them.

A room of the sister layout is several ACS rooms, one per language, and each of their calls is one to the switchboard:
under the room's id and the language, `room-1/es-ES`. All others are known by the room's id alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from bot.calls.call import PlannedRoom
from bot.calls.keys import call_key, room_of
from bot.interpreting.events import Order
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.plan import Attendee, Endpointing, Layout, Mode, RoomPlan, Stability, UsageCap
from bot.interpreting.usage_meter import Used
from rooms_admin.rooms.room import Room, RoomStore
from rooms_admin.transcripts.records import LedgerRecord
from rooms_admin.transcripts.usage import paid_for


def planned(room: Room) -> Sequence[PlannedRoom]:
    """The room's calls, one for each ACS room behind it."""
    plan = plan_of(room)
    if not room.sisters:
        return [PlannedRoom(room.room_id, room.acs_room_id, plan)]
    return [
        PlannedRoom(call_key(room.room_id, language), acs_room_id, plan)
        for language, acs_room_id in room.sisters.items()
    ]


def plan_of(room: Room) -> RoomPlan:
    """What an admin asked for, as the interpreter reads it."""
    settings = room.settings
    chair = room.participant(settings.chair)
    return RoomPlan(
        languages=room.languages,
        attendees={
            one.acs_user_id: Attendee(one.acs_user_id, one.display_name, one.speaks, one.hears)
            for one in room.participants
        },
        mode=Mode(room.mode),
        endpointing=Endpointing(
            end_of_turn_ms=settings.end_of_turn_ms,
            end_of_turn_after_long_ms=settings.end_of_turn_after_long_ms,
            long_speech_ms=settings.long_speech_ms,
            max_utterance_ms=settings.max_utterance_ms,
        ),
        glossary=GlossaryEntries.of({term.term: term.translations for term in room.glossary.terms}, room.languages),
        barge_in_stops=settings.barge_in == "stop",
        layout=Layout(settings.layout),
        max_lanes=settings.max_lanes,
        pivot=settings.pivot or None,
        chair=chair.acs_user_id if chair else None,
        keypad={tone: Order(action) for tone, action in settings.keypad.items()},
        stability=Stability(settings.captions),
        announcement=settings.announcement,
        bots=frozenset(one.acs_user_id for one in room.participants if one.participant_id in settings.bots),
        mixed=settings.mixed,
        usage_cap=UsageCap(
            money=settings.usage_cap.get("money"),
            tokens=_whole(settings.usage_cap.get("tokens")),
            minutes=settings.usage_cap.get("minutes"),
        ),
    )


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


class LedgerReader(Protocol):
    """What the ledger has kept (`rooms_admin.transcripts.recorder.Archive`)."""

    async def every_passage(self, room_id: str) -> Sequence[LedgerRecord]: ...


class StoredRoomPlans:
    """The store, as the switchboard reads it."""

    def __init__(self, store: RoomStore, books: LedgerReader) -> None:
        self._store = store
        self._books = books

    async def by_acs_room(self, acs_room_id: str) -> PlannedRoom | None:
        room = await self._store.find_by_acs_room(acs_room_id)
        calls = planned(room) if room else []
        return await self._counted(next((one for one in calls if one.acs_room_id == acs_room_id), None))

    async def by_room(self, call_key: str) -> PlannedRoom | None:
        calls = await self.calls(room_of(call_key))
        return await self._counted(next((one for one in calls if one.room_id == call_key), None))

    async def _counted(self, call: PlannedRoom | None) -> PlannedRoom | None:
        """With what the room has used before, if there is a cap to it."""
        if call is None or call.plan.usage_cap == UsageCap():
            return call
        used = Used()
        for passage in paid_for(await self._books.every_passage(room_of(call.room_id))):
            used.add(passage.spoken_ms or 0, passage.played_ms, passage.tokens)
        return replace(call, used=used)

    async def calls(self, room_id: str) -> Sequence[PlannedRoom]:
        """All calls of an admins' room; none if there is no such room."""
        room = await self._store.get(room_id)
        return planned(room) if room else []


class PlanListener(Protocol):
    """What follows admins' changes of a call (`switchboard.Switchboard`)."""

    def change_plan(self, room_id: str, plan: RoomPlan) -> None: ...

    def room_deleted(self, room_id: str) -> None: ...


def follow_change(switchboard: PlanListener, room: Room) -> None:
    """Let the running calls of a room be as it is now."""
    for call in planned(room):
        switchboard.change_plan(call.room_id, call.plan)


def follow_removal(switchboard: PlanListener, room: Room) -> None:
    """End the calls of a room that is no more."""
    for call in planned(room):
        switchboard.room_deleted(call.room_id)
