"""The calls of this process: joined, taken over from a replica that is gone, left; each once, however many events ask.

Where ACS reaches them, which secret belongs to which, and who else may be in them. What happens in one is `call.py`'s.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol
from urllib.parse import quote
from weakref import WeakValueDictionary

import msgspec

from bot.calls.call import Call, CallControl, Interpreted, PlannedRoom, Surroundings, new_record
from bot.calls.cluster import Cluster, HandleMessage
from bot.calls.registry import LEASE_S, CallRecord, LastCall, Registry, WantedCall
from bot.calls.state_machine import CallAction, CallState, CallTrigger, step
from bot.live_room.live_room import TranscriptSink
from bot.outputs.webhook_events import EmitEvent
from storage.errors import StoreUnavailable
from webhooks.deduplication import RecentIds

logger = logging.getLogger(__name__)

LEFT_CALLS_REMEMBERED = 1_000
"""ACS reports on a call for a while after we have left it; those reports are accepted, and not acted on."""
TAKING_ATTEMPTS = 3
"""To take a call over whose record is being changed by others meanwhile."""
BOOKS_S = 1.0
"""Between two looks whether a call's earlier owner can write no more into its books ..."""
LAST_WORDS_S = 2 * LEASE_S
"""... and how long one that lives, and has let go of the call, is given for it."""

CloseBooks = Callable[[str, str, str], Awaitable[int]]
"""Give every utterance of a room whose id begins like that, and that was left open, its end: room, prefix, reason."""


class RoomPlans(Protocol):
    """Where rooms are looked up."""

    async def by_acs_room(self, acs_room_id: str) -> PlannedRoom | None: ...

    async def by_room(self, room_id: str) -> PlannedRoom | None: ...


class Afterwards(Protocol):
    """Who sees to what is left when a call is over (`reconciliation.Reconciliation`)."""

    async def try_later(self, wanted: WantedCall) -> None: ...

    async def settle(self, call: Call) -> None: ...

    async def hang_up(self, connection_id: str) -> None: ...


class ActiveCalls:
    """All calls of this process."""

    def __init__(
        self,
        *,
        rooms: RoomPlans,
        calls: CallControl,
        registry: Registry,
        replicas: Cluster,
        inherited: HandleMessage,
        open_room: Callable[[PlannedRoom, str, TranscriptSink], Interpreted],
        scribe: Callable[[str], TranscriptSink],
        close_books: CloseBooks,
        public_base_url: str,
        media_base_url: str,
        max_calls: int,
        wall_clock: Callable[[], float],
        clock: Callable[[], float],
        tell: EmitEvent,
    ) -> None:
        """`inherited` acts on what was left for a replica that is gone; the others: see `switchboard.Switchboard`."""
        self._rooms = rooms
        self._registry = registry
        self._replicas = replicas
        self._inherited = inherited
        self._open_room = open_room
        self._scribe = scribe
        self._close_books = close_books
        self._public_base_url = public_base_url
        self._media_base_url = media_base_url
        self._max_calls = max_calls
        self._wall_clock = wall_clock
        self._tell = tell
        self._around = Surroundings(calls, registry, self, tell, wall_clock, clock)
        self._by_room: dict[str, Call] = {}
        self._by_secret: dict[str, Call] = {}
        self._joining: set[str] = set()
        """Rooms about to have a call."""
        self._taking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """By room: its call is joined or taken over once, however many events ask for it."""
        self._left = RecentIds(LEFT_CALLS_REMEMBERED)
        """Secrets."""
        self._group: asyncio.TaskGroup | None = None
        self._afterwards: Afterwards
        self.accepting = True
        """Whether new calls are joined, and those of others taken over."""

    def open(self, group: asyncio.TaskGroup, afterwards: Afterwards) -> None:
        """Calls may be joined from now on, each in a task of this group."""
        self._group = group
        self._afterwards = afterwards

    # --- who is there --------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._by_room)

    @property
    def calls(self) -> list[Call]:
        return list(self._by_room.values())

    @property
    def secrets(self) -> list[str]:
        """Of the calls that are on. Whoever logs them gives the calls away."""
        return [secret for secret, call in self._by_secret.items() if not call.live.over]

    def has_left(self, secret: str) -> bool:
        """Whether a call of ours that is over had this secret."""
        return secret in self._left

    async def is_elsewhere(self, record: CallRecord) -> bool:
        """Whether another replica, and one that lives, is in the call."""
        return record.owner != self._registry.replica and not (await self._registry.living()).gone(record.owner)

    def held(self, room_id: str) -> Call | None:
        """The room's call, unless another replica has it by now."""
        call = self._by_room.get(room_id)
        return None if call is None or call.moved else call

    def holds(self, secret: str) -> Call | None:
        """The same by the secret of its addresses."""
        call = self._by_secret.get(secret)
        return None if call is None or call.moved else call

    def is_joining(self, room_id: str) -> bool:
        lock = self._taking.get(room_id)
        return room_id in self._joining or (lock is not None and lock.locked())

    # --- where ACS reaches us (call.Addresses) ----------------------------------------------------

    def callback_url(self, secret: str) -> str:
        return f"{self._public_base_url}/webhooks/calls/{quote(secret, safe='')}"

    def media_url(self, secret: str) -> str:
        return f"{self._media_base_url}/media/{quote(secret, safe='')}"

    def moved(self, call: Call, old_secret: str) -> None:
        self._by_secret.pop(old_secret, None)
        self._left.remember(old_secret)
        self._by_secret[call.secret] = call

    # --- calls: joined, taken over, left --------------------------------------------------------------------

    async def join(
        self, room: PlannedRoom, server_call_id: str | None, *, attempts: int = 0, ordered: bool = False
    ) -> str | None:
        """Begin to join; returns why not, if not. What Event Grid reported is tried again later."""
        if self._group is None:
            raise RuntimeError("the switchboard is not running")
        room_id, now = room.room_id, self._wall_clock()
        if self.held(room_id) is not None or self.is_joining(room_id):
            return "already_live"
        wanted = WantedCall(room_id=room_id, server_call_id=server_call_id, since=now, attempts=attempts, retry_at=now)
        refusal = self._refusal()
        if refusal is not None:
            logger.warning("call refused", extra={"room_id": room_id, "reason": refusal})
            await self._registry.note(room_id, LastCall(state="failed", reason=refusal, at=now))
            if not ordered:
                await self._afterwards.try_later(wanted)
            return refusal
        self._joining.add(room_id)
        try:
            async with self._lock(room_id):
                await self._registry.want(wanted)
                record = new_record(room, self._registry.replica, server_call_id, now)
                if not await self._registry.claim(record):
                    return "already_live"
                self._tell("room.live", room_id, {})
                self._begin(room, record)
        finally:
            self._joining.discard(room_id)
        return None

    def _lock(self, room_id: str) -> asyncio.Lock:
        lock = self._taking.get(room_id)
        if lock is None:
            lock = self._taking[room_id] = asyncio.Lock()
        return lock

    def _refusal(self) -> str | None:
        if not self.accepting:
            return "service_stopping"
        if len(self._by_room) >= self._max_calls:
            return f"no capacity: {self._max_calls} calls are live"
        return None

    async def retry(self, wanted: WantedCall) -> None:
        """Join a call again that could not be joined, or was lost."""
        room = await self._rooms.by_room(wanted.room_id)
        over = wanted.server_call_id is not None and await self._registry.is_over(wanted.server_call_id)
        if room is None or over:
            await self._registry.unwant(wanted.room_id)
        elif step(CallState.LIVE, CallTrigger.RETRY_DUE).act is CallAction.JOIN and self.held(wanted.room_id) is None:
            await self.join(room, wanted.server_call_id, attempts=wanted.attempts)

    async def adopt(self, record: CallRecord, connection_id: str | None = None) -> Call | None:
        """Take a call over whose replica is gone, or has lost its media socket to us; None if somebody else has, or
        we are leaving ourselves. `connection_id`: as whoever has it told us."""
        async with self._lock(record.room_id):
            call = self.held(record.room_id)
            if call is not None:
                return call
            if record.owner == self._registry.replica:  # we have left it while the store was away
                await self._registry.release(record)
                return None
            return await self._adopt(record, connection_id)

    async def _adopt(self, record: CallRecord, connection_id: str | None) -> Call | None:
        room = await self._rooms.by_room(record.room_id)
        if self._group is None or not self.accepting:
            return None
        taken = msgspec.structs.replace(
            record,
            owner=self._registry.replica,
            name=secrets.token_urlsafe(6),
            connection_id=record.connection_id or connection_id,
            unclosed=(*record.unclosed, record.name),
        )
        if not await self._registry.change(record, taken):
            return None
        if room is None:
            await self._registry.release(taken)
            if taken.connection_id is not None:
                await self._afterwards.hang_up(taken.connection_id)
            return None
        logger.warning("call taken over", extra={"room_id": record.room_id})
        call = self._begin(room, taken, adopted=True, handed_over=not record.owner)
        self._group.create_task(self._close_books_after(call, record.owner, taken.unclosed), name="books")
        return call

    async def _close_books_after(self, call: Call, owner: str, names: tuple[str, ...]) -> None:
        """Give what earlier owners have left open its end, as soon as they cannot do so themselves.

        In the background, and again until it is done: who waits for the interpreter does not wait for the books.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + LAST_WORDS_S
        room_id, lost = call.room.room_id, 0
        while True:
            try:
                gone = bool(owner) and (await self._registry.living()).gone(owner)
                if gone or loop.time() >= until:
                    for name in names:
                        lost += await self._close_books(room_id, f"{name}-", "replica_lost")
                    break
            except StoreUnavailable:
                pass  # said by whoever looks at it all the time
            await asyncio.sleep(BOOKS_S)
        call.books_closed(names)
        if gone:
            try:
                await self._replicas.inherit(owner, self._inherited)
            except StoreUnavailable:
                pass  # what it was told last is found by asking ACS
        logger.info("books closed", extra={"room_id": room_id, "utterances_lost": lost})

    async def ours(self, room_id: str) -> Call | None:
        """The room's call if it is ours; if it was a replica's that is gone, it is ours now."""
        call = self.held(room_id)
        if call is not None:
            return call
        record = await self._registry.call(room_id)
        if record is None or await self.is_elsewhere(record):
            return None
        return await self.adopt(record)

    def _begin(
        self, room: PlannedRoom, record: CallRecord, *, adopted: bool = False, handed_over: bool = False
    ) -> Call:
        if self._group is None:
            raise RuntimeError("the switchboard is not running")
        live = self._open_room(room, record.name, self._scribe(room.room_id))
        call = Call(room, record, live, self._around, adopted=adopted, handed_over=handed_over)
        self._by_room[room.room_id] = self._by_secret[record.secret] = call
        self._group.create_task(self._attend(call), name=f"call {room.room_id}")
        return call

    async def _attend(self, call: Call) -> None:
        room_id = call.room.room_id
        try:
            await call.run()
        finally:
            try:
                await self._afterwards.settle(call)
            except StoreUnavailable:
                logger.error("the end of a call could not be written down", extra={"room_id": room_id})
            finally:
                if self._by_room.get(room_id) is call:  # otherwise it has come back to us
                    del self._by_room[room_id]
                if self._by_secret.get(call.secret) is call:
                    del self._by_secret[call.secret]
                if not call.moved:
                    self._left.remember(call.secret)
                call.left.set()
        following = call.next_server_call_id
        if call.rejoin and not call.moved:
            try:
                if following is None or not await self._registry.is_over(following):
                    await self.join(call.room, following)
            except StoreUnavailable:
                logger.error("a call could not be joined: the store is away", extra={"room_id": room_id})

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Start a task that outlives the call that asks for it."""
        if self._group is None:
            coroutine.close()
            raise RuntimeError("the switchboard is not running")
        self._group.create_task(coroutine, name=name)
