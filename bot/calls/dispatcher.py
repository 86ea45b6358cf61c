"""Brings call events and changes of rooms to the calls they concern, on any replica.

Events are queued and handled one after the other. What follows from an event is decided by the table in
`state_machine.py`; what a call does about it, in `call.py`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from bot.calls.active_calls import ActiveCalls, RoomPlans
from bot.calls.call import Call
from bot.calls.commands import Commands
from bot.calls.environment import CallControl, PlannedRoom, hang_up_orphan
from bot.calls.replicas.mailbox import ReplicaMailbox, ReplicaMessage
from bot.calls.replicas.registry import Registry, decode_event, decode_report, encode_event
from bot.calls.state_machine import CallAction, CallState, CallTrigger, step
from bot.interpreting.plan import RoomPlan
from bot.log_format import log_context
from bot.tasks import ServiceTasks
from http_serving.errors import Overloaded
from storage.errors import StoreUnavailable
from webhooks.errors import ForeignEvent
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
"""Queued events. When it is reached the dispatcher does not keep up, and senders are told to repeat later."""
EVENT_ATTEMPTS = 5
"""Attempts to handle an event before it is dropped: it then fails because of a bug."""


class _NotYet(Exception):
    """The call an event concerns is between two replicas, or the last one is being settled."""


@dataclass(slots=True)
class _Queued:
    """What is to be handled, and how often it was tried."""

    attempts: int = field(default=0, kw_only=True)


@dataclass(slots=True)
class _Reported(_Queued):
    """An event of Event Grid, about a call of the resource."""

    event: CallReport


@dataclass(slots=True)
class _CalledBack(_Queued):
    """An event of Call Automation, about one of our connections."""

    secret: str = field(repr=False)
    event: CallEvent


@dataclass(slots=True)
class _RoomChanged(_Queued):
    """An admin has changed or deleted a room whose call another replica may have."""

    room_id: str
    kind: str
    """`changed` or `deleted`"""


class Dispatcher:
    """Takes events and performs what follows from them. `run` must be running."""

    def __init__(
        self,
        active_calls: ActiveCalls,
        commands: Commands,
        *,
        rooms: RoomPlans,
        acs: CallControl,
        registry: Registry,
        mailbox: ReplicaMailbox,
        tasks: ServiceTasks,
    ) -> None:
        self._active_calls = active_calls
        self._commands = commands
        self._rooms = rooms
        self._acs = acs
        self._registry = registry
        self._mailbox = mailbox
        self._tasks = tasks
        self._inbox: asyncio.Queue[_Queued] = asyncio.Queue(INBOX_LIMIT)
        self._failed: list[_Queued] = []
        """Events to be handled again."""

    @property
    def waiting(self) -> int:
        """Events that are to be handled."""
        return self._inbox.qsize() + len(self._failed)

    async def run(self) -> None:
        """Handle queued events until cancelled."""
        while True:
            await self._handle(await self._inbox.get())

    # --- events of Event Grid and Call Automation (webhooks.routes.WebhookHandler) ----------------

    async def deliver(self, event: CallReport) -> None:
        """Store and queue an event of Event Grid; a successor handles it if this replica cannot.

        Raises:
            Overloaded: the sender has to repeat it.
        """
        if isinstance(event, ParticipantRemoved):
            return  # Call Automation reports more exactly who left
        try:
            await self._registry.promise(event)
        except StoreUnavailable as error:
            raise Overloaded("the store is not available") from error
        self._enqueue(_Reported(event))

    async def knows_call(self, call_secret: str) -> bool:
        """Say whether a current or past call has this secret.

        Raises:
            Overloaded: the store cannot be asked.
        """
        if self._active_calls.by_secret(call_secret) is not None or self._active_calls.has_left(call_secret):
            return True
        try:
            return await self._registry.knows_secret(call_secret)
        except StoreUnavailable as error:
            raise Overloaded("the store is not available") from error

    async def deliver_call_event(self, call_secret: str, event: CallEvent) -> None:
        """Queue an event of Call Automation.

        Raises:
            Overloaded: the sender has to repeat it.
            ForeignEvent: it is of another connection than that of the call.
        """
        try:
            if await self._is_foreign(call_secret, event.call_connection_id):
                raise ForeignEvent("callConnectionId is not that of the call")
        except StoreUnavailable as error:
            raise Overloaded("the store is not available") from error
        self._enqueue(_CalledBack(call_secret, event))

    async def _is_foreign(self, call_secret: str, connection_id: str) -> bool:
        """Say whether a connection is not the one of the call with this secret, as far as that is known."""
        call = self._active_calls.by_secret(call_secret)
        if call is not None:
            return self._active_calls.is_foreign(call, connection_id)
        if self._active_calls.has_left(call_secret):
            return False
        record = await self._registry.by_secret(call_secret)
        return record is not None and record.connection_id not in (None, connection_id)

    def retry_failed_events(self) -> None:
        """Queue the events again that could not be handled."""
        failed, self._failed = self._failed, []
        for item in failed:
            try:
                self._enqueue(item)
            except Overloaded:
                self._failed.append(item)

    def take_up(self, event: CallReport) -> None:
        """Handle an event that another replica had accepted, with the next `retry_failed_events`."""
        self._failed.append(_Reported(event))

    def _enqueue(self, item: _Queued) -> None:
        try:
            self._inbox.put_nowait(item)
        except asyncio.QueueFull as error:
            raise Overloaded("too many events are waiting") from error

    async def _handle(self, item: _Queued) -> None:
        """Handle an event; one that fails is kept for another attempt and does not stop the others."""
        try:
            await self._act_on(item)
        except _NotYet:
            self._retry_later(item)
        except Exception as error:  # whatever it is, only this event is affected
            logger.error("event not handled", exc_info=error, extra={"attempts": item.attempts + 1})
            self._retry_later(item, counts=not isinstance(error, StoreUnavailable))

    def _retry_later(self, item: _Queued, *, counts: bool = True) -> None:
        item.attempts += counts
        if item.attempts < EVENT_ATTEMPTS:
            self._failed.append(item)
        else:
            logger.error("event dropped", extra={"attempts": item.attempts})

    async def _act_on(self, item: _Queued) -> None:
        match item:
            case _RoomChanged(room_id, kind):
                await self._room_changed(room_id, kind)
            case _Reported(CallStarted() | ParticipantAdded() as event):
                await self._call_started(event)
                await self._registry.done(event)
            case _Reported(CallEnded() as event):
                await self._call_ended(event)
                await self._registry.done(event)
            case _CalledBack(secret, event):
                await self._call_reported(secret, event)
            case _:
                pass

    async def _call_started(self, event: CallStarted | ParticipantAdded) -> None:
        if event.room_id is None or await self._registry.is_over(event.server_call_id):
            return
        room = await self._rooms.by_acs_room(event.room_id)
        if room is None:
            return
        call = await self._active_calls.find_or_adopt(room.room_id)
        if call is None:
            await self._call_started_elsewhere(room, event)
        elif call.server_call_id is None and not call.live.over:
            call.learn_call(event.server_call_id)
        else:
            trigger = _trigger(event, call.server_call_id)
            if step(call.state, trigger).action is CallAction.JOIN:
                raise _NotYet  # the room's last call is being settled
            call.happen(trigger, following=event.server_call_id)

    async def _call_started_elsewhere(self, room: PlannedRoom, event: CallStarted | ParticipantAdded) -> None:
        record = await self._registry.call(room.room_id)
        if record is not None:
            if not await self._active_calls.is_elsewhere(record):
                raise _NotYet
            if record.server_call_id != event.server_call_id:
                await self._forward_report(record.owner, event)
            return
        beside = await self._active_calls.owner_beside(room.room_id)
        if beside is not None:
            await self._forward_report(beside, event)
            return
        wanted = await self._registry.wanted(room.room_id)
        trigger = _trigger(event, None if wanted is None else wanted.server_call_id)
        if step(CallState.SCHEDULED if wanted is None else CallState.LIVE, trigger).action is CallAction.JOIN:
            await self._active_calls.join(room, event.server_call_id)

    async def _forward_report(self, replica: str, event: CallReport) -> None:
        await self._mailbox.send(replica, ReplicaMessage(kind="report", event=encode_event(event).decode()))

    async def _call_ended(self, event: CallEnded) -> None:
        """Leave the call: its people have left, and hanging up does no harm if we have been put out."""
        await self._registry.over(event.server_call_id)
        room = await self._rooms.by_acs_room(event.room_id) if event.room_id is not None else None
        if room is None:
            return
        wanted = await self._registry.wanted(room.room_id)
        if wanted is not None and wanted.server_call_id in (None, event.server_call_id):
            await self._registry.unwant(room.room_id)
        call = await self._active_calls.find_or_adopt(room.room_id)
        if call is not None:
            if call.server_call_id in (None, event.server_call_id):
                call.lose_call(CallTrigger.CALL_ENDED, "call_ended")
            return
        record = await self._registry.call(room.room_id)
        if record is None:
            return
        if not await self._active_calls.is_elsewhere(record):
            raise _NotYet
        await self._forward_report(record.owner, event)

    async def _call_reported(self, secret: str, event: CallEvent) -> None:
        call = self._active_calls.by_secret(secret)
        if call is None and not self._active_calls.has_left(secret):
            record = await self._registry.by_secret(secret)
            if record is not None:
                if await self._active_calls.is_elsewhere(record):
                    message = ReplicaMessage(kind="call_event", secret=secret, event=encode_event(event).decode())
                    await self._mailbox.send(record.owner, message)
                    return
                connection_id = event.call_connection_id if isinstance(event, CallConnected) else None
                call = await self._active_calls.adopt(record, connection_id)
                if call is None and await self._registry.by_secret(secret) is not None:
                    raise _NotYet
        given_up = call is None or (call.live.over and call.connection.id is None)
        if call is not None and self._active_calls.is_foreign(call, event.call_connection_id):
            logger.warning("event of another connection dropped", extra={"room_id": call.room.room_id})
        elif call is not None and not (given_up and isinstance(event, CallConnected)):
            with log_context(room_id=call.room.room_id):
                call.reported(event)
        elif isinstance(event, CallConnected) and self._tasks.running:
            if any(record.connection_id == event.call_connection_id for record in await self._registry.calls()):
                return
            # A connect request that we had given up on came through after all: do not stay in that call.
            hang_up = hang_up_orphan(self._acs, self._registry, event.call_connection_id)
            self._tasks.spawn(hang_up, "late hang-up")

    # --- changes of rooms by admins ---------------------------------------------------------------

    def change_plan(self, room_id: str, plan: RoomPlan) -> None:
        """Apply a changed plan to the room's call, on whichever replica; does nothing without a call."""
        call = self._active_calls.by_room(room_id)
        if call is not None:
            call.change_plan(plan)
        else:
            self._enqueue_change(_RoomChanged(room_id, "changed"))

    def room_deleted(self, room_id: str) -> None:
        """Leave the call of a deleted room, if there is one."""
        call = self._active_calls.by_room(room_id)
        if call is not None:
            call.happen(CallTrigger.ROOM_DELETED, "room_deleted")
        else:
            self._enqueue_change(_RoomChanged(room_id, "deleted"))

    def _enqueue_change(self, change: _RoomChanged) -> None:
        try:
            self._enqueue(change)
        except Overloaded:
            logger.error("room change dropped", extra={"room_id": change.room_id, "reason": "inbox_full"})

    async def _room_changed(self, room_id: str, kind: str) -> None:
        call = self._active_calls.by_room(room_id)
        if call is not None:  # taken over meanwhile
            await self._apply_change(call, kind)
            return
        record = await self._registry.call(room_id)
        if record is None and kind == "deleted":
            await self._registry.forget_room(room_id)
        elif record is not None and await self._active_calls.is_elsewhere(record):  # a successor reads the new plan
            await self._mailbox.send(record.owner, ReplicaMessage(kind=kind, room_id=room_id))

    async def _apply_change(self, call: Call, kind: str) -> None:
        room_id = call.room.room_id
        if kind == "moved":
            await call.check_owner()
        elif kind == "deleted":
            self.room_deleted(room_id)
        elif (room := await self._rooms.by_room(room_id)) is not None:
            call.change_plan(room.plan)

    # --- messages of other replicas ---------------------------------------------------------------

    async def handle_message(self, message: ReplicaMessage) -> None:
        """Act on a message of another replica, or on one that was left for a replica that is gone."""
        match message.kind:
            case "call_event":
                event = decode_event(message.event.encode())
                if message.inherited and isinstance(event, MediaStreamingFailed):
                    return  # it concerns the stream of the replica that is gone
                if not isinstance(event, CallReport):
                    self._enqueue(_CalledBack(message.secret, event))
            case "report":
                await self.deliver(decode_report(message.event.encode()))
            case "order":
                await self._commands.follow(message.room_id, message.order, message.typed)
            case "changed" | "deleted" | "moved":
                call = self._active_calls.by_room(message.room_id)
                if call is not None:
                    await self._apply_change(call, message.kind)
                elif message.kind != "moved":
                    self._enqueue(_RoomChanged(message.room_id, message.kind))
            case _:
                logger.warning("message ignored", extra={"reason": "unknown_kind", "kind": message.kind})


def _trigger(event: CallStarted | ParticipantAdded, known: str | None) -> CallTrigger:
    """Return what a report means to a call whose server call id is `known`."""
    if event.server_call_id != known:
        return CallTrigger.OTHER_CALL_STARTED
    return CallTrigger.CALL_STARTED if isinstance(event, CallStarted) else CallTrigger.PERSON_JOINED
