"""What serves listeners and people who speak by browser: of this replica alone, or with what others relay."""

from __future__ import annotations

from dataclasses import dataclass, replace

from listeners.microphones import OpenMicrophone
from listeners.relay.relay import Relay
from listeners.rooms import FindRoom, ListenedRoom
from listeners.sockets.members import Members


@dataclass(frozen=True, slots=True)
class Listening:
    """What the listeners' sockets are given."""

    find_room: FindRoom
    open_microphone: OpenMicrophone
    members: Members

    def with_others(self, relay: Relay) -> Listening:
        """Return the same with rooms ready that other replicas have, and microphones opened there."""

        async def find(room_id: str) -> ListenedRoom | None:
            room = await self.find_room(room_id)
            if room is not None and room.state != "ended":
                await relay.prepare(room_id, room.state)
            return room

        return replace(self, find_room=find, open_microphone=relay.open_microphone)
