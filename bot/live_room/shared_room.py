"""A live room that several calls share, for the layout with one ACS room per language.

The interpreter is in each of these rooms and connects them, so all its calls work on one session. A call sees only its
`RoomShare`, which behaves like a live room of its own. The shared room ends with the last of its calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace

from bot.interpreting.events import Event, PresenceChanged
from bot.interpreting.lane_status import LaneStatuses
from bot.interpreting.plan import RoomPlan
from bot.interpreting.session import InterpreterSession
from bot.live_room.live_room import LiveRoom, RoomEnded
from bot.live_room.microphones import Microphones
from media_streaming.stream import NORMAL_CLOSURE, MediaStream

Spawn = Callable[[Coroutine[object, object, None], str], object]
"""Starts a task with a name; the task outlives the call that starts it."""


class SharedRoom:
    """A live room and the calls that share it."""

    def __init__(self, live: LiveRoom, spawn: Spawn) -> None:
        self.live = live
        self._spawn = spawn
        self._shares: list[RoomShare] = []
        self._running = False
        self._closed = asyncio.Event()
        self.ended: RoomEnded | None = None
        """Set once the room has ended and its ledger is closed."""

    @property
    def joinable(self) -> bool:
        """Whether a call may still join: a room that is ending is not used again."""
        return not self.live.over

    def share(self, stream: str) -> RoomShare:
        """Add the call that carries this media stream of the plan."""
        share = RoomShare(self, stream)
        self._shares.append(share)
        return share

    def start(self) -> None:
        if not self._running:
            self._running = True
            self._spawn(self._run(), "shared room")

    async def closed(self) -> None:
        await self._closed.wait()

    async def _run(self) -> None:
        ended = RoomEnded("cancelled", hang_up=True)
        try:
            ended = await self.live.run()
        finally:
            self.ended = ended
            self._closed.set()
            for share in self._shares:
                share.end(ended.reason, hang_up=True)

    def leave(self, share: RoomShare, reason: str) -> bool:
        """Remove a call; the last one ends the room. Return whether to wait for the room's end."""
        if share in self._shares:
            self._shares.remove(share)
        if self._shares:
            return False
        self.live.end(reason, hang_up=False)
        return self._running


class RoomShare:
    """A shared room as one of its calls sees it."""

    def __init__(self, shared: SharedRoom, stream: str) -> None:
        self._shared = shared
        self._name = stream
        self._over: RoomEnded | None = None
        self._ended = asyncio.Event()
        self._stream: MediaStream | None = None

    async def run(self) -> RoomEnded:
        """Run until this call or the whole room ends; the last call to leave waits until the ledger is closed."""
        self._shared.start()
        ended = RoomEnded("cancelled", hang_up=True)
        try:
            await self._ended.wait()
            ended = self._over or ended
        finally:
            last = self._shared.leave(self, ended.reason)
            if self._stream is not None:
                await self._stream.close(NORMAL_CLOSURE, "the interpreter has left")
        if last:
            await self._shared.closed()
        return ended

    def end(self, reason: str, *, hang_up: bool) -> None:
        """Leave the room. Only the first reason counts."""
        if self._over is None:
            self._over = RoomEnded(reason, hang_up)
            self._ended.set()

    @property
    def over(self) -> bool:
        return self._over is not None

    @property
    def name(self) -> str:
        """Prefix of the ids of the room's utterances, the same for all its calls."""
        return self._shared.live.name

    async def started(self) -> None:
        """Wait until the room runs. Safe to cancel."""
        await self._shared.live.started()

    @property
    def running(self) -> bool:
        """Whether the room runs, for another of its calls perhaps."""
        return self._shared.live.running

    @property
    def session(self) -> InterpreterSession:
        return self._shared.live.session

    @property
    def microphones(self) -> Microphones:
        return self._shared.live.microphones

    @property
    def lanes(self) -> LaneStatuses:
        return self._shared.live.lanes

    def watch_lanes(self, changed: Callable[[], None]) -> None:
        self._shared.live.watch_lanes(changed)

    async def quiet(self) -> None:
        await self._shared.live.quiet()

    def deliver(self, event: Event) -> None:
        """Pass an event on; who is in this call is only part of who is there."""
        self._shared.live.deliver(replace(event, stream=self._name) if isinstance(event, PresenceChanged) else event)

    def change_plan(self, plan: RoomPlan) -> None:
        self._shared.live.change_plan(plan)

    async def attach(self, stream: MediaStream) -> None:
        self._stream = stream
        try:
            await self._shared.live.attach(stream, self._name)
        finally:
            if self._stream is stream:
                self._stream = None


class SharedRooms:
    """The shared rooms of this process, by room id."""

    def __init__(self, spawn: Spawn) -> None:
        self._spawn = spawn
        self._shared: dict[str, SharedRoom] = {}

    def share(self, room_id: str, stream: str, name: str, build: Callable[[str], LiveRoom]) -> RoomShare:
        """Return a share for a call of the room; `build` makes the live room with a name, if there is none yet."""
        shared = self._shared.get(room_id)
        if shared is None or not shared.joinable:
            shared = self._shared[room_id] = SharedRoom(build(name), self._spawn)
            for known in [known for known, one in self._shared.items() if one.ended is not None]:
                del self._shared[known]
        return shared.share(stream)
