"""Brings call events, media streams and admin commands to the calls they concern, on any replica; joins, drains.

Events only enqueue; one dispatcher takes them in order. What follows on an event is for the table in `lifecycle.py` to
say, what a call does about it for `call.py`. What nobody reported is found by `reconciliation.py`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote
from weakref import WeakValueDictionary

import msgspec

from bot.call import Call, CallControl, Interpreted, PlannedRoom, Surroundings, new_record
from bot.errors import InterpreterError
from bot.interpreting.events import Order, Ordered
from bot.interpreting.plan import Lane, RoomPlan
from bot.lifecycle import Act, Happening, State, step
from bot.live_room import Scribe
from bot.notices import Tell
from bot.reconciliation import Reconciliation
from bot.register import LEASE_S, CallRecord, Outcome, Register, WantedCall, decode_event, encode_event
from bot.replicas import Message, Replicas, ReplicaSilent
from bot.room_book import is_sister, room_of
from bot.telemetry import log_context
from media_streaming.stream import MediaStream
from rooms_admin.errors import StoreUnavailable
from webhooks.deduplication import RecentIds
from webhooks.errors import TryAgainLater
from webhooks.events import (
    CallConnected,
    CallEnded,
    CallEvent,
    CallReport,
    CallStarted,
    MediaStreamingFailed,
    ParticipantAdded,
    ParticipantRemoved,
)

logger = logging.getLogger(__name__)

INBOX_LIMIT = 10_000
"""Events not yet looked at. More than that means we are not working: the senders are told to come again."""
LEFT_CALLS_REMEMBERED = 1_000
"""ACS reports on a call for a while after we have left it; those reports are accepted, and not acted on."""
LEAVE_TIMEOUT_S = 10.0
"""To close a media socket (1 s) and hang up (5 s). One still waiting for the answer to its connect is cut short."""
EVENT_ATTEMPTS = 5
"""An event that could not be acted on so often is a fault of ours, and is let go."""
TAKING_ATTEMPTS = 3
"""To take a call over whose record is being changed by others meanwhile."""
BOOKS_S = 1.0
"""Between two looks whether a call's earlier owner can write no more into its books ..."""
LAST_WORDS_S = 2 * LEASE_S
"""... and how long one that lives, and has let go of the call, is given for it."""


@dataclass(frozen=True, slots=True)
class LaneReport:
    """How a lane is served. What changes with every utterance is known of our own calls alone."""

    lane: Lane
    state: str
    engine: str
    reason: str
    spans_ms: tuple[int, ...] | None = None
    """Ear-voice spans of its last utterances."""
    waiting: int | None = None
    """Utterances on their way."""


@dataclass(frozen=True, slots=True)
class InterpreterStatus:
    """What an admin is told. `since` is in seconds of the wall clock."""

    state: State
    call_connection_id: str | None = None
    since: float | None = None
    reason: str | None = None
    paused: bool = False
    failed: bool = False
    lanes: tuple[LaneReport, ...] = ()


class RoomBook(Protocol):
    """Where rooms are looked up."""

    async def by_acs_room(self, acs_room_id: str) -> PlannedRoom | None: ...

    async def by_room(self, room_id: str) -> PlannedRoom | None: ...


CloseBooks = Callable[[str, str, str], Awaitable[int]]
"""Give every utterance of a room whose id begins like that, and that was left open, its end: room, prefix, reason."""


class NotPossible(InterpreterError):
    """The order makes no sense for the room as it is."""


class _NotYet(Exception):
    """The call an event concerns is between two replicas."""


@dataclass(slots=True)
class _Reported:
    """An event, on a call of the resource or, with `secret`, on our connection to one."""

    secret: str | None
    event: CallReport | CallEvent = field(repr=False)
    attempts: int = 0


@dataclass(slots=True)
class _Changed:
    """An admin has changed or deleted a room that we are not in; somebody else may be."""

    room_id: str
    kind: str
    attempts: int = 0


class Switchboard:
    """All calls of this process. `run` must be running for anything to happen."""

    def __init__(
        self,
        *,
        rooms: RoomBook,
        calls: CallControl,
        register: Register,
        open_room: Callable[[PlannedRoom, str, Scribe], Interpreted],
        scribe: Callable[[str], Scribe],
        close_books: CloseBooks,
        public_base_url: str,
        media_base_url: str,
        max_calls: int,
        wall_clock: Callable[[], float],
        clock: Callable[[], float],
        tell: Tell = lambda kind, room_id, data: None,
    ) -> None:
        """`open_room` makes what is interpreted of a room, a name unique to the call and who writes it down."""
        self._rooms = rooms
        self._calls = calls
        self._register = register
        self._open_room = open_room
        self._scribe = scribe
        self._close_books = close_books
        self._public_base_url = public_base_url
        self._media_base_url = media_base_url
        self._max_calls = max_calls
        self._wall_clock = wall_clock
        self._tell = tell
        self._around = Surroundings(calls, register, self, tell, wall_clock, clock)
        self._replicas = Replicas(register)
        self._reconciliation = Reconciliation(self, register, calls, wall_clock)
        self._inbox: asyncio.Queue[_Reported | _Changed] = asyncio.Queue(INBOX_LIMIT)
        self._undone: list[_Reported | _Changed] = []
        """Events that could not be acted on, to be tried again."""
        self._by_room: dict[str, Call] = {}
        self._by_secret: dict[str, Call] = {}
        self._joining: set[str] = set()
        """Rooms about to have a call."""
        self._taking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """By room: its call is joined or taken over once, however many events ask for it."""
        self._left = RecentIds(LEFT_CALLS_REMEMBERED)
        """Secrets."""
        self._group: asyncio.TaskGroup | None = None
        self._accepting = True

    # --- life ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until cancelled; calls that are still on are ended then."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._replicas.beat(), name="lease")
            group.create_task(self._replicas.listen(self._message), name="messages")
            group.create_task(self._reconciliation.run(), name="reconciliation")
            while True:
                await self._dispatch(await self._inbox.get())

    async def drain(self, limit_s: float) -> None:
        """Take no new calls; let what is being interpreted be said within the limit; then leave every call, or leave it
        to another replica where there is one.

        Takes `LEAVE_TIMEOUT_S` longer than the limit at most.
        """
        self._accepting = False
        until = asyncio.get_running_loop().time() + limit_s
        loud: list[Call] = []
        """Interrupted while something was being said or interpreted."""
        while calls := [call for call in self._by_room.values() if not call.left.is_set()]:
            async with asyncio.TaskGroup() as group:
                leaving = [group.create_task(self._depart(call, until, loud), name="drain") for call in calls]
            if not all(task.result() for task in leaving):
                logger.warning("calls could not be left in time", extra={"calls": len(self._by_room)})
                break
        if loud:
            logger.warning("drain limit reached", extra={"calls": len(loud)})
        try:
            await self._register.retire()
        except StoreUnavailable:
            pass  # the lease ends by itself

    async def _depart(self, call: Call, until: float, loud: list[Call]) -> bool:
        """Leave a call, or hand it over, in a moment in which nobody is heard; False if it could not be left."""
        try:
            async with asyncio.timeout_at(until):
                await call.live.quiet()
        except TimeoutError:
            loud.append(call)
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                if call.connection_id is not None and await self._has_successor():
                    await call.hand_over()
                call.happen(Happening.SERVICE_STOPPING, "service_stopping")
                await call.left.wait()
        except TimeoutError:
            return False
        return True

    async def _has_successor(self) -> bool:
        try:
            return len((await self._register.living()).replicas) > 1
        except StoreUnavailable:
            return False

    @property
    def accepting(self) -> bool:
        return self._accepting

    @property
    def live_calls(self) -> int:
        return len(self._by_room)

    @property
    def calls(self) -> list[Call]:
        """The calls of this process."""
        return list(self._by_room.values())

    @property
    def call_secrets(self) -> list[str]:
        """Of the calls that are on. Whoever logs them gives the calls away."""
        return [secret for secret, call in self._by_secret.items() if not call.live.over]

    # --- where ACS reaches us (call.Addresses) ----------------------------------------------------

    def callback_url(self, secret: str) -> str:
        return f"{self._public_base_url}/webhooks/calls/{quote(secret, safe='')}"

    def media_url(self, secret: str) -> str:
        return f"{self._media_base_url}/media/{quote(secret, safe='')}"

    def moved(self, call: Call, old_secret: str) -> None:
        self._by_secret.pop(old_secret, None)
        self._left.remember(old_secret)
        self._by_secret[call.secret] = call

    # --- what Event Grid and Call Automation tell (webhooks.routes.WebhookHandler) ---------------

    async def deliver(self, event: CallReport) -> None:
        """Keep the event until it has been acted on, by us or whoever comes after us."""
        if isinstance(event, ParticipantRemoved):
            return  # who goes is told, more exactly, by Call Automation
        try:
            await self._register.promise(event)
        except StoreUnavailable as error:
            raise TryAgainLater("the store is not available") from error
        self._enqueue(_Reported(None, event))

    async def knows_call(self, call_secret: str) -> bool:
        if self._holds(call_secret) is not None or call_secret in self._left:
            return True
        try:
            return await self._register.knows_secret(call_secret)
        except StoreUnavailable as error:
            raise TryAgainLater("the store is not available") from error

    async def deliver_call_event(self, call_secret: str, event: CallEvent) -> None:
        self._enqueue(_Reported(call_secret, event))

    def _enqueue(self, item: _Reported | _Changed) -> None:
        try:
            self._inbox.put_nowait(item)
        except asyncio.QueueFull as error:
            raise TryAgainLater("too many events are waiting") from error

    async def _dispatch(self, item: _Reported | _Changed) -> None:
        """One event that cannot be acted on must not stop the others: it is tried again."""
        try:
            await self._act_on(item)
        except _NotYet:
            self._again_later(item)
        except Exception as error:  # whatever it is, it is this event's trouble
            logger.error("event could not be acted on", exc_info=error)
            self._again_later(item, free=isinstance(error, StoreUnavailable))

    def _again_later(self, item: _Reported | _Changed, *, free: bool = False) -> None:
        """With the next look of the reconciliation; not for ever, unless this attempt is `free`."""
        item.attempts += not free
        if item.attempts < EVENT_ATTEMPTS:
            self._undone.append(item)
        else:
            logger.error("event has been let go", extra={"attempts": item.attempts})

    async def _act_on(self, item: _Reported | _Changed) -> None:
        match item:
            case _Changed(room_id, kind):
                await self._room_changed(room_id, kind)
            case _Reported(None, CallStarted() | ParticipantAdded() as event):
                await self._call_started(event)
                await self._register.done(event)
            case _Reported(None, CallEnded() as event):
                await self._call_ended(event)
                await self._register.done(event)
            case _Reported(str() as secret, event):
                await self._call_reported(secret, event)
            case _:
                pass

    async def _call_started(self, event: CallStarted | ParticipantAdded) -> None:
        if event.room_id is None or await self._register.is_over(event.server_call_id):
            return
        room = await self._rooms.by_acs_room(event.room_id)
        if room is None:
            return
        call = await self._ours(room.room_id)
        if call is None:
            await self._call_started_elsewhere(room, event)
        elif call.server_call_id is None and not call.live.over:
            call.learn_call(event.server_call_id)
        else:
            act = call.happen(_happening(event, call.server_call_id))
            if act is Act.NOTE_NEXT:
                call.rejoin, call.next_server_call_id = True, event.server_call_id

    async def _call_started_elsewhere(self, room: PlannedRoom, event: CallStarted | ParticipantAdded) -> None:
        record = await self._register.call(room.room_id)
        if record is not None:
            if not await self._is_elsewhere(record):
                raise _NotYet
            if record.server_call_id != event.server_call_id:
                await self._replicas.send(record.owner, Message(kind="report", event=encode_event(event).decode()))
            return
        for sister in await self._register.calls() if is_sister(room.room_id) else ():
            if room_of(sister.room_id) == room_of(room.room_id) and await self._is_elsewhere(sister):
                await self._replicas.send(sister.owner, Message(kind="report", event=encode_event(event).decode()))
                return
        wanted = await self._register.wanted(room.room_id)
        happening = _happening(event, None if wanted is None else wanted.server_call_id)
        if step(State.SCHEDULED if wanted is None else State.LIVE, happening).act is Act.JOIN:
            await self._join(room, event.server_call_id)

    async def _call_ended(self, event: CallEnded) -> None:
        """The people have left. We may be in there still: hanging up does no harm if not."""
        await self._register.over(event.server_call_id)
        room = await self._rooms.by_acs_room(event.room_id) if event.room_id is not None else None
        if room is None:
            return
        wanted = await self._register.wanted(room.room_id)
        if wanted is not None and wanted.server_call_id in (None, event.server_call_id):
            await self._register.unwant(room.room_id)
        call = await self._ours(room.room_id)
        if call is not None:
            if call.server_call_id in (None, event.server_call_id):
                call.happen(Happening.CALL_ENDED, "call_ended")
            return
        record = await self._register.call(room.room_id)
        if record is None:
            return
        if not await self._is_elsewhere(record):
            raise _NotYet
        await self._replicas.send(record.owner, Message(kind="report", event=encode_event(event).decode()))

    async def _room_changed(self, room_id: str, kind: str) -> None:
        call = self._held(room_id)
        if call is not None:  # ours since
            await self._changed(call, kind)
            return
        record = await self._register.call(room_id)
        if record is None and kind == "deleted":
            await self._register.forget_room(room_id)
        elif record is not None and await self._is_elsewhere(record):  # whoever takes it over reads what is so then
            await self._replicas.send(record.owner, Message(kind=kind, room_id=room_id))

    async def _call_reported(self, secret: str, event: CallReport | CallEvent) -> None:
        call = self._holds(secret)
        if call is None and secret not in self._left:
            record = await self._register.by_secret(secret)
            if record is not None:
                if await self._is_elsewhere(record):
                    text = encode_event(event).decode()
                    await self._replicas.send(record.owner, Message(kind="call_event", secret=secret, event=text))
                    return
                call = await self.adopt(record, event.call_connection_id if isinstance(event, CallConnected) else None)
                if call is None and await self._register.by_secret(secret) is not None:
                    raise _NotYet
        given_up = call is None or (call.live.over and call.connection_id is None)
        if call is not None and not (given_up and isinstance(event, CallConnected)):
            with log_context(room_id=call.room.room_id):
                call.reported(event)
        elif isinstance(event, CallConnected) and self._group is not None:
            # A connect request we had given up on has come through after all: nobody is to be left behind.
            self._group.create_task(self._reconciliation.hang_up(event.call_connection_id), name="late hang-up")

    async def _is_elsewhere(self, record: CallRecord) -> bool:
        """Whether another replica, and one that lives, is in the call."""
        return record.owner != self._register.replica and not (await self._register.living()).gone(record.owner)

    def _held(self, room_id: str) -> Call | None:
        """The room's call, unless another replica has it by now."""
        call = self._by_room.get(room_id)
        return None if call is None or call.moved else call

    def _holds(self, secret: str) -> Call | None:
        """The same by the secret of its addresses."""
        call = self._by_secret.get(secret)
        return None if call is None or call.moved else call

    # --- media (media_streaming.routes) ------------------------------------------------------------

    async def knows_secret(self, call_secret: str) -> bool:
        call = self._holds(call_secret)
        if call is not None:
            return not call.live.over
        if call_secret in self._left or not self._accepting:
            return False
        try:
            record = await self._register.by_secret(call_secret)
            if record is None:
                return False
            # Calls that share a session stay together: ACS dials again, and comes to the replica that has them.
            return not is_sister(record.room_id) or not await self._is_elsewhere(record)
        except StoreUnavailable:
            return False

    async def serve_media(self, stream: MediaStream, call_secret: str) -> None:
        """Hand the stream to its call, ours from now on whoever joined it; returns when it has been let go."""
        call = self._holds(call_secret)
        if call is None and call_secret not in self._left:
            call = await self._adopt_by_media(call_secret, stream.call_connection_id)
        if call is not None:
            await call.serve(stream)

    async def _adopt_by_media(self, call_secret: str, connection_id: str | None) -> Call | None:
        """Whoever has the media socket is in the call. Nothing may come between this and its being served, or the
        call would begin to win back what it has."""
        try:
            for _ in range(TAKING_ATTEMPTS):
                record = await self._register.by_secret(call_secret)
                if record is None:
                    return None
                call = await self.adopt(record, connection_id)
                if call is not None:
                    if record.owner and self._group is not None:
                        self._group.create_task(self._tell_moved(record), name="tell that the call has moved")
                    return call
        except StoreUnavailable:
            logger.error("media stream could not be served: the store is away")
        return None

    async def _tell_moved(self, record: CallRecord) -> None:
        try:
            await self._replicas.send(record.owner, Message(kind="moved", room_id=record.room_id))
        except StoreUnavailable:
            pass  # it will see for itself

    # --- admins ---------------------------------------------------------------------------------------

    async def status(self, room_id: str) -> InterpreterStatus:
        call = self._held(room_id)
        if call is not None:
            paused = call.live.session.paused
            reason = call.reason or call.detail
            lanes = tuple(
                LaneReport(one.lane, one.state.value, one.engine, one.reason, tuple(one.spans_ms), one.waiting)
                for one in call.live.lanes.views()
            )
            return InterpreterStatus(call.state, call.connection_id, call.since, reason, paused, lanes=lanes)
        record = await self._register.call(room_id)
        if record is not None:
            return InterpreterStatus(
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
        outcome = await self._register.outcome(room_id)
        live = await self._register.wanted(room_id) is not None
        if outcome is None:
            return InterpreterStatus(State.LIVE if live else State.SCHEDULED)
        state = State.LIVE if live else State.ENDED
        failed = outcome.state == "failed"
        return InterpreterStatus(state, outcome.connection_id, outcome.at, outcome.reason, failed=failed)

    async def start(self, room_id: str) -> None:
        """Join the room's call now, or as soon as the one that is being left has been.

        Raises:
            NotPossible: unknown room, already there, or no capacity.
        """
        room = await self._rooms.by_room(room_id)
        if room is None:
            raise NotPossible("not_found", "there is no such room")
        if await self._passed_on(room_id, "start"):
            return
        call = self._held(room_id)
        if call is not None:
            if call.rejoin or call.happen(Happening.START_ORDERED) is not Act.NOTE_NEXT:
                raise NotPossible("already_live", "the interpreter is in the call already")
            call.rejoin = True
            return
        wanted = await self._register.wanted(room_id)
        refusal = await self._join(room, wanted.server_call_id if wanted else None, ordered=True)
        if refusal is not None:
            code = "already_live" if refusal == "already_live" else "no_capacity"
            raise NotPossible(code, "the interpreter is on its way" if code == "already_live" else refusal)

    async def stop(self, room_id: str) -> None:
        """Leave the call.

        Raises:
            NotPossible: not in one, and not about to join one.
        """
        if await self._passed_on(room_id, "stop"):
            return
        call = self._held(room_id)
        if call is not None and (call.rejoin or not call.live.over):
            call.rejoin = False
            call.happen(Happening.STOP_ORDERED, "stopped")
            return
        wanted = await self._register.wanted(room_id)
        if wanted is None or call is not None:
            raise NotPossible("not_live", "the interpreter is not in a call of this room")
        await self._register.unwant(room_id)
        if wanted.server_call_id is not None:
            await self._register.over(wanted.server_call_id)
        await self._register.note(room_id, Outcome(state=State.ENDED, reason="stopped", at=self._wall_clock()))

    async def order(self, room_id: str, order: Order) -> None:
        """Pass on an order.

        Raises:
            NotPossible: nobody is there to follow it.
        """
        if await self._passed_on(room_id, order.value):
            return
        call = self._held(room_id)
        if call is None or call.live.over:
            raise NotPossible("not_live", "the interpreter is not in a call of this room")
        call.live.deliver(Ordered(order))
        call.noticed()

    async def _passed_on(self, room_id: str, order: str) -> bool:
        """Have the replica that is in the call follow an order; False if that is us, or nobody.

        Raises:
            NotPossible: as it says.
            ReplicaSilent: it does not say anything.
        """
        for _ in range(TAKING_ATTEMPTS):
            if self._held(room_id) is not None:
                return False
            record = await self._register.call(room_id)
            if record is None:
                return False
            if await self._is_elsewhere(record):
                await self._replicas.ask(record.owner, Message(kind="order", room_id=room_id, order=order), NotPossible)
                return True
            await self.adopt(record)
        raise ReplicaSilent("replica_silent", "the call is being handed from one replica to another; try again soon")

    def change_plan(self, room_id: str, plan: RoomPlan) -> None:
        """Let a running call follow what an admin changed, on whichever replica; does nothing for a room not live."""
        call = self._held(room_id)
        if call is not None:
            call.change_plan(plan)
        else:
            self._pass_on_change(_Changed(room_id, "changed"))

    def room_deleted(self, room_id: str) -> None:
        """Leave the call of a room that is no more, if there is one."""
        call = self._held(room_id)
        if call is not None:
            call.rejoin = False
            call.happen(Happening.ROOM_DELETED, "room_deleted")
        else:
            self._pass_on_change(_Changed(room_id, "deleted"))

    def _pass_on_change(self, change: _Changed) -> None:
        try:
            self._enqueue(change)
        except TryAgainLater:
            logger.error("change could not be passed on", extra={"room_id": change.room_id})

    # --- what other replicas tell ------------------------------------------------------------------------

    async def _message(self, message: Message) -> None:
        match message.kind:
            case "call_event":
                self._enqueue(_Reported(message.secret, self._decoded(message)))
            case "report":
                await self.deliver(self._decoded(message))
            case "order":
                await self._ordered(message.room_id, message.order)
            case "changed" | "deleted" | "moved":
                call = self._held(message.room_id)
                if call is not None:
                    await self._changed(call, message.kind)
                elif message.kind != "moved":
                    self._enqueue(_Changed(message.room_id, message.kind))
            case _:
                logger.warning("message of an unknown kind", extra={"kind": message.kind})

    async def _inherited(self, message: Message) -> None:
        """What was left for a replica that is gone. That its stream has failed is no news, and not true of ours."""
        if message.kind != "call_event" or not isinstance(self._decoded(message), MediaStreamingFailed):
            await self._message(message)

    async def _changed(self, call: Call, kind: str) -> None:
        room_id = call.room.room_id
        if kind == "moved":
            await call.check_owner()
        elif kind == "deleted":
            self.room_deleted(room_id)
        elif (room := await self._rooms.by_room(room_id)) is not None:
            call.change_plan(room.plan)

    def _decoded(self, message: Message) -> Any:
        return decode_event(message.event.encode())

    async def _ordered(self, room_id: str, order: str) -> None:
        call = self._held(room_id)
        if call is not None:
            await call.check_owner()  # an order may have waited for longer than we have had the call
        if call is None or call.moved:
            raise NotPossible("not_live", "the interpreter has left the call")
        match order:
            case "start":
                await self.start(room_id)
            case "stop":
                await self.stop(room_id)
            case _:
                await self.order(room_id, Order(order))

    # --- calls: joined, taken over, left --------------------------------------------------------------------

    async def _join(
        self, room: PlannedRoom, server_call_id: str | None, *, attempts: int = 0, ordered: bool = False
    ) -> str | None:
        """Begin to join; returns why not, if not. What Event Grid reported is tried again later."""
        if self._group is None:
            raise RuntimeError("the switchboard is not running")
        room_id, now = room.room_id, self._wall_clock()
        if self._held(room_id) is not None or self.is_joining(room_id):
            return "already_live"
        wanted = WantedCall(room_id=room_id, server_call_id=server_call_id, since=now, attempts=attempts, retry_at=now)
        refusal = self._refusal()
        if refusal is not None:
            logger.warning("call refused", extra={"room_id": room_id, "reason": refusal})
            await self._register.note(room_id, Outcome(state="failed", reason=refusal, at=now))
            if not ordered:
                await self._reconciliation.try_later(wanted)
            return refusal
        self._joining.add(room_id)
        try:
            async with self._lock(room_id):
                await self._register.want(wanted)
                record = new_record(room, self._register.replica, server_call_id, now)
                if not await self._register.claim(record):
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
        if not self._accepting:
            return "service_stopping"
        if len(self._by_room) >= self._max_calls:
            return f"no capacity: {self._max_calls} calls are live"
        return None

    async def retry(self, wanted: WantedCall) -> None:
        """Join a call again that could not be joined, or was lost."""
        room = await self._rooms.by_room(wanted.room_id)
        over = wanted.server_call_id is not None and await self._register.is_over(wanted.server_call_id)
        if room is None or over:
            await self._register.unwant(wanted.room_id)
        elif step(State.LIVE, Happening.RETRY_DUE).act is Act.JOIN and self._held(wanted.room_id) is None:
            await self._join(room, wanted.server_call_id, attempts=wanted.attempts)

    async def adopt(self, record: CallRecord, connection_id: str | None = None) -> Call | None:
        """Take a call over whose replica is gone, or has lost its media socket to us; None if somebody else has, or
        we are leaving ourselves. `connection_id`: as whoever has it told us."""
        async with self._lock(record.room_id):
            call = self._held(record.room_id)
            if call is not None:
                return call
            if record.owner == self._register.replica:  # we have left it while the store was away
                await self._register.release(record)
                return None
            return await self._adopt(record, connection_id)

    async def _adopt(self, record: CallRecord, connection_id: str | None) -> Call | None:
        room = await self._rooms.by_room(record.room_id)
        if self._group is None or not self._accepting:
            return None
        taken = msgspec.structs.replace(
            record,
            owner=self._register.replica,
            name=secrets.token_urlsafe(6),
            connection_id=record.connection_id or connection_id,
            unclosed=(*record.unclosed, record.name),
        )
        if not await self._register.change(record, taken):
            return None
        if room is None:
            await self._register.release(taken)
            if taken.connection_id is not None:
                await self._reconciliation.hang_up(taken.connection_id)
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
                gone = bool(owner) and (await self._register.living()).gone(owner)
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

    async def _ours(self, room_id: str) -> Call | None:
        """The room's call if it is ours; if it was a replica's that is gone, it is ours now."""
        call = self._held(room_id)
        if call is not None:
            return call
        record = await self._register.call(room_id)
        if record is None or await self._is_elsewhere(record):
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
                await self._reconciliation.settle(call)
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
                if following is None or not await self._register.is_over(following):
                    await self._join(call.room, following)
            except StoreUnavailable:
                logger.error("a call could not be joined: the store is away", extra={"room_id": room_id})

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Start a task that outlives the call that asks for it."""
        if self._group is None:
            coroutine.close()
            raise RuntimeError("the switchboard is not running")
        self._group.create_task(coroutine, name=name)

    # --- for the reconciliation ----------------------------------------------------------------------------

    def try_again(self) -> None:
        """Act anew on the events that could not be acted on."""
        undone, self._undone = self._undone, []
        for item in undone:
            try:
                self._enqueue(item)
            except TryAgainLater:
                self._undone.append(item)

    def take_up(self, event: CallReport) -> None:
        """Act on an event another replica had promised to act on."""
        self._undone.append(_Reported(None, event))

    def call_of(self, room_id: str) -> Call | None:
        return self._held(room_id)

    def is_joining(self, room_id: str) -> bool:
        lock = self._taking.get(room_id)
        return room_id in self._joining or (lock is not None and lock.locked())


def _happening(event: CallStarted | ParticipantAdded, known: str | None) -> Happening:
    """What a report means to whoever knows the call with this id."""
    if event.server_call_id != known:
        return Happening.OTHER_CALL_STARTED
    return Happening.CALL_STARTED if isinstance(event, CallStarted) else Happening.PERSON_JOINED
