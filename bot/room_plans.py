"""Reads the rooms that admins configure as the plans that calls and the interpreter need.

A room of the layout `sister`, room per language, is several ACS rooms, and each has a call of its own, whose key is the
room's id and the language, `room-1/es-ES`. The call of any other room has the room's id as its key.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from bot.calls.environment import PlannedRoom, WebSeat, call_key, room_of
from bot.interpreting.events import Order
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.plan import Attendee, Endpointing, Layout, Mode, RoomPlan, Stability, UsageCap
from bot.interpreting.usage_meter import Used
from listeners.microphones import MicrophoneRefused
from rooms_admin.rooms.room import Room, RoomStore
from rooms_admin.transcripts.records import LedgerRecord
from rooms_admin.transcripts.usage import paid_for


def planned(room: Room) -> Sequence[PlannedRoom]:
    """Return the room's calls, one for each of its ACS rooms."""
    plan = plan_of(room)
    if not room.sisters:
        waits = room.settings.waits_for_start
        return [PlannedRoom(room.room_id, room.acs_room_id, plan, waits_for_start=waits)]
    return [
        PlannedRoom(call_key(room.room_id, language), acs_room_id, plan)
        for language, acs_room_id in room.sisters.items()
    ]


def plan_of(room: Room) -> RoomPlan:
    """Translate an admin's configuration into the interpreter's plan."""
    settings = room.settings
    chair = room.participant(settings.chair)
    return RoomPlan(
        languages=room.languages,
        attendees={
            one.acs_user_id: Attendee(one.acs_user_id, one.display_name, one.speaks, one.hears)
            for one in room.participants
            if one.participant_id not in settings.bots
        },
        mode=Mode(room.mode),
        endpointing=Endpointing(
            end_of_turn_ms=settings.end_of_turn_ms,
            end_of_turn_after_long_ms=settings.end_of_turn_after_long_ms,
            end_of_turn_unfinished_ms=settings.end_of_turn_unfinished_ms,
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
        separate_varieties=settings.separate_varieties,
        mixed=settings.mixed,
        speak_messages=settings.speak_messages,
        web=room.media == "web",
        open_until=room.valid_until.timestamp() if room.media == "web" else math.inf,
        usage_cap=UsageCap(
            money=settings.usage_cap.get("money"),
            tokens=_whole(settings.usage_cap.get("tokens")),
            minutes=settings.usage_cap.get("minutes"),
        ),
    )


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


class LedgerReader(Protocol):
    """Reads the ledger (`rooms_admin.transcripts.recorder.TranscriptRecorder`)."""

    async def whole_ledger(self, room_id: str) -> Sequence[LedgerRecord]: ...


class StoredRoomPlans:
    """Finds planned calls in the room store."""

    def __init__(
        self, store: RoomStore, ledger: LedgerReader, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._now = now

    async def by_acs_room(self, acs_room_id: str) -> PlannedRoom | None:
        room = await self._store.find_by_acs_room(acs_room_id)
        calls = planned(room) if room else []
        return await self._with_usage(next((one for one in calls if one.acs_room_id == acs_room_id), None))

    async def by_room(self, call_key: str) -> PlannedRoom | None:
        calls = await self.calls(room_of(call_key))
        return await self._with_usage(next((one for one in calls if one.room_id == call_key), None))

    async def _with_usage(self, call: PlannedRoom | None) -> PlannedRoom | None:
        """Add what earlier calls of the room used, if the room has a usage cap."""
        if call is None or call.plan.usage_cap == UsageCap():
            return call
        used = Used()
        for passage in paid_for(await self._ledger.whole_ledger(room_of(call.room_id))):
            used.add(passage.spoken_ms or 0, passage.played_ms, passage.tokens)
        return replace(call, used=used)

    async def seat(self, room_id: str, participant_id: str) -> WebSeat:
        """Return where a participant speaks by browser; `MicrophoneRefused` if not at all."""
        room = await self._store.get(room_id)
        if room is None:
            raise MicrophoneRefused("room_not_found", "there is no such room")
        if self._now() >= room.valid_until:
            raise MicrophoneRefused("room_ended", "the room has expired")
        participant = room.participant(participant_id)
        plan = plan_of(room)
        if participant is None or participant.phone_number or participant.acs_user_id not in plan.attendees:
            raise MicrophoneRefused("not_on_roster", "the participant is not on the roster, or is a bot or a phone")
        key = call_key(room_id, participant.hears) if room.sisters else room_id
        return WebSeat(key, participant.acs_user_id)

    async def calls(self, room_id: str) -> Sequence[PlannedRoom]:
        """Return all calls of a room; none if there is no such room."""
        room = await self._store.get(room_id)
        return planned(room) if room else []


class PlanListener(Protocol):
    """Applies changed plans to calls (`dispatcher.Dispatcher`)."""

    def change_plan(self, room_id: str, plan: RoomPlan) -> None: ...

    def room_deleted(self, room_id: str) -> None: ...


def follow_change(calls: PlanListener, room: Room) -> None:
    """Apply the room's present configuration to its running calls."""
    for call in planned(room):
        calls.change_plan(call.room_id, call.plan)


def follow_removal(calls: PlanListener, room: Room) -> None:
    """End the calls of a deleted room."""
    for call in planned(room):
        calls.room_deleted(call.room_id)
