"""Brings call events, media streams and admin commands to the calls they concern, on any replica; drains.

Events only enqueue; one dispatcher takes them in order. What follows on an event is for the table in `lifecycle.py` to
say, what a call does about it for `call.py`. Which calls there are is `call_desk.py`'s, what admins want `orders.py`'s.
What nobody reported is found by `reconciliation.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from bot.calls.active_calls import TAKING_ATTEMPTS, ActiveCalls, CloseBooks, RoomPlans
from bot.calls.call import Call, CallControl, Interpreted, PlannedRoom
from bot.calls.cluster import Cluster, ReplicaMessage
from bot.calls.commands import CallStatus, Commands
from bot.calls.keys import is_sister, room_of
from bot.calls.reconciler import Reconciler
from bot.calls.registry import CallRecord, Registry, WantedCall, decode_event, decode_report, encode_event
from bot.calls.state_machine import CallAction, CallState, CallTrigger, step
from bot.interpreting.events import Order
from bot.interpreting.plan import RoomPlan
from bot.live_room.live_room import TranscriptSink
from bot.log_format import log_context
from bot.outputs.webhook_events import EmitEvent
from http_serving.errors import Overloaded
from media_streaming.stream import MediaStream
from storage.errors import StoreUnavailable
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
LEAVE_TIMEOUT_S = 10.0
"""To close a media socket (1 s) and hang up (5 s). One still waiting for the answer to its connect is cut short."""
EVENT_ATTEMPTS = 5
"""An event that could not be acted on so often is a fault of ours, and is let go."""


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


class Dispatcher:
    """All calls of this process. `run` must be running for anything to happen."""

    def __init__(
        self,
        *,
        rooms: RoomPlans,
        calls: CallControl,
        registry: Registry,
        open_room: Callable[[PlannedRoom, str, TranscriptSink], Interpreted],
        scribe: Callable[[str], TranscriptSink],
        close_books: CloseBooks,
        public_base_url: str,
        media_base_url: str,
        max_calls: int,
        wall_clock: Callable[[], float],
        clock: Callable[[], float],
        tell: EmitEvent = lambda kind, room_id, data: None,
    ) -> None:
        """`open_room` makes what is interpreted of a room, a name unique to the call and who writes it down."""
        self._rooms = rooms
        self._registry = registry
        self._replicas = Cluster(registry)
        self._desk = ActiveCalls(
            rooms=rooms,
            calls=calls,
            registry=registry,
            replicas=self._replicas,
            inherited=self._inherited,
            open_room=open_room,
            scribe=scribe,
            close_books=close_books,
            public_base_url=public_base_url,
            media_base_url=media_base_url,
            max_calls=max_calls,
            wall_clock=wall_clock,
            clock=clock,
            tell=tell,
        )
        self._orders = Commands(
            self._desk, rooms=rooms, registry=registry, replicas=self._replicas, wall_clock=wall_clock
        )
        self._reconciliation = Reconciler(self, registry, calls, wall_clock)
        self._inbox: asyncio.Queue[_Reported | _Changed] = asyncio.Queue(INBOX_LIMIT)
        self._undone: list[_Reported | _Changed] = []
        """Events that could not be acted on, to be tried again."""
        self._group: asyncio.TaskGroup | None = None

    # --- life ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until cancelled; calls that are still on are ended then."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._desk.open(group, self._reconciliation)
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
        self._desk.accepting = False
        until = asyncio.get_running_loop().time() + limit_s
        loud: list[Call] = []
        """Interrupted while something was being said or interpreted."""
        while calls := [call for call in self._desk.calls if not call.left.is_set()]:
            async with asyncio.TaskGroup() as group:
                leaving = [group.create_task(self._depart(call, until, loud), name="drain") for call in calls]
            if not all(task.result() for task in leaving):
                logger.warning("calls could not be left in time", extra={"calls": len(self._desk)})
                break
        if loud:
            logger.warning("drain limit reached", extra={"calls": len(loud)})
        try:
            await self._registry.retire()
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
                call.happen(CallTrigger.SERVICE_STOPPING, "service_stopping")
                await call.left.wait()
        except TimeoutError:
            return False
        return True

    async def _has_successor(self) -> bool:
        try:
            return len((await self._registry.living()).replicas) > 1
        except StoreUnavailable:
            return False

    @property
    def accepting(self) -> bool:
        return self._desk.accepting

    @property
    def live_calls(self) -> int:
        return len(self._desk)

    @property
    def calls(self) -> list[Call]:
        """The calls of this process."""
        return self._desk.calls

    @property
    def call_secrets(self) -> list[str]:
        """Of the calls that are on. Whoever logs them gives the calls away."""
        return self._desk.secrets

    # --- what Event Grid and Call Automation tell (webhooks.routes.WebhookHandler) ---------------

    async def deliver(self, event: CallReport) -> None:
        """Keep the event until it has been acted on, by us or whoever comes after us."""
        if isinstance(event, ParticipantRemoved):
            return  # who goes is told, more exactly, by Call Automation
        try:
            await self._registry.promise(event)
        except StoreUnavailable as error:
            raise Overloaded("the store is not available") from error
        self._enqueue(_Reported(None, event))

    async def knows_call(self, call_secret: str) -> bool:
        if self._desk.holds(call_secret) is not None or self._desk.has_left(call_secret):
            return True
        try:
            return await self._registry.knows_secret(call_secret)
        except StoreUnavailable as error:
            raise Overloaded("the store is not available") from error

    async def deliver_call_event(self, call_secret: str, event: CallEvent) -> None:
        self._enqueue(_Reported(call_secret, event))

    def _enqueue(self, item: _Reported | _Changed) -> None:
        try:
            self._inbox.put_nowait(item)
        except asyncio.QueueFull as error:
            raise Overloaded("too many events are waiting") from error

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
                await self._registry.done(event)
            case _Reported(None, CallEnded() as event):
                await self._call_ended(event)
                await self._registry.done(event)
            case _Reported(str() as secret, event):
                await self._call_reported(secret, event)
            case _:
                pass

    async def _call_started(self, event: CallStarted | ParticipantAdded) -> None:
        if event.room_id is None or await self._registry.is_over(event.server_call_id):
            return
        room = await self._rooms.by_acs_room(event.room_id)
        if room is None:
            return
        call = await self._desk.ours(room.room_id)
        if call is None:
            await self._call_started_elsewhere(room, event)
        elif call.server_call_id is None and not call.live.over:
            call.learn_call(event.server_call_id)
        else:
            act = call.happen(_happening(event, call.server_call_id))
            if act is CallAction.NOTE_NEXT:
                call.rejoin, call.next_server_call_id = True, event.server_call_id

    async def _call_started_elsewhere(self, room: PlannedRoom, event: CallStarted | ParticipantAdded) -> None:
        record = await self._registry.call(room.room_id)
        if record is not None:
            if not await self._desk.is_elsewhere(record):
                raise _NotYet
            if record.server_call_id != event.server_call_id:
                await self._replicas.send(
                    record.owner, ReplicaMessage(kind="report", event=encode_event(event).decode())
                )
            return
        for sister in await self._registry.calls() if is_sister(room.room_id) else ():
            if room_of(sister.room_id) == room_of(room.room_id) and await self._desk.is_elsewhere(sister):
                await self._replicas.send(
                    sister.owner, ReplicaMessage(kind="report", event=encode_event(event).decode())
                )
                return
        wanted = await self._registry.wanted(room.room_id)
        happening = _happening(event, None if wanted is None else wanted.server_call_id)
        if step(CallState.SCHEDULED if wanted is None else CallState.LIVE, happening).act is CallAction.JOIN:
            await self._desk.join(room, event.server_call_id)

    async def _call_ended(self, event: CallEnded) -> None:
        """The people have left. We may be in there still: hanging up does no harm if not."""
        await self._registry.over(event.server_call_id)
        room = await self._rooms.by_acs_room(event.room_id) if event.room_id is not None else None
        if room is None:
            return
        wanted = await self._registry.wanted(room.room_id)
        if wanted is not None and wanted.server_call_id in (None, event.server_call_id):
            await self._registry.unwant(room.room_id)
        call = await self._desk.ours(room.room_id)
        if call is not None:
            if call.server_call_id in (None, event.server_call_id):
                call.happen(CallTrigger.CALL_ENDED, "call_ended")
            return
        record = await self._registry.call(room.room_id)
        if record is None:
            return
        if not await self._desk.is_elsewhere(record):
            raise _NotYet
        await self._replicas.send(record.owner, ReplicaMessage(kind="report", event=encode_event(event).decode()))

    async def _room_changed(self, room_id: str, kind: str) -> None:
        call = self._desk.held(room_id)
        if call is not None:  # ours since
            await self._changed(call, kind)
            return
        record = await self._registry.call(room_id)
        if record is None and kind == "deleted":
            await self._registry.forget_room(room_id)
        elif record is not None and await self._desk.is_elsewhere(record):  # a successor reads what is so then
            await self._replicas.send(record.owner, ReplicaMessage(kind=kind, room_id=room_id))

    async def _call_reported(self, secret: str, event: CallReport | CallEvent) -> None:
        call = self._desk.holds(secret)
        if call is None and not self._desk.has_left(secret):
            record = await self._registry.by_secret(secret)
            if record is not None:
                if await self._desk.is_elsewhere(record):
                    text = encode_event(event).decode()
                    await self._replicas.send(
                        record.owner, ReplicaMessage(kind="call_event", secret=secret, event=text)
                    )
                    return
                connection_id = event.call_connection_id if isinstance(event, CallConnected) else None
                call = await self._desk.adopt(record, connection_id)
                if call is None and await self._registry.by_secret(secret) is not None:
                    raise _NotYet
        given_up = call is None or (call.live.over and call.connection_id is None)
        if call is not None and not (given_up and isinstance(event, CallConnected)):
            with log_context(room_id=call.room.room_id):
                call.reported(event)
        elif isinstance(event, CallConnected) and self._group is not None:
            # A connect request we had given up on has come through after all: nobody is to be left behind.
            self._group.create_task(self._reconciliation.hang_up(event.call_connection_id), name="late hang-up")

    # --- media (media_streaming.routes) ------------------------------------------------------------

    async def knows_secret(self, call_secret: str) -> bool:
        call = self._desk.holds(call_secret)
        if call is not None:
            return not call.live.over
        if self._desk.has_left(call_secret) or not self._desk.accepting:
            return False
        try:
            record = await self._registry.by_secret(call_secret)
            if record is None:
                return False
            # Calls that share a session stay together: ACS dials again, and comes to the replica that has them.
            return not is_sister(record.room_id) or not await self._desk.is_elsewhere(record)
        except StoreUnavailable:
            return False

    async def serve_media(self, stream: MediaStream, call_secret: str) -> None:
        """Hand the stream to its call, ours from now on whoever joined it; returns when it has been let go."""
        call = self._desk.holds(call_secret)
        if call is None and not self._desk.has_left(call_secret):
            call = await self._adopt_by_media(call_secret, stream.call_connection_id)
        if call is not None:
            await call.serve(stream)

    async def _adopt_by_media(self, call_secret: str, connection_id: str | None) -> Call | None:
        """Whoever has the media socket is in the call. Nothing may come between this and its being served, or the
        call would begin to win back what it has."""
        try:
            for _ in range(TAKING_ATTEMPTS):
                record = await self._registry.by_secret(call_secret)
                if record is None:
                    return None
                call = await self._desk.adopt(record, connection_id)
                if call is not None:
                    if record.owner and self._group is not None:
                        self._group.create_task(self._tell_moved(record), name="tell that the call has moved")
                    return call
        except StoreUnavailable:
            logger.error("media stream could not be served: the store is away")
        return None

    async def _tell_moved(self, record: CallRecord) -> None:
        try:
            await self._replicas.send(record.owner, ReplicaMessage(kind="moved", room_id=record.room_id))
        except StoreUnavailable:
            pass  # it will see for itself

    # --- admins ---------------------------------------------------------------------------------------

    async def status(self, room_id: str) -> CallStatus:
        """See `Commands`, for this and the next three."""
        return await self._orders.status(room_id)

    async def start(self, room_id: str) -> None:
        await self._orders.start(room_id)

    async def stop(self, room_id: str) -> None:
        await self._orders.stop(room_id)

    async def order(self, room_id: str, order: Order) -> None:
        await self._orders.order(room_id, order)

    def change_plan(self, room_id: str, plan: RoomPlan) -> None:
        """Let a running call follow what an admin changed, on whichever replica; does nothing for a room not live."""
        call = self._desk.held(room_id)
        if call is not None:
            call.change_plan(plan)
        else:
            self._pass_on_change(_Changed(room_id, "changed"))

    def room_deleted(self, room_id: str) -> None:
        """Leave the call of a room that is no more, if there is one."""
        call = self._desk.held(room_id)
        if call is not None:
            call.rejoin = False
            call.happen(CallTrigger.ROOM_DELETED, "room_deleted")
        else:
            self._pass_on_change(_Changed(room_id, "deleted"))

    def _pass_on_change(self, change: _Changed) -> None:
        try:
            self._enqueue(change)
        except Overloaded:
            logger.error("change could not be passed on", extra={"room_id": change.room_id})

    # --- what other replicas tell ------------------------------------------------------------------------

    async def _message(self, message: ReplicaMessage) -> None:
        match message.kind:
            case "call_event":
                self._enqueue(_Reported(message.secret, decode_event(message.event.encode())))
            case "report":
                await self.deliver(decode_report(message.event.encode()))
            case "order":
                await self._orders.follow(message.room_id, message.order)
            case "changed" | "deleted" | "moved":
                call = self._desk.held(message.room_id)
                if call is not None:
                    await self._changed(call, message.kind)
                elif message.kind != "moved":
                    self._enqueue(_Changed(message.room_id, message.kind))
            case _:
                logger.warning("message of an unknown kind", extra={"kind": message.kind})

    async def _inherited(self, message: ReplicaMessage) -> None:
        """What was left for a replica that is gone. That its stream has failed is no news, and not true of ours."""
        if message.kind != "call_event" or not isinstance(decode_event(message.event.encode()), MediaStreamingFailed):
            await self._message(message)

    async def _changed(self, call: Call, kind: str) -> None:
        room_id = call.room.room_id
        if kind == "moved":
            await call.check_owner()
        elif kind == "deleted":
            self.room_deleted(room_id)
        elif (room := await self._rooms.by_room(room_id)) is not None:
            call.change_plan(room.plan)

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Start a task that outlives the call that asks for it."""
        self._desk.spawn(coroutine, name)

    # --- for the reconciliation ----------------------------------------------------------------------------

    def try_again(self) -> None:
        """Act anew on the events that could not be acted on."""
        undone, self._undone = self._undone, []
        for item in undone:
            try:
                self._enqueue(item)
            except Overloaded:
                self._undone.append(item)

    def take_up(self, event: CallReport) -> None:
        """Act on an event another replica had promised to act on."""
        self._undone.append(_Reported(None, event))

    def call_of(self, room_id: str) -> Call | None:
        return self._desk.held(room_id)

    def is_joining(self, room_id: str) -> bool:
        return self._desk.is_joining(room_id)

    async def retry(self, wanted: WantedCall) -> None:
        await self._desk.retry(wanted)

    async def adopt(self, record: CallRecord) -> Call | None:
        return await self._desk.adopt(record)


def _happening(event: CallStarted | ParticipantAdded, known: str | None) -> CallTrigger:
    """What a report means to whoever knows the call with this id."""
    if event.server_call_id != known:
        return CallTrigger.OTHER_CALL_STARTED
    return CallTrigger.CALL_STARTED if isinstance(event, CallStarted) else CallTrigger.PERSON_JOINED
