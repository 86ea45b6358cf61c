"""One live room that several ACS rooms share: each call holds a seat in it, and it ends with the last of them.

In the sister layout people sit in one ACS room per language; the interpreter is in each and bridges them, so that all
its calls work on one session. A call knows nothing of that: its seat looks like a live room of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from bot.interpreting.events import Event
from bot.interpreting.lane_status import LaneStatuses
from bot.interpreting.plan import RoomPlan
from bot.interpreting.session import InterpreterSession
from bot.live_room.live_room import LiveRoom, RoomEnded
from media_streaming.stream import NORMAL_CLOSURE, MediaStream

Spawn = Callable[[Coroutine[object, object, None], str], object]
"""Starts a task that outlives the call that asks for it, by name."""


class SharedRoom:
    """A live room and who sits in it."""

    def __init__(self, live: LiveRoom, name: str, spawn: Spawn) -> None:
        """`name` begins the ids of its utterances."""
        self.live = live
        self.name = name
        self._spawn = spawn
        self._seats: list[RoomShare] = []
        self._running = False
        self._closed = asyncio.Event()
        self.ended: RoomEnded | None = None
        """Once all is over, books included."""

    @property
    def free(self) -> bool:
        """Whether a call may still join: what is ending is not to be revived."""
        return not self.live.over

    def seat(self, stream: str) -> RoomShare:
        """A place in it for the call that carries this media stream of the plan."""
        taken = RoomShare(self, stream)
        self._seats.append(taken)
        return taken

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
            for seat in self._seats:
                seat.end(ended.reason, hang_up=True)

    def leave(self, seat: RoomShare, reason: str) -> bool:
        """Whether that was the last; then the room is over."""
        if seat in self._seats:
            self._seats.remove(seat)
        if self._seats:
            return False
        self.live.end(reason, hang_up=False)
        return self._running


class RoomShare:
    """The shared room, as one of its calls sees it."""

    def __init__(self, shared: SharedRoom, stream: str) -> None:
        self._shared = shared
        self._name = stream
        self._over: RoomEnded | None = None
        self._ended = asyncio.Event()
        self._stream: MediaStream | None = None

    async def run(self) -> RoomEnded:
        """Until somebody ends this seat, or the whole room is over; the last to leave waits for the books."""
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
        """Leave the room; the first reason counts."""
        if self._over is None:
            self._over = RoomEnded(reason, hang_up)
            self._ended.set()

    @property
    def over(self) -> bool:
        return self._over is not None

    @property
    def session(self) -> InterpreterSession:
        return self._shared.live.session

    @property
    def lanes(self) -> LaneStatuses:
        return self._shared.live.lanes

    def watch_lanes(self, changed: Callable[[], None]) -> None:
        self._shared.live.watch_lanes(changed)

    async def quiet(self) -> None:
        await self._shared.live.quiet()

    def deliver(self, event: Event) -> None:
        self._shared.live.deliver(event)

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
    """The shared rooms of this process, by room."""

    def __init__(self, spawn: Spawn) -> None:
        self._spawn = spawn
        self._shared: dict[str, SharedRoom] = {}

    def seat(self, room_id: str, stream: str, name: str, build: Callable[[str], LiveRoom]) -> RoomShare:
        """A seat for one of the room's calls; `build` makes the live room of a name, if there is none yet."""
        shared = self._shared.get(room_id)
        if shared is None or not shared.free:
            shared = self._shared[room_id] = SharedRoom(build(name), name, self._spawn)
            for known in [known for known, one in self._shared.items() if one.ended is not None]:
                del self._shared[known]
        return shared.seat(stream)

    def is_open(self, room_id: str) -> bool:
        """Whether its session goes on: then its books are not to be closed by whoever takes over a call of it."""
        shared = self._shared.get(room_id)
        return shared is not None and shared.free
