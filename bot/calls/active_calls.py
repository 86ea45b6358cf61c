"""The calls of this replica: joined, taken over from a replica that is gone, left. Each room has at most one.

What happens in a call is decided in `call.py`; how its end is recorded, in `call_record.py`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Protocol
from weakref import WeakValueDictionary

import msgspec

from bot.calls.call import Call
from bot.calls.call_record import Rejoin, new_record, settle, try_later
from bot.calls.environment import (
    CallEnvironment,
    Interpreted,
    PlannedRoom,
    WebSeat,
    hang_up_orphan,
    is_per_language,
    room_of,
)
from bot.calls.replicas.mailbox import ReplicaMailbox
from bot.calls.replicas.registry import LEASE_S, CallRecord, LastCall, WantedCall
from bot.calls.state_machine import CallAction, CallState, CallTrigger, step
from bot.tasks import ServiceTasks
from storage.errors import StoreUnavailable
from webhooks.deduplication import RecentIds

logger = logging.getLogger(__name__)

LEFT_CALLS_REMEMBERED = 1_000
"""Secrets of left calls. ACS reports on a call for a while after that; such reports are accepted and ignored."""
TAKEOVER_ATTEMPTS = 3
"""Attempts to take over a call whose record other replicas keep changing."""
LEDGER_CHECK_S = 1.0
"""Interval in seconds at which a takeover checks whether the call's earlier owner can still write to the ledger."""
LEDGER_GRACE_S = 2 * LEASE_S
"""How long an earlier owner that is alive may still write to the ledger after it has given up the call, in seconds."""

CloseLedger = Callable[[str, str, str], Awaitable[int]]
"""Close the open utterances of a call in the ledger: call key, prefix of their ids, reason. Returns their number."""
OpenRoom = Callable[[PlannedRoom, str], Interpreted]
"""Make the live room of a call, given a name that no other call has."""


class RoomPlans(Protocol):
    """Looks rooms up. May raise `StoreUnavailable`."""

    async def by_acs_room(self, acs_room_id: str) -> PlannedRoom | None: ...

    async def by_room(self, room_id: str) -> PlannedRoom | None: ...

    async def seat(self, room_id: str, participant_id: str) -> WebSeat:
        """Return where a participant speaks who comes by browser; `MicrophoneRefused` if they may not."""
        ...


class ActiveCalls:
    """Owns the calls of this replica, by room and by secret."""

    def __init__(
        self,
        environment: CallEnvironment,
        *,
        rooms: RoomPlans,
        mailbox: ReplicaMailbox,
        tasks: ServiceTasks,
        open_room: OpenRoom,
        close_ledger: CloseLedger,
        max_calls: int,
    ) -> None:
        self._environment = environment
        self._registry = environment.registry
        self._rooms = rooms
        self._mailbox = mailbox
        self._tasks = tasks
        self._open_room = open_room
        self._close_ledger = close_ledger
        self._max_calls = max_calls
        self._by_room: dict[str, Call] = {}
        self._joining: set[str] = set()
        """Rooms about to have a call."""
        self._starting: dict[str, Call] = {}
        """Calls whose room does not run yet, by room: nothing may be delivered to them."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """By room. A call is joined or taken over under its room's lock, so that concurrent events do it once."""
        self._left = RecentIds(LEFT_CALLS_REMEMBERED)
        """Secrets of calls that were left."""
        self.accepting = True
        """Whether new calls are joined and calls of other replicas taken over."""

    # --- look-up ---------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._by_room)

    @property
    def all(self) -> list[Call]:
        return list(self._by_room.values())

    def by_room(self, room_id: str) -> Call | None:
        """Return the room's call, unless another replica has it by now."""
        call = self._by_room.get(room_id)
        return None if call is None or call.moved else call

    def by_secret(self, secret: str) -> Call | None:
        """Return the call that has this secret now, unless another replica has the call by now."""
        return next(
            (call for call in self._by_room.values() if call.connection.secret == secret and not call.moved), None
        )

    def has_left(self, secret: str) -> bool:
        """Say whether a call of this replica had this secret earlier."""
        return secret in self._left or any(secret in call.connection.former_secrets for call in self._by_room.values())

    def is_foreign(self, call: Call, connection_id: str) -> bool:
        """Say whether a connection is not the call's. Until the call knows its own, it is any but another call's."""
        if call.connection.id is not None:
            return call.connection.id != connection_id
        return any(other.connection.id == connection_id for other in self._by_room.values())

    def is_joining(self, room_id: str) -> bool:
        lock = self._locks.get(room_id)
        return room_id in self._joining or room_id in self._starting or (lock is not None and lock.locked())

    async def is_elsewhere(self, record: CallRecord) -> bool:
        """Say whether another replica, one that is alive, is in the call."""
        return record.owner != self._registry.replica and not (await self._registry.living()).gone(record.owner)

    async def recorded_elsewhere(self, room_id: str) -> bool:
        """Say whether another replica, one that is alive, is in the room's call, or in another call of the room."""
        record = await self._registry.call(room_id)
        elsewhere = record is not None and await self.is_elsewhere(record)
        return elsewhere or await self.owner_beside(room_id) is not None

    async def owner_beside(self, key: str) -> str | None:
        """Return the other replica, alive, that is in a call of the same room: all its calls are in one replica."""
        for record in await self._registry.calls() if is_per_language(key) else ():
            if room_of(record.room_id) == room_of(key) and await self.is_elsewhere(record):
                return record.owner
        return None

    def has_beside(self, key: str) -> bool:
        """Say whether this replica is in another call of the same room."""
        return any(room_of(call.room.room_id) == room_of(key) for call in self._by_room.values() if not call.moved)

    async def find_or_adopt(self, room_id: str) -> Call | None:
        """Return the room's call if this replica has it; take it over first if its replica is gone."""
        call = self.by_room(room_id)
        if call is not None:
            return call
        record = await self._registry.call(room_id)
        if record is None or await self.is_elsewhere(record):
            return None
        return await self.adopt(record)

    # --- join ------------------------------------------------------------------------------------

    async def join(
        self, room: PlannedRoom, server_call_id: str | None, *, attempts: int = 0, by_admin: bool = False
    ) -> str | None:
        """Begin to join a call; return None, or the reason for not joining it.

        A call that was refused is tried again later, unless an admin asked for it and knows of the refusal.
        """
        self._tasks.require_running()
        room_id, now = room.room_id, self._environment.wall_clock()
        if self.by_room(room_id) is not None or self.is_joining(room_id):
            return "already_live"
        refusal = self._refusal()
        if refusal is not None:
            logger.warning("call refused", extra={"room_id": room_id, "reason": refusal})
            await self._registry.note(room_id, LastCall(state="failed", reason=refusal, at=now))
            if not by_admin:
                await try_later(self._registry, await self._wanted(room_id, server_call_id, attempts, now), now)
            return refusal
        self._joining.add(room_id)
        try:
            async with self._lock(room_id):
                wanted = await self._wanted(room_id, server_call_id, attempts, now)
                await self._registry.want(wanted)
                record = new_record(room, self._registry.replica, server_call_id, now, paused=wanted.paused)
                if not await self._registry.claim(record):
                    return "already_live"
                if not self.accepting:  # by now; another replica joins, as the call is wanted
                    await self._registry.release(record)
                    return "service_stopping"
                self._environment.emit("room.live", room_id, {})
                await self._begin(room, record)
        finally:
            self._joining.discard(room_id)
        return None

    async def retry(self, wanted: WantedCall) -> None:
        """Join a call that could not be joined before, or was lost."""
        room = await self._rooms.by_room(wanted.room_id)
        over = wanted.server_call_id is not None and await self._registry.is_over(wanted.server_call_id)
        if room is None or over:
            await self._registry.unwant(wanted.room_id)
        elif (
            step(CallState.LIVE, CallTrigger.RETRY_DUE).action is CallAction.JOIN
            and self.by_room(wanted.room_id) is None
            and await self.owner_beside(wanted.room_id) is None
        ):
            await self.join(room, wanted.server_call_id, attempts=wanted.attempts)

    async def _wanted(self, room_id: str, server_call_id: str | None, attempts: int, now: float) -> WantedCall:
        """Make the record of a call to join; it is paused if it was when the interpreter was last in it."""
        last = await self._registry.wanted(room_id)
        same = last is not None and (
            server_call_id is None or last.server_call_id is None or last.server_call_id == server_call_id
        )
        return WantedCall(
            room_id=room_id,
            server_call_id=server_call_id,
            since=now,
            attempts=attempts,
            retry_at=now,
            paused=last is not None and same and last.paused,
        )

    def _refusal(self) -> str | None:
        if not self.accepting:
            return "service_stopping"
        if len(self._by_room.keys() | self._joining) >= self._max_calls:
            return f"no capacity: {self._max_calls} calls are live"
        return None

    def _lock(self, room_id: str) -> asyncio.Lock:
        lock = self._locks.get(room_id)
        if lock is None:
            lock = self._locks[room_id] = asyncio.Lock()
        return lock

    # --- take over -------------------------------------------------------------------------------

    async def adopt(self, record: CallRecord, connection_id: str | None = None) -> Call | None:
        """Take over a call whose replica is gone, or has lost its media socket to this replica.

        Returns the call, or None if another replica was faster or this one is stopping.

        Args:
            connection_id: of the event or media socket that made us take over; used if the record has none.
        """
        async with self._lock(record.room_id):
            call = self.by_room(record.room_id)
            if call is not None:
                return call
            begun = self._starting.get(record.room_id)
            if begun is not None:  # whoever began it was cancelled
                await begun.started.wait()
                return self.by_room(record.room_id)
            if record.owner == self._registry.replica:  # left while the store was unavailable
                await self._registry.release(record)
                return None
            return await self._adopt(record, connection_id)

    async def _adopt(self, record: CallRecord, connection_id: str | None) -> Call | None:
        room = await self._rooms.by_room(record.room_id)
        if not self._tasks.running or not self.accepting:
            return None
        adopted = msgspec.structs.replace(
            record,
            owner=self._registry.replica,
            name=secrets.token_urlsafe(6),
            connection_id=record.connection_id or connection_id,
            unclosed=(*record.unclosed, record.name),
        )
        if not await self._registry.change(record, adopted):
            return None
        if room is None:
            await self._registry.release(adopted)
            if adopted.connection_id is not None:
                await hang_up_orphan(self._environment.acs, self._registry, adopted.connection_id)
            return None
        logger.warning("call taken over", extra={"room_id": record.room_id})
        call = await self._begin(room, adopted, adopted=True, handed_over=not record.owner)
        self._tasks.spawn(self._finish_for_former_owner(call, record.owner, adopted.unclosed), "close ledger")
        return call

    async def _finish_for_former_owner(self, call: Call, owner: str, names: tuple[str, ...]) -> None:
        """Close the utterances that earlier owners left open, then take over the messages left for the last owner.

        Waits until those owners can no longer close them; takes over messages only of an owner that is gone. Runs in
        the background and repeats until it succeeds: the call is interpreted meanwhile.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + LEDGER_GRACE_S
        room_id, lost = call.room.room_id, 0
        while True:
            try:
                gone = bool(owner) and (await self._registry.living()).gone(owner)
                in_use = await self._names_in_use()
                if gone or (loop.time() >= until and not in_use & set(names)):
                    for name in set(names) - in_use:
                        lost += await self._close_ledger(room_id, f"{name}-", "replica_lost")
                    break
            except StoreUnavailable:
                pass  # logged by the lease renewal
            await asyncio.sleep(LEDGER_CHECK_S)
        call.ledger_closed(names)
        if gone:
            try:
                await self._mailbox.inherit(owner)
            except StoreUnavailable:
                pass  # the next comparison with ACS finds what those messages said
        logger.info("ledger closed", extra={"room_id": room_id, "utterances_lost": lost})

    async def _names_in_use(self) -> set[str]:
        """Return the names under which living replicas write to the ledger: calls of a room may share one."""
        living = await self._registry.living()
        return {call.live.name for call in self._by_room.values()} | {
            record.name
            for record in await self._registry.calls()
            if record.owner and record.owner != self._registry.replica and not living.gone(record.owner)
        }

    # --- run and leave ---------------------------------------------------------------------------

    async def _begin(
        self, room: PlannedRoom, record: CallRecord, *, adopted: bool = False, handed_over: bool = False
    ) -> Call:
        """Start a call; it can be found once its room runs. If this is cancelled, the call goes on."""
        live = self._open_room(room, record.name)
        call = Call(room, record, live, self._environment, adopted=adopted, handed_over=handed_over)
        self._starting[room.room_id] = call
        self._tasks.spawn(self._attend(call), f"call {room.room_id}")
        await call.started.wait()
        return call

    def _found(self, call: Call) -> None:
        self._by_room[call.room.room_id] = call
        self._starting.pop(call.room.room_id, None)

    async def _attend(self, call: Call) -> None:
        room_id = call.room.room_id
        try:
            await call.run(lambda: self._found(call))
        finally:
            try:
                if not call.moved:  # else its new owner settles it
                    await settle(call.end, self._registry, self._environment.wall_clock())
            except StoreUnavailable:
                logger.error("end of a call not recorded", extra={"room_id": room_id, "reason": "store_unavailable"})
            finally:
                self._remove(call)
        if isinstance(call.following, Rejoin) and not call.moved:
            await self._join_next(call.room, call.following.server_call_id)

    def _remove(self, call: Call) -> None:
        room_id = call.room.room_id
        if self._by_room.get(room_id) is call:  # else this replica has taken the call over again meanwhile
            del self._by_room[room_id]
        if self._starting.get(room_id) is call:
            del self._starting[room_id]
        for secret in call.connection.former_secrets:
            self._left.remember(secret)
        if not call.moved:
            self._left.remember(call.connection.secret)
        call.left.set()

    async def _join_next(self, room: PlannedRoom, server_call_id: str | None) -> None:
        try:
            if server_call_id is None or not await self._registry.is_over(server_call_id):
                await self.join(room, server_call_id)
        except StoreUnavailable:
            logger.error("next call not joined", extra={"room_id": room.room_id, "reason": "store_unavailable"})
