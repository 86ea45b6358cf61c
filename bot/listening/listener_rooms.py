"""Tells listeners about rooms: whether they are being interpreted, who speaks, what the interpreter does.

`find` answers for any room, of whichever replica. Changes are found by looking at this replica's calls a few times a
second, so that a call does not have to know who follows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from bot.calls.environment import Interpreted, PlannedRoom, room_of
from bot.calls.state_machine import CallState
from bot.interpreting.lane_status import LaneState
from bot.interpreting.plan import primary, script
from listeners.feed import Feed
from listeners.messages import InterpreterSignal
from listeners.rooms import ListenedRoom, Person, RoomState
from rooms_admin.api import InterpreterState
from rooms_admin.rooms.room import Room, validity
from storage.errors import StoreUnavailable

LOOK_EVERY_S = 0.2
"""Seconds between two looks at the calls: a person notices later that somebody speaks."""
BEHIND_MS = 2_000
"""Interpretation that waits to be heard, in milliseconds, with which the interpreter is called behind."""
BEHIND_EVERY_S = 1.0
"""Seconds between two reports of how far it is behind."""

_STATES: dict[str, RoomState] = {"interpreting": "active", "interrupted": "active", "paused": "paused"}
"""State of a room by the status of its interpreter; any other is `created`."""
_HEARD = (CallState.STREAMING, CallState.BY_BROWSER)
"""States of a call in which somebody is heard by the interpreter."""


class WatchedCall(Protocol):
    """A call of this replica, as far as listeners learn of it (`bot.calls.call.Call`)."""

    @property
    def room(self) -> PlannedRoom: ...

    @property
    def state(self) -> CallState: ...

    @property
    def live(self) -> Interpreted: ...


def closest(wanted: str, languages: Sequence[str]) -> str | None:
    """Return the language of a room that serves a reader of `wanted` best: itself, or a variety in the same script."""
    lowered = wanted.lower()
    alike = [tag for tag in languages if primary(tag) == primary(wanted)]
    same = [tag for tag in alike if tag.lower() == lowered]
    written_alike = [tag for tag in alike if script(tag) == script(wanted)]
    return next(iter((*same, *written_alike, *alike)), None)


class ListenerRooms:
    """Finds rooms for listeners, and publishes what changes in those that are interpreted here."""

    def __init__(
        self,
        find_stored: Callable[[str], Awaitable[Room | None]],
        interpreter_state: Callable[[str], Awaitable[InterpreterState]],
        calls: Callable[[], Iterable[WatchedCall]],
        feed: Feed,
        clock: Callable[[], float],
    ) -> None:
        """`clock`: seconds of the event loop."""
        self._find_stored = find_stored
        self._interpreter_state = interpreter_state
        self._calls = calls
        self._feed = feed
        self._clock = clock
        self._states: dict[str, RoomState] = {}
        """Of the rooms that had a call here at the last look."""
        self._behind: dict[str, float] = {}
        """When it was last said of a room how far its interpreter is behind."""
        self._until: dict[str, datetime] = {}
        """When rooms that are followed expire."""

    async def find(self, room_id: str) -> ListenedRoom | None:
        """Return a room as listeners see it; None if there is none."""
        room = await self._find_stored(room_id)
        if room is None:
            return None
        self._until[room_id] = room.valid_until
        state: RoomState = "ended"
        if validity(room, datetime.now(UTC)) != "expired":
            state = _STATES.get((await self._interpreter_state(room_id)).status, "created")
        people = {
            one.participant_id: Person(one.participant_id, one.display_name, one.speaks, one.hears, one.acs_user_id)
            for one in room.participants
        }
        return ListenedRoom(room_id, room.name, room.languages, state, people)

    def changed(self, room: Room) -> None:
        """Note that a room has changed: it may end at another time."""
        if room.room_id in self._until:
            self._until[room.room_id] = room.valid_until

    async def run(self) -> None:
        """Look at the calls, and end rooms that expire, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._end_on_time(), name="rooms that expire")
            while True:
                self.look()
                await asyncio.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Publish what has changed since the last look."""
        calls: dict[str, list[WatchedCall]] = {}
        for call in self._calls():
            calls.setdefault(room_of(call.room.room_id), []).append(call)
        states: dict[str, RoomState] = {}
        for room_id, of_room in calls.items():
            heard = next((call.live for call in of_room if call.state in _HEARD), None)
            if heard is None:
                interrupted = any(call.state is CallState.INTERRUPTED for call in of_room)
                states[room_id] = "active" if interrupted else "created"
                self._feed.speaking(room_id, frozenset())
                self._feed.interpreter(room_id, InterpreterSignal("off"))
                continue
            states[room_id] = "paused" if heard.session.paused else "active"
            self._publish(room_id, condition(heard))
            self._feed.speaking(room_id, heard.session.speaking)
        for room_id in states.keys() | self._states.keys():
            now: RoomState = states.get(room_id, "created")
            if now != self._states.get(room_id, "created"):
                self._feed.room_state(room_id, now)
        for room_id in self._behind.keys() - states.keys():
            del self._behind[room_id]
        self._states = states

    def _publish(self, room_id: str, signal: InterpreterSignal) -> None:
        now = self._clock()
        if signal.state == "behind":
            if now - self._behind.get(room_id, -BEHIND_EVERY_S) < BEHIND_EVERY_S:
                return
            self._behind[room_id] = now
        else:
            self._behind.pop(room_id, None)
        self._feed.interpreter(room_id, signal)

    async def _end_on_time(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.end_expired()
            except StoreUnavailable:
                pass  # logged by the store; they end once it answers

    async def end_expired(self) -> None:
        """End the rooms that have expired, for everybody at every replica. One that was prolonged at another goes on.

        `StoreUnavailable` if that cannot be known.
        """
        for room_id, until in list(self._until.items()):
            if datetime.now(UTC) >= until:
                room = await self._find_stored(room_id)
                if room is not None and datetime.now(UTC) < room.valid_until:
                    self._until[room_id] = room.valid_until
                    continue
                self._feed.close_room(room_id, "room_expired")
            elif self._feed.is_followed(room_id):
                continue
            self._until.pop(room_id, None)


def condition(live: Interpreted) -> InterpreterSignal:
    """Return what the interpreter of a room that is being heard does."""
    session = live.session
    if session.paused:
        return InterpreterSignal("paused")
    lanes = [view for view in live.lanes.views() if view.state is not LaneState.PARKED and not view.lane.passthrough]
    if lanes and all(view.engine in ("", "captions") and view.reason for view in lanes):
        return InterpreterSignal("captions_only", reason=lanes[0].reason)
    behind_ms = round(session.queued_ms)
    if behind_ms >= BEHIND_MS:
        return InterpreterSignal("behind", behind_ms)
    return InterpreterSignal("interpreting" if session.open_entries else "listening")
