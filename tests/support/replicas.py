"""Replicas that relay to one another, in virtual time: each has its end of channels in memory, which can be cut off."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from listeners.feed import Feed
from listeners.microphones import MicrophoneRefused
from listeners.readers import Reader
from listeners.relay.relay import Relay
from listeners.rooms import RoomState
from listeners.sockets.members import Members
from storage.replica_channels import TakeBytes

ROOM = "room-1"


class Wire:
    """What the ends have in common. A message takes `delay_s`; those of a cut end are lost."""

    def __init__(self, delay_s: float = 0.001) -> None:
        self.delay_s = delay_s
        self.ends: list[ChannelsEnd] = []
        self.messages: list[tuple[str, bytes]] = []

    def end(self) -> ChannelsEnd:
        self.ends.append(ChannelsEnd(self))
        return self.ends[-1]


class ChannelsEnd:
    """Implements `storage.replica_channels.ReplicaChannels`."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._cut = False
        self._arriving: deque[tuple[str, bytes]] = deque()
        self._takers: dict[str, tuple[TakeBytes, Callable[[], None]]] = {}

    def publish(self, channel: str, message: bytes) -> None:
        if not self._cut:
            self._wire.messages.append((channel, message))
            for end in self._wire.ends:
                end._arriving.append((channel, message))
                asyncio.get_running_loop().call_later(self._wire.delay_s, end._arrived)

    def subscribe(self, channel: str, take: TakeBytes, ready: Callable[[], None] = lambda: None) -> None:
        self._takers[channel] = take, ready
        asyncio.get_running_loop().call_later(self._wire.delay_s, self._ready, channel)

    def unsubscribe(self, channel: str) -> None:
        self._takers.pop(channel, None)

    async def run(self) -> None:
        await asyncio.get_running_loop().create_future()

    @property
    def subscribed(self) -> set[str]:
        return set(self._takers)

    def cut(self) -> None:
        self._cut = True

    def mend(self) -> None:
        self._cut = False
        for channel in list(self._takers):
            self._ready(channel)

    def _ready(self, channel: str) -> None:
        if not self._cut and (taker := self._takers.get(channel)) is not None:
            taker[1]()

    def _arrived(self) -> None:
        channel, message = self._arriving.popleft()
        if not self._cut and (taker := self._takers.get(channel)) is not None:
            taker[0](message)


class FakeMicrophone:
    """A microphone in a room that is interpreted here: keeps what it is given."""

    def __init__(self, participant_id: str, ended: Callable[[str], None]) -> None:
        self.participant_id = participant_id
        self.ended = ended
        self.frames: list[tuple[bytes, int]] = []
        self.mutes: list[bool] = []
        self.closed = False

    def frame(self, pcm: bytes, captured_us: int) -> None:
        self.frames.append((pcm, captured_us))

    def muted(self, muted: bool) -> None:
        self.mutes.append(muted)

    def close(self) -> None:
        self.closed = True


class Replica:
    """A feed, its relay, and the microphones of rooms that have a call here."""

    def __init__(self, wire: Wire, number: int) -> None:
        loop = asyncio.get_running_loop()
        self.channels = wire.end()
        self.feed = Feed(wall_clock=lambda: 1_800_000_000 + loop.time())
        self.name = f"{number:016x}"
        self.microphones: list[FakeMicrophone] = []
        self.refuses = ""
        self.opens_in_s = 0.0
        self.members = Members(self.feed.listeners)
        self.feed.listeners_changed = self.members.listeners_changed
        self.relay = Relay(
            self.channels,
            self.name,
            self.feed,
            self._open,
            self.members,
            loop.time,
            lambda: 1_800_000_000 + loop.time(),
        )
        self.states: list[RoomState] = []

    async def _open(self, room_id: str, participant_id: str, ended: Callable[[str], None]) -> FakeMicrophone:
        if not self.feed.has_call(room_id):
            raise MicrophoneRefused("other_replica", "another replica has the room")
        await asyncio.sleep(self.opens_in_s)
        if self.refuses == "bug":
            raise RuntimeError("a bug")
        if self.refuses:
            raise MicrophoneRefused(self.refuses, "refused")
        self.microphones.append(FakeMicrophone(participant_id, ended))
        return self.microphones[-1]

    def listens(self) -> None:
        self.feed.watch_room(ROOM, self.states.append)

    def dies(self) -> None:
        self.channels.cut()


@asynccontextmanager
async def replicas(number: int = 2, wire: Wire | None = None) -> AsyncIterator[list[Replica]]:
    wire = wire or Wire()
    made = [Replica(wire, place) for place in range(number)]
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(one.relay.run()) for one in made]
        yield made
        for task in running:
            task.cancel()


async def read(reader: Reader[Any]) -> list[Any]:
    """What has come to a reader, which reads no more."""
    reader.close()
    return [item async for item in reader]


async def passes(seconds: float = 0.3) -> None:
    await asyncio.sleep(seconds)
