"""Commands of admins to a room's interpreter, and its status, on whichever replica the call is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from bot.calls.active_calls import TAKEOVER_ATTEMPTS, ActiveCalls, RoomPlans
from bot.calls.call_record import Rejoin
from bot.calls.environment import PlannedRoom
from bot.calls.replicas.mailbox import ReplicaMailbox, ReplicaMessage, ReplicaSilent
from bot.calls.replicas.registry import LastCall, Registry
from bot.calls.state_machine import CallAction, CallState, CallTrigger, step
from bot.interpreting.events import Order, Ordered, TextTyped
from bot.interpreting.plan import Lane
from http_serving.errors import ServiceError


@dataclass(frozen=True, slots=True)
class LaneReport:
    """How a lane is served. Figures that change with every utterance are known for calls of this replica alone."""

    lane: Lane
    state: str
    engine: str
    reason: str
    spans_ms: tuple[int, ...] | None = None
    """Ear-voice spans of its last utterances, in ms."""
    waiting: int | None = None
    """Utterances not yet interpreted to the end."""


@dataclass(frozen=True, slots=True)
class CallStatus:
    """State of a room's interpreter. `since` is in seconds since 1970."""

    state: CallState
    call_connection_id: str | None = None
    since: float | None = None
    reason: str | None = None
    paused: bool = False
    failed: bool = False
    lanes: tuple[LaneReport, ...] = ()


class CommandRefused(ServiceError):
    """The command does not fit the state of the room's call: 404 `not_found`, else 409 with the reason as code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = 404 if code == "not_found" else 409

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Commands:
    """Follows commands here or has another replica follow them. Every method may raise `StoreUnavailable`."""

    def __init__(
        self,
        active_calls: ActiveCalls,
        *,
        rooms: RoomPlans,
        registry: Registry,
        mailbox: ReplicaMailbox,
        wall_clock: Callable[[], float],
    ) -> None:
        self._active_calls = active_calls
        self._rooms = rooms
        self._registry = registry
        self._mailbox = mailbox
        self._wall_clock = wall_clock

    async def status(self, room_id: str) -> CallStatus:
        call = self._active_calls.by_room(room_id)
        if call is not None:
            paused = call.live.session.paused
            reason = call.reason or call.detail
            lanes = tuple(
                LaneReport(one.lane, one.state.value, one.engine, one.told, tuple(one.spans_ms), one.waiting)
                for one in call.live.lanes.views()
            )
            return CallStatus(call.state, call.connection.id, call.since, reason, paused, lanes=lanes)
        record = await self._registry.call(room_id)
        if record is not None:
            return CallStatus(
                record.state,
                record.connection_id,
                record.since,
                record.reason,
                record.paused,
                lanes=tuple(
                    LaneReport(Lane(one.speaker, one.source, one.target), one.state, one.engine, one.reason)
                    for one in record.lanes
                ),
            )
        outcome = await self._registry.outcome(room_id)
        wanted = await self._registry.wanted(room_id)
        paused = wanted is not None and wanted.paused
        if outcome is None:
            return CallStatus(CallState.SCHEDULED if wanted is None else CallState.LIVE, paused=paused)
        state = CallState.ENDED if wanted is None else CallState.LIVE
        failed = outcome.state == "failed"
        return CallStatus(state, outcome.connection_id, outcome.at, outcome.reason, paused, failed=failed)

    async def start(self, room_id: str) -> None:
        """Join the room's call now, or as soon as the one that is being left has been.

        Raises:
            CommandRefused: unknown room, already there, or no capacity.
        """
        room = await self._rooms.by_room(room_id)
        if room is None:
            raise CommandRefused("not_found", "there is no such room")
        if await self._forwarded(room_id, "start"):
            return
        beside = await self._active_calls.owner_beside(room_id)
        if beside is not None:
            await self._ask(beside, room_id, "start")
        else:
            await self._start_here(room)

    async def _start_here(self, room: PlannedRoom) -> None:
        room_id = room.room_id
        call = self._active_calls.by_room(room_id)
        if call is not None and step(call.state, CallTrigger.START_REQUESTED).action is CallAction.JOIN:
            await call.left.wait()  # it is being settled
            call = None
        if call is not None:
            if isinstance(call.following, Rejoin):
                raise CommandRefused("already_live", "the interpreter is about to join the next call")
            if call.happen(CallTrigger.START_REQUESTED) not in (CallAction.NOTE_NEXT, CallAction.ENTER):
                raise CommandRefused("already_live", "the interpreter is in the call already")
            return
        wanted = await self._registry.wanted(room_id)
        refusal = await self._active_calls.join(room, wanted.server_call_id if wanted else None, by_admin=True)
        if refusal is not None:
            code = "already_live" if refusal == "already_live" else "no_capacity"
            raise CommandRefused(code, "the interpreter is on its way" if code == "already_live" else refusal)

    async def stop(self, room_id: str) -> None:
        """Leave the room's call, and join none after it.

        Raises:
            CommandRefused: not in a call, and not about to join one.
        """
        if await self._forwarded(room_id, "stop"):
            return
        call = self._active_calls.by_room(room_id)
        if call is not None and (isinstance(call.following, Rejoin) or not call.live.over):
            call.happen(CallTrigger.STOP_REQUESTED, "stopped")
            return
        wanted = await self._registry.wanted(room_id)
        if wanted is None or call is not None:
            raise CommandRefused("not_live", "the interpreter is not in a call of this room")
        await self._registry.unwant(room_id)
        if wanted.server_call_id is not None:
            await self._registry.over(wanted.server_call_id)
        await self._registry.note(room_id, LastCall(state=CallState.ENDED, reason="stopped", at=self._wall_clock()))

    async def order(self, room_id: str, order: Order) -> None:
        """Pause, resume or silence the interpreter; one that is about to join again is paused or not when it has.

        Raises:
            CommandRefused: it is not in a call.
        """
        if await self._forwarded(room_id, order.value):
            return
        call = self._active_calls.by_room(room_id)
        if call is None and order is not Order.HUSH and not self._active_calls.is_joining(room_id):
            wanted = await self._registry.wanted(room_id)
            if wanted is not None:
                await self._registry.want(msgspec.structs.replace(wanted, paused=order is Order.PAUSE))
                return
        if call is None or call.live.over:
            raise CommandRefused("not_live", "the interpreter is not in a call of this room")
        call.live.deliver(Ordered(order))
        for one in self._active_calls.all:
            if one.live.session is call.live.session:  # several calls may share one
                one.record_changed()

    async def message(self, room_id: str, typed: TextTyped) -> str:
        """Have a typed text interpreted in the room's call; returns the id of its utterance.

        Args:
            typed: its `utterance` is what ends the id.

        Raises:
            CommandRefused: the interpreter is not in a call, or is paused.
        """
        call = self._active_calls.by_room(room_id)
        record = None if call is not None else await self._registry.call(room_id)
        name = call.live.name if call is not None else record.name if record is not None else ""
        named = replace(typed, utterance=f"{name}-text-{typed.utterance}")
        if not await self._forwarded(room_id, "message", named):
            self._type(room_id, named)
        return named.utterance

    def _type(self, room_id: str, typed: TextTyped) -> None:
        call = self._active_calls.by_room(room_id)
        if call is None or call.live.over or not call.live.running:
            raise CommandRefused("not_running", "the interpreter is not in a call of this room: nobody translates now")
        if call.live.session.paused:
            raise CommandRefused("paused", "the interpreter is paused: nobody translates now")
        call.live.deliver(typed)

    async def _forwarded(self, room_id: str, order: str, typed: TextTyped | None = None) -> bool:
        """Have the replica that is in the call follow a command; False if no other replica is in it.

        Raises:
            CommandRefused: the other replica refused.
            ReplicaSilent: the other replica did not answer.
        """
        for _ in range(TAKEOVER_ATTEMPTS):
            if self._active_calls.by_room(room_id) is not None:
                return False
            record = await self._registry.call(room_id)
            if record is None:
                return False
            if await self._active_calls.is_elsewhere(record):
                await self._ask(record.owner, room_id, order, typed)
                return True
            await self._active_calls.adopt(record)
        raise ReplicaSilent("the call is being handed from one replica to another; try again soon")

    async def _ask(self, replica: str, room_id: str, order: str, typed: TextTyped | None = None) -> None:
        message = ReplicaMessage(kind="order", room_id=room_id, order=order, typed=typed)
        await self._mailbox.ask(replica, message, CommandRefused)

    async def follow(self, room_id: str, order: str, typed: TextTyped | None = None) -> None:
        """Follow a command that another replica forwarded.

        Raises:
            CommandRefused: this replica has left the call, or the command does not fit its state.
        """
        call = self._active_calls.by_room(room_id)
        if call is not None:
            await call.check_owner()  # the message may have waited for longer than this replica has had the call
        elif order == "start" and self._active_calls.has_beside(room_id):  # the room's other calls are here
            if (room := await self._rooms.by_room(room_id)) is not None:
                return await self._start_here(room)
        if call is None or call.moved:
            raise CommandRefused("not_live", "the interpreter has left the call")
        match order:
            case "start":
                await self.start(room_id)
            case "stop":
                await self.stop(room_id)
            case "message" if typed is not None:
                self._type(room_id, typed)
            case _:
                await self.order(room_id, Order(order))
