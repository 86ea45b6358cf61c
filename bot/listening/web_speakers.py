"""Opens the microphones of people who speak by browser, and starts their room if nobody else has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bot.calls.active_calls import ActiveCalls, RoomPlans
from bot.calls.call import Call
from bot.live_room.microphones import RoomMicrophone
from listeners.microphones import MicrophoneRefused
from storage.errors import StoreUnavailable

ATTEMPTS = 20
"""Attempts to find or begin the call of a room while others join, leave or take it over."""
ATTEMPT_S = 0.1
"""Pause between them, in seconds."""


@dataclass(frozen=True, slots=True)
class WebSpeakers:
    """Implements `listeners.microphones.OpenMicrophone`."""

    active_calls: ActiveCalls
    rooms: RoomPlans

    async def __call__(self, room_id: str, participant_id: str, ended: Callable[[str], None]) -> RoomMicrophone:
        """Open a microphone; the room's call begins with the first one, if it has not.

        Raises:
            MicrophoneRefused: the participant may not speak here or now.
        """
        try:
            seat = await self.rooms.seat(room_id, participant_id)
            call = await self._call(seat.call_key)
        except StoreUnavailable as error:
            raise MicrophoneRefused("store_unavailable", "the store is not available; try again soon") from error
        return call.live.microphones.open(seat.speaker, ended)

    async def _call(self, key: str) -> Call:
        """Find the room's call here, take it over from a replica that is gone, or begin it."""
        for _ in range(ATTEMPTS):
            call = await self.active_calls.find_or_adopt(key)
            if call is not None and not call.live.over:
                return call
            if call is not None:
                await call.left.wait()
                continue
            if await self.active_calls.recorded_elsewhere(key):
                raise MicrophoneRefused("other_replica", "another replica has the room; try again")
            room = await self.rooms.by_room(key)
            if room is None:
                raise MicrophoneRefused("room_not_found", "there is no such room")
            if room.waits_for_start:
                raise MicrophoneRefused("not_started", "the room waits for its start; try again then")
            match await self.active_calls.join(room, None, by_admin=True):
                case None:
                    pass  # it can be found now
                case "already_live":  # it is being joined, or handed over
                    await asyncio.sleep(ATTEMPT_S)
                case "service_stopping":
                    raise MicrophoneRefused("service_stopping", "this replica stops; try again")
                case _:
                    raise MicrophoneRefused("no_capacity", "no other room can be interpreted here now")
        raise MicrophoneRefused("not_live", "the room is being handed over; try again soon")
