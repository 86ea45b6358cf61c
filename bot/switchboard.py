"""Brings call events, media streams and admin commands to their live rooms; joins calls, leaves them, drains.

Events only enqueue; one dispatcher takes them in order, so that no two decisions about a room are made at once. Each
call has a task of its own, from the connect request to the hang-up.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from urllib.parse import quote

from bot.errors import CallError, InterpreterError
from bot.interpreting.events import Order, Ordered, SpeakerJoined, SpeakerLeft
from bot.interpreting.plan import RoomPlan
from bot.live_room import LiveRoom, RoomEnded, Scribe
from bot.notices import Tell
from bot.telemetry import log_context
from media_streaming.stream import MediaStream
from webhooks.deduplication import RecentIds
from webhooks.errors import TryAgainLater
from webhooks.events import (
    CallConnected,
    CallDisconnected,
    CallEnded,
    CallEvent,
    CallReport,
    CallStarted,
    ConnectFailed,
    MediaStreamingFailed,
    ParticipantsUpdated,
)

logger = logging.getLogger(__name__)

INBOX_LIMIT = 10_000
"""Events not yet looked at. More than that means we are not working: the senders are told to come again."""
ENDED_CALLS_REMEMBERED = 5_000
"""Event Grid may report the start of a call after its end; such a start is not to be acted on."""
LEFT_CALLS_REMEMBERED = 1_000
"""ACS reports on a call for a while after we have left it; those reports are accepted, and not acted on."""
OUTCOMES_REMEMBERED = 5_000
"""What an admin is told about a room that is not live; room ids that are gone must not pile up."""
LEAVE_TIMEOUT_S = 10.0
"""To close a media socket (1 s) and hang up (5 s). One still waiting for the answer to its connect is cut short."""
FAILURES = ("internal_error", "connect_failed", "no_media", "media_lost")
"""How the reasons of an end begin that nobody wanted."""


class Status(StrEnum):
    """Where a room's interpreter stands."""

    IDLE = "idle"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    STREAMING = "streaming"
    PAUSED = "paused"
    ENDED = "ended"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PlannedRoom:
    """A room as the switchboard needs it."""

    room_id: str
    acs_room_id: str
    plan: RoomPlan


class RoomBook(Protocol):
    """Where rooms are looked up."""

    async def by_acs_room(self, acs_room_id: str) -> PlannedRoom | None: ...

    async def by_room(self, room_id: str) -> PlannedRoom | None: ...


class CallControl(Protocol):
    """How calls are joined and left (`calls.Calls`)."""

    async def connect(self, acs_room_id: str, callback_url: str, media_url: str, context: str) -> str: ...

    async def hang_up(self, call_connection_id: str) -> None: ...


class NotPossible(InterpreterError):
    """The order makes no sense for the room as it is."""


@dataclass(slots=True, eq=False)
class _Call:
    """One call we are in, were in, or want to be in."""

    room: PlannedRoom
    secret: str
    live: LiveRoom
    since: float
    server_call_id: str | None
    """Of the report that made us join; None when an admin did, until the call is reported."""
    status: Status = Status.CONNECTING
    reason: str | None = None
    connection_id: str | None = None
    present: frozenset[str] = frozenset()
    """People in the call, by raw id."""
    was_heard: bool = False
    """Audio has come from it."""
    joined_late: bool = False
    """The connect request was answered when the room was over already."""
    rejoin: bool = False
    """Another call of the room is to be joined as soon as this one has been left ..."""
    next_server_call_id: str | None = None
    """... this one, or whichever an admin wants."""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the call has been left, hang-up included."""


@dataclass(frozen=True, slots=True)
class InterpreterStatus:
    """What an admin is told. `since` is in seconds of the wall clock."""

    status: Status
    call_connection_id: str | None = None
    since: float | None = None
    reason: str | None = None


@dataclass(slots=True)
class _Pending:
    secret: str | None
    event: CallReport | CallEvent = field(repr=False)


class Switchboard:
    """All calls of this process. `run` must be running for anything to happen."""

    def __init__(
        self,
        *,
        rooms: RoomBook,
        calls: CallControl,
        open_room: Callable[[PlannedRoom, str, Scribe], LiveRoom],
        scribe: Callable[[str], Scribe],
        public_base_url: str,
        media_base_url: str,
        max_calls: int,
        wall_clock: Callable[[], float],
        tell: Tell = lambda kind, room_id, data: None,
    ) -> None:
        """`open_room` makes a LiveRoom of a room, a name unique to the call and whoever writes down what it yields."""
        self._rooms = rooms
        self._calls = calls
        self._open_room = open_room
        self._scribe = scribe
        self._public_base_url = public_base_url
        self._media_base_url = media_base_url
        self._max_calls = max_calls
        self._wall_clock = wall_clock
        self._tell = tell
        self._inbox: asyncio.Queue[_Pending] = asyncio.Queue(INBOX_LIMIT)
        self._by_room: dict[str, _Call] = {}
        self._by_secret: dict[str, _Call] = {}
        self._left = RecentIds(LEFT_CALLS_REMEMBERED)
        """Secrets."""
        self._ended_calls = RecentIds(ENDED_CALLS_REMEMBERED)
        self._outcomes: OrderedDict[str, InterpreterStatus] = OrderedDict()
        """Of rooms that are not live: how the last call ended, or why it was refused."""
        self._group: asyncio.TaskGroup | None = None
        self._accepting = True

    # --- life ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until cancelled; calls that are still on are ended then."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            while True:
                pending = await self._inbox.get()
                try:
                    await self._dispatch(pending)
                except Exception as error:  # one event that cannot be acted on must not stop the others
                    logger.error("event could not be acted on", exc_info=error)

    async def drain(self, limit_s: float) -> None:
        """Take no new calls, let what is being interpreted be said within the limit, then leave every call.

        Takes `LEAVE_TIMEOUT_S` longer than the limit at most.
        """
        self._accepting = False
        try:
            async with asyncio.timeout(limit_s), asyncio.TaskGroup() as group:
                for call in self._live_calls():
                    group.create_task(call.live.quiet(), name="drain")
        except TimeoutError:
            logger.warning("drain limit reached", extra={"calls": len(self._live_calls())})
        calls = list(self._by_room.values())
        for call in calls:
            call.live.end("service_stopping", hang_up=True)
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                for call in calls:
                    await call.left.wait()
        except TimeoutError:
            logger.warning("calls could not be left in time", extra={"calls": len(self._by_room)})

    @property
    def accepting(self) -> bool:
        return self._accepting

    @property
    def live_calls(self) -> int:
        return len(self._live_calls())

    @property
    def call_secrets(self) -> list[str]:
        """Of the calls that are on. Whoever logs them gives the calls away."""
        return list(self._by_secret)

    def _live_calls(self) -> list[_Call]:
        return list(self._by_secret.values())

    # --- what Event Grid and Call Automation tell (webhooks.routes.WebhookHandler) ---------------

    async def deliver(self, event: CallReport) -> None:
        self._enqueue(_Pending(None, event))

    async def knows_call(self, call_secret: str) -> bool:
        return call_secret in self._by_secret or call_secret in self._left

    async def deliver_call_event(self, call_secret: str, event: CallEvent) -> None:
        self._enqueue(_Pending(call_secret, event))

    def _enqueue(self, pending: _Pending) -> None:
        try:
            self._inbox.put_nowait(pending)
        except asyncio.QueueFull as error:
            raise TryAgainLater("too many events are waiting") from error

    async def _dispatch(self, pending: _Pending) -> None:
        match pending.event:
            case CallStarted() as event:
                await self._call_started(event)
            case CallEnded() as event:
                self._call_ended(event)
            case _ if pending.secret is not None:
                self._call_reported(pending.secret, pending.event)
            case _:
                pass  # who comes and goes is told, more exactly, by Call Automation

    async def _call_started(self, event: CallStarted) -> None:
        if event.room_id is None or event.server_call_id in self._ended_calls:
            return
        room = await self._rooms.by_acs_room(event.room_id)
        if room is None:
            return
        call = self._by_room.get(room.room_id)
        if call is None:
            self._join(room, event.server_call_id)
        elif call.server_call_id is None and not call.live.over:
            call.server_call_id = event.server_call_id
        elif call.server_call_id != event.server_call_id:  # the end of the one before is still to be reported, or done
            call.rejoin, call.next_server_call_id = True, event.server_call_id

    def _call_ended(self, event: CallEnded) -> None:
        """The people have left. We may be in there still: hanging up does no harm if not."""
        self._ended_calls.remember(event.server_call_id)
        for call in self._live_calls():
            same_call = call.server_call_id in (None, event.server_call_id)
            if call.room.acs_room_id == event.room_id and same_call:
                call.live.end("call_ended", hang_up=True)

    def _call_reported(self, secret: str, event: CallReport | CallEvent) -> None:
        call = self._by_secret.get(secret)
        if call is not None:
            with log_context(room_id=call.room.room_id):
                self._call_event(call, event)
        elif isinstance(event, CallConnected) and self._group is not None:
            # A connect request we had given up on has come through after all: nobody is to be left behind.
            self._group.create_task(self._hang_up(event.call_connection_id), name="late hang-up")

    def _call_event(self, call: _Call, event: CallReport | CallEvent) -> None:
        match event:
            case CallConnected():
                call.connection_id = event.call_connection_id
                if call.status is Status.CONNECTING:
                    call.status = Status.CONNECTED
            case ConnectFailed():
                call.live.end(f"connect_failed_{event.sub_code}", hang_up=False)
            case CallDisconnected():
                call.live.end("call_ended", hang_up=False)
            case MediaStreamingFailed():
                # ACS has given up on our socket; the room ends by its own patience, unless ACS dials again.
                logger.warning("media streaming failed", extra={"code": event.code, "sub_code": event.sub_code})
            case ParticipantsUpdated():
                self._participants(call, event)
            case _:
                pass

    def _participants(self, call: _Call, event: ParticipantsUpdated) -> None:
        """Rooms are by invitation: whoever is not on the roster is a bot, ourselves included."""
        present = frozenset(p.raw_id for p in event.participants if p.raw_id in call.room.plan.attendees)
        for speaker in sorted(present - call.present):
            call.live.deliver(SpeakerJoined(speaker))
        for speaker in sorted(call.present - present):
            call.live.deliver(SpeakerLeft(speaker))
        if call.present and not present:
            call.live.end("everybody_left", hang_up=True)
        call.present = present

    # --- media (media_streaming.routes) ------------------------------------------------------------

    async def knows_secret(self, call_secret: str) -> bool:
        call = self._by_secret.get(call_secret)
        return call is not None and not call.live.over

    async def serve_media(self, stream: MediaStream, call_secret: str) -> None:
        """Hand the stream to its room; returns when the room has let go of it."""
        call = self._by_secret.get(call_secret)
        if call is None:
            return
        with log_context(room_id=call.room.room_id, call_connection_id=stream.call_connection_id or ""):
            call.status = Status.STREAMING
            if not call.was_heard:  # a socket that comes back is the same interpreter
                call.was_heard = True
                self._tell("interpreter.joined", call.room.room_id, {"call_connection_id": call.connection_id})
            logger.info("media stream opened")
            try:
                await call.live.attach(stream)
            finally:
                if call.status is Status.STREAMING:
                    call.status = Status.CONNECTED
            logger.info("media stream closed", extra={"code": stream.close_code})

    # --- admins ---------------------------------------------------------------------------------------

    def status(self, room_id: str) -> InterpreterStatus:
        call = self._by_room.get(room_id)
        if call is None:
            return self._outcomes.get(room_id, InterpreterStatus(Status.IDLE))
        paused = call.status is Status.STREAMING and call.live.session.paused
        status = Status.PAUSED if paused else call.status
        return InterpreterStatus(status, call.connection_id, call.since, call.reason)

    async def start(self, room_id: str) -> None:
        """Join the room's call now, or as soon as the one that is being left has been.

        Raises:
            NotPossible: unknown room, already there, or no capacity.
        """
        room = await self._rooms.by_room(room_id)
        if room is None:
            raise NotPossible("not_found", "there is no such room")
        call = self._by_room.get(room_id)
        if call is None:
            if not self._join(room, None):
                raise NotPossible("no_capacity", self._outcomes[room_id].reason or "refused")
        elif call.live.over and not call.rejoin:
            call.rejoin = True
        else:
            raise NotPossible("already_live", "the interpreter is in the call already")

    def stop(self, room_id: str) -> None:
        """Leave the call.

        Raises:
            NotPossible: not in one, and not about to join one.
        """
        call = self._by_room.get(room_id)
        if call is None or (call.live.over and not call.rejoin):
            raise NotPossible("not_live", "the interpreter is not in a call of this room")
        call.rejoin = False
        call.live.end("stopped", hang_up=True)

    def order(self, room_id: str, order: Order) -> None:
        """Pass on an order.

        Raises:
            NotPossible: nobody is there to follow it.
        """
        call = self._by_room.get(room_id)
        if call is None or call.live.over:
            raise NotPossible("not_live", "the interpreter is not in a call of this room")
        call.live.deliver(Ordered(order))

    def change_plan(self, room_id: str, plan: RoomPlan) -> None:
        """Let a running call follow what an admin changed; does nothing for a room that is not live."""
        call = self._by_room.get(room_id)
        if call is not None:
            call.room = PlannedRoom(room_id, call.room.acs_room_id, plan)
            call.live.change_plan(plan)

    def room_deleted(self, room_id: str) -> None:
        """Leave the call of a room that is no more, if there is one."""
        call = self._by_room.get(room_id)
        if call is not None:
            call.rejoin = False
            call.live.end("room_deleted", hang_up=True)
        self._outcomes.pop(room_id, None)

    # --- a call, from the connect request to the hang-up ----------------------------------------------

    def _join(self, room: PlannedRoom, server_call_id: str | None) -> bool:
        """Begin to join; False when one more call is too many."""
        if self._group is None:
            raise RuntimeError("the switchboard is not running")
        reason = None
        if not self._accepting:
            reason = "service_stopping"
        elif len(self._by_secret) >= self._max_calls:
            reason = f"no capacity: {self._max_calls} calls are live"
        if reason is not None:
            self._note(room.room_id, InterpreterStatus(Status.REFUSED, since=self._wall_clock(), reason=reason))
            logger.warning("call refused", extra={"room_id": room.room_id, "reason": reason})
            return False
        self._outcomes.pop(room.room_id, None)
        secret = secrets.token_urlsafe(32)
        live = self._open_room(room, secret[:8], self._scribe(room.room_id))
        call = _Call(room, secret, live, self._wall_clock(), server_call_id)
        self._by_room[room.room_id] = self._by_secret[secret] = call
        self._tell("room.live", room.room_id, {})
        self._group.create_task(self._interpret(call), name=f"call {room.room_id}")
        return True

    async def _interpret(self, call: _Call) -> None:
        with log_context(room_id=call.room.room_id):
            failed: str | None = None
            ended = RoomEnded("cancelled", hang_up=True)
            try:
                async with asyncio.TaskGroup() as group:
                    running = group.create_task(call.live.run(), name="live room")
                    failed = await self._connect(call)
                    ended = await running
            except* Exception as errors:  # a bug of ours must not reach the other calls
                logger.error("call failed", exc_info=errors)
                failed = "internal_error"
            finally:
                await self._leave(call, ended, failed)
            following = call.next_server_call_id
            if call.rejoin and (following is None or following not in self._ended_calls):
                self._join(call.room, following)

    async def _leave(self, call: _Call, ended: RoomEnded, failed: str | None) -> None:
        """Hang up, unless we are out; until then the room counts as taken, so that we are never in it twice."""
        call.reason = failed or ended.reason
        call.status = Status.FAILED if call.reason.startswith(FAILURES) else Status.ENDED
        self._by_secret.pop(call.secret, None)
        self._left.remember(call.secret)
        logger.info("room ended", extra={"reason": call.reason, "call_connection_id": call.connection_id})
        try:
            # Whatever ended the room while we were still joining could not know the call it was to leave.
            if call.connection_id is not None and (ended.hang_up or failed or call.joined_late):
                await self._hang_up(call.connection_id)
        finally:
            self._by_room.pop(call.room.room_id, None)
            outcome = InterpreterStatus(call.status, call.connection_id, self._wall_clock(), call.reason)
            self._note(call.room.room_id, outcome)
            if call.was_heard:
                self._tell("interpreter.left", call.room.room_id, {"reason": call.reason})
            self._tell("room.ended", call.room.room_id, {"reason": call.reason})
            call.left.set()

    def _note(self, room_id: str, outcome: InterpreterStatus) -> None:
        self._outcomes[room_id] = outcome
        self._outcomes.move_to_end(room_id)
        if len(self._outcomes) > OUTCOMES_REMEMBERED:
            self._outcomes.popitem(last=False)

    async def _connect(self, call: _Call) -> str | None:
        """Ask ACS to let us in; returns why it did not."""
        secret = quote(call.secret, safe="")
        try:
            call.connection_id = await self._calls.connect(
                call.room.acs_room_id,
                callback_url=f"{self._public_base_url}/webhooks/calls/{secret}",
                media_url=f"{self._media_base_url}/media/{secret}",
                context=call.room.room_id,
            )
        except CallError as error:
            logger.warning("call could not be joined", extra={"code": error.code})
            call.live.end("connect_failed", hang_up=False)
            return f"connect_failed: {error.code}"
        call.joined_late = call.live.over
        logger.info("call joined", extra={"call_connection_id": call.connection_id})
        return None

    async def _hang_up(self, connection_id: str) -> None:
        try:
            await self._calls.hang_up(connection_id)
        except CallError as error:
            logger.warning("hang-up failed", extra={"code": error.code, "call_connection_id": connection_id})
        except Exception as error:  # a bug of ours must not reach the other calls
            logger.error("hang-up failed", exc_info=error, extra={"call_connection_id": connection_id})
