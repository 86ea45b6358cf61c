"""One call of a room, from the connect request to the hang-up: joins, keeps the media stream, leaves.

What follows from what is decided by the table in `state_machine.py`; how a lost stream is recovered, by
`media_recovery.py`; what other replicas know of the call is kept by `call_record.py`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import uuid
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto

import msgspec

from bot.calls.call_record import AfterCall, CallEnd, RecordKeeper, Rejoin, RetryLater, lane_summaries
from bot.calls.environment import CallEnvironment, Interpreted, PlannedRoom, leave_connection
from bot.calls.media_recovery import (
    FIRST_MEDIA_S,
    NO_AUDIO,
    PATIENCE_S,
    FrameVerdict,
    FrameWatch,
    MediaRecovery,
    RecoveryStep,
)
from bot.calls.replicas.registry import CallRecord, LastCall
from bot.calls.state_machine import CallAction, CallState, CallTrigger, step
from bot.errors import CallError
from bot.interpreting.events import Order, Ordered, PresenceChanged
from bot.interpreting.plan import RoomPlan
from bot.live_room.live_room import RoomEnded
from bot.log_format import log_context
from media_streaming.stream import SERVICE_RESTART, MediaStream
from storage.errors import StoreUnavailable
from webhooks.events import (
    CallConnected,
    CallDisconnected,
    CallEvent,
    ConnectFailed,
    MediaStreamingFailed,
    MediaStreamingStopped,
    ParticipantsUpdated,
)

logger = logging.getLogger(__name__)

REMOVED_SUB_CODE = 5300
"""Sub code of a disconnect by removal (ACS protocol sheet, 3.4). An interpreter that was removed does not come back."""
UNINVITED = ("4:", "8:orgid:", "8:teamsvisitor:")
"""How the raw ids of people begin who join by telephone or Teams, and so without an ACS identity of ours."""
UNKNOWN_PEOPLE = "by telephone, Teams or without an id, not on the roster: not interpreted"
FAILURES = ("internal_error", "connect_failed", "no_media", "media_lost", "disconnected")
"""How the reasons of unwanted ends begin: with people still in the call, it is tried again."""


class ConnectRequest(Enum):
    """Where the request to ACS to join or to leave stands."""

    NONE = auto()
    JOINING = auto()
    JOINED_LATE = auto()
    """The answer came after the room had ended: nobody has hung up yet."""
    LEAVING_TO_RETURN = auto()
    """A hang-up is under way that does not end the call."""


class Call:
    """One call that this replica is in, was in, or wants to be in. `run` must be running for anything to happen."""

    def __init__(
        self,
        room: PlannedRoom,
        record: CallRecord,
        live: Interpreted,
        environment: CallEnvironment,
        *,
        adopted: bool = False,
        handed_over: bool = False,
    ) -> None:
        """`adopted`: another replica joined; it is gone, or has `handed_over` the call and closed its media socket."""
        self.room = room
        self.live = live
        self.since = record.since
        self.reason: str | None = None
        """Why the call ended; None until it has."""
        self.started = asyncio.Event()
        """Set when the call can be found, or never will be."""
        self.left = asyncio.Event()
        """Set when the call has been left and its record is gone."""
        self._environment = environment
        self._keeper = RecordKeeper(environment.registry, record, current=self._current, happen=self.happen)
        self._state = CallState.SCHEDULED if adopted else CallState.CONNECTING
        self._following: AfterCall = None
        self._outcome: LastCall | None = None
        self._connection_id = record.connection_id
        self._secret = record.secret
        self._former_secrets: tuple[str, ...] = ()
        self._request_id = record.request_id
        self._request = ConnectRequest.NONE
        self._server_call_id = record.server_call_id
        self._unclosed = record.unclosed
        self._present: frozenset[str] | None = frozenset(record.present) or None
        """None: nobody has reported yet who is there."""
        self._roster_number = -1
        self._unnamed = 0
        """People in the call whom ACS did not name when it last reported all of them."""
        self._strangers = 0
        """People in the call who are not on the roster and therefore not interpreted."""
        self._was_heard = record.was_heard
        self._starts_paused = record.paused and (adopted or not live.running)
        """A room that runs already, for another of its calls, is paused or not, whatever it was when this was lost."""
        # ACS may have given up dialling after it was asked by the earlier owner.
        self._recovery = MediaRecovery(PATIENCE_S[RecoveryStep.WAIT] if adopted else FIRST_MEDIA_S)
        self._watch = FrameWatch()
        self._restart_due = False
        """Whether ACS has to be asked to stream anew through an open socket."""
        self._streams: list[MediaStream] = []
        """Open media sockets of this call: during a re-dial there may be two."""
        self._woken = asyncio.Event()
        if adopted:
            self.happen(CallTrigger.JOIN_TAKEN_OVER if record.connection_id is None else CallTrigger.TAKEN_OVER)
            if self._state is CallState.INTERRUPTED and not handed_over:
                # It took longer to find out that the replica is gone than ACS needs to dial again.
                self._recovery.lost(refused=True)
        live.watch_lanes(self.record_changed)

    # --- state -----------------------------------------------------------------------------------

    @property
    def state(self) -> CallState:
        return self._state

    @property
    def detail(self) -> str | None:
        """What is wrong with the media stream; else why not everything is interpreted as requested."""
        problem = self._recovery.problem or self._watch.problem or self.live.session.restriction
        return problem or (f"{self._strangers} {UNKNOWN_PEOPLE}" if self._strangers else None)

    @property
    def secret(self) -> str:
        return self._secret

    @property
    def former_secrets(self) -> tuple[str, ...]:
        """Secrets the call had before it was joined again."""
        return self._former_secrets

    @property
    def connection_id(self) -> str | None:
        return self._connection_id

    @property
    def server_call_id(self) -> str | None:
        return self._server_call_id

    @property
    def present(self) -> frozenset[str]:
        """People in the call, by raw id."""
        return self._present or frozenset()

    @property
    def was_heard(self) -> bool:
        return self._was_heard

    @property
    def moved(self) -> bool:
        """Whether another replica is in the call instead of this one."""
        return not self._keeper.owned

    @property
    def record(self) -> CallRecord:
        """The record as stored."""
        return self._keeper.record

    @property
    def following(self) -> AfterCall:
        """What follows when this call has been left."""
        return self._following

    @property
    def end(self) -> CallEnd:
        """How the call ended."""
        return CallEnd(
            record=self.record,
            reason=self.reason or "",
            server_call_id=self._server_call_id,
            outcome=self._outcome,
            following=self._following,
            paused=self.live.session.paused,
            healthy=self._was_heard and self._state is CallState.LIVE,
        )

    def _current(self, stored: CallRecord) -> CallRecord:
        return msgspec.structs.replace(
            stored,
            name=self.live.name,
            secret=self._secret,
            request_id=self._request_id,
            state=self._state,
            connection_id=self._connection_id,
            server_call_id=self._server_call_id,
            present=tuple(sorted(self.present)),
            was_heard=self._was_heard,
            paused=self.live.session.paused,
            reason=self.detail,
            unclosed=self._unclosed,
            lanes=lane_summaries(self.live.lanes),
        )

    # --- what happens ----------------------------------------------------------------------------

    def happen(self, trigger: CallTrigger, reason: str = "", *, following: str | None = None) -> CallAction:
        """Go to the state that the table names, and perform its action.

        Args:
            reason: why the call ends, if it does.
            following: server call id of the call that a report is about, to be joined after this one.
        """
        before, (self._state, action) = self._state, step(self._state, trigger)
        self._perform(action, trigger, reason, following)
        if self._state is not before:
            self.record_changed()
            with log_context(room_id=self.room.room_id):
                change = {"from": before.value, "to": self._state.value, "reason": trigger.value}
                logger.info("call state changed", extra=change)
        self._woken.set()
        return action

    def _perform(self, action: CallAction, trigger: CallTrigger, reason: str, following: str | None) -> None:
        match action:
            case CallAction.LEAVE:
                self.live.end(reason, hang_up=True)
            case CallAction.QUIT:
                self._follow(None)
                self.live.end(reason, hang_up=True)
            case CallAction.CLOSE:
                self.live.end(reason, hang_up=False)
            case CallAction.WITHDRAW:
                self._keeper.owned = False
                self.live.end("moved", hang_up=False)
            case CallAction.RECOVER:
                self._recovery.lost(refused=trigger is CallTrigger.MEDIA_REFUSED)
            case CallAction.RESTART_STREAMING:
                self._restart_due = True
            case CallAction.CHECK_FRAMES:
                failed = trigger is CallTrigger.MEDIA_REFUSED
                self._watch.reported(self._environment.clock(), self._frames_received(), failed=failed)
            case CallAction.NOTE_NEXT:
                self._follow(Rejoin(following))
            case CallAction.FORGET:
                self._follow(None)
            case CallAction.FORGET_RETRY if isinstance(self._following, RetryLater):
                self._follow(None)
            case _:
                pass  # joining is up to the dispatcher

    def _follow(self, following: AfterCall) -> None:
        self._following = following

    def record_changed(self) -> None:
        """Have the record written soon: something it says may have changed."""
        self._keeper.changed()

    def learn_call(self, server_call_id: str) -> None:
        """Note which call this is: an admin had it joined before it was reported."""
        self._server_call_id = server_call_id
        self.record_changed()

    def ledger_closed(self, names: tuple[str, ...]) -> None:
        """Note that the utterances which earlier owners left open under these names are closed."""
        self._unclosed = tuple(name for name in self._unclosed if name not in names)
        self.record_changed()

    def change_plan(self, plan: RoomPlan) -> None:
        self.room = replace(self.room, plan=plan)
        self.live.change_plan(plan)

    def reported(self, event: CallEvent) -> None:
        """Act on an event of Call Automation about this connection."""
        match event:
            case CallConnected():
                self._learn_connection(event.call_connection_id)
                self.happen(CallTrigger.CALL_CONNECTED)
            case ConnectFailed():
                self.happen(CallTrigger.CONNECT_FAILED, f"connect_failed_{event.sub_code}")
            case CallDisconnected():
                self.disconnected(removed=event.sub_code == REMOVED_SUB_CODE)
            case MediaStreamingFailed():
                logger.warning("media streaming failed", extra={"code": event.code, "sub_code": event.sub_code})
                self.happen(CallTrigger.MEDIA_REFUSED)
            case MediaStreamingStopped():
                self.happen(CallTrigger.MEDIA_STOPPED)
            case ParticipantsUpdated():
                if event.sequence_number > self._roster_number:
                    self._roster_number = event.sequence_number
                    self.participants(frozenset(event.participants), unnamed=event.unnamed)
            case _:
                pass

    def disconnected(self, *, removed: bool = False) -> None:
        """Act on being out of the call. It is over if nobody was there last; else people are without interpreter."""
        if self._request is ConnectRequest.LEAVING_TO_RETURN:
            return
        empty = self._server_call_id is None if self._present is None else not self._present
        self.happen(CallTrigger.DISCONNECTED, "removed" if removed else "call_ended" if empty else "disconnected")

    def participants(self, raw_ids: frozenset[str], *, unnamed: int | None = None) -> None:
        """Note who is in the call. Rooms are by invitation: an id that is not one of the plan's people is a bot.

        People who cannot be invited by an ACS identity, and the `unnamed` (None: as before), are told to admins.
        """
        if unnamed is not None:
            self._unnamed = unnamed
        before, now = self.present, raw_ids & self.room.plan.attendees.keys()
        self._present = now
        strangers = self._unnamed + sum(raw_id.startswith(UNINVITED) for raw_id in raw_ids - now)
        if strangers != self._strangers:
            self._strangers = strangers
            self.record_changed()
            logger.warning("participants not interpreted", extra={"participants": strangers, "reason": UNKNOWN_PEOPLE})
        self.live.deliver(PresenceChanged(now))
        if now != before:
            self.record_changed()
        if before and not now:
            self.happen(CallTrigger.EVERYBODY_LEFT, "everybody_left")

    def _learn_connection(self, connection_id: str | None) -> None:
        if connection_id and connection_id != self._connection_id:
            self._connection_id = connection_id
            self.record_changed()

    # --- ownership -------------------------------------------------------------------------------

    async def check_owner(self) -> None:
        """Withdraw if another replica has the call by now.

        Raises:
            StoreUnavailable: it is not known whose the call is.
        """
        await self._keeper.check_owner()

    async def hand_over(self) -> None:
        """Give the call to whichever replica ACS dials next; without a store the call stays here."""
        try:
            if not await self._keeper.give_away():
                await self._keeper.resolve_conflict()
                return
        except StoreUnavailable:
            return
        stream = self._streams[-1] if self._streams else None
        self.happen(CallTrigger.MOVED)
        if stream is not None:
            await stream.close(SERVICE_RESTART, "another replica takes over")

    # --- media -----------------------------------------------------------------------------------

    async def serve(self, stream: MediaStream) -> None:
        """Connect a media socket to the room; returns when the room has closed it or it was lost."""
        room_id = self.room.room_id
        with log_context(room_id=room_id, call_connection_id=stream.call_connection_id or ""):
            self._learn_connection(stream.call_connection_id)
            self._streams.append(stream)
            self._recovery.opened(self._environment.clock())
            self._watch.opened(self._environment.clock())
            self.happen(CallTrigger.MEDIA_OPENED)
            if not self._was_heard:  # a socket that was opened again belongs to the same interpreter
                self._was_heard = True
                self._environment.emit("interpreter.joined", room_id, {"call_connection_id": self._connection_id})
            logger.info("media stream opened")
            try:
                await self.live.attach(stream)
            finally:
                self._streams.remove(stream)
                if not self._streams:
                    self._watch.closed()
                    self._recovery.closed(stream.fault)
                    self.happen(CallTrigger.MEDIA_CLOSED)
            logger.info("media stream closed", extra={"code": stream.close_code})

    async def _stay(self) -> None:
        """Join, then keep the media stream until the room ends."""
        if self._connection_id is None:
            await self._connect()
        if self._state is not CallState.STREAMING:
            self._recovery.wait(self._environment.clock())
        while not self.live.over:
            self._woken.clear()
            if self._restart_due:
                await self._restart_silent_stream()
            elif self._recovery.due is not None:
                await self._recover()
            else:
                await self._wait()

    async def _wait(self) -> None:
        """Wait for something to happen, at most until the socket, or its next frame, is late."""
        streaming = self._state is CallState.STREAMING
        try:
            async with asyncio.timeout_at(self._watch.deadline if streaming else self._recovery.deadline):
                await self._woken.wait()
        except TimeoutError:
            if streaming:
                await self._look_for_frames()
            else:
                self._recovery.deadline = None
                self.happen(CallTrigger.TIMED_OUT)

    async def _look_for_frames(self) -> None:
        people = self._present is None or bool(self._present)
        problem = self._watch.problem
        match self._watch.look(self._environment.clock(), self._frames_received(), people=people):
            case FrameVerdict.RESTART:
                self.happen(CallTrigger.NO_FRAMES)
            case FrameVerdict.CLOSE:
                for stream in tuple(self._streams):
                    await stream.close(SERVICE_RESTART, NO_AUDIO)
            case _:
                pass
        if self._watch.problem != problem:
            self.record_changed()

    def _frames_received(self) -> int:
        return self._streams[-1].counters.messages_received if self._streams else 0

    async def _recover(self) -> None:
        """Take the next step to recover the media stream."""
        if not await self._keeper.is_own() or self._state is not CallState.INTERRUPTED:
            return  # another replica's, or the stream has been opened meanwhile
        recovery_step = self._recovery.begin_step(self._environment.clock())
        if recovery_step is None:
            reason = "media_lost" if self._was_heard else "no_media"
            self.happen(CallTrigger.GIVEN_UP, self._recovery.because(reason))
            return
        self.record_changed()
        logger.warning("media stream recovery started", extra={"reason": recovery_step.value})
        match recovery_step:
            case RecoveryStep.WAIT:
                done = True
            case RecoveryStep.RESTART:
                done = await self._restart_streaming()
            case _:
                done = await self._reconnect()
        if self._state is CallState.INTERRUPTED:
            self._recovery.wait(self._environment.clock())
            if not done:
                self.happen(CallTrigger.TIMED_OUT)

    async def _restart_streaming(self) -> bool:
        if self._connection_id is None:
            return False
        self._watch.asked(self._environment.clock())
        try:
            await self._environment.acs.restart_streaming(self._connection_id)
        except CallError as error:
            logger.warning("media streaming not restarted", extra={"reason": error.code})
            return False
        return True

    async def _restart_silent_stream(self) -> None:
        self._restart_due = False
        self._watch.restarted(self._environment.clock())
        self._recovery.asked()
        self.record_changed()
        logger.warning("no audio received through the media stream")
        await self._restart_streaming()

    # --- join and leave --------------------------------------------------------------------------

    async def run(self, found: Callable[[], None]) -> None:
        """Be in the call until it is over; when this returns it has been left.

        `found` is called as soon as the room runs: from then on, events and media may come.
        """
        with log_context(room_id=self.room.room_id):
            ended = RoomEnded("cancelled", hang_up=True)
            failed = False
            try:
                async with asyncio.TaskGroup() as group:
                    running = group.create_task(self.live.run(), name="live room")
                    await self.live.started()
                    if self._starts_paused:
                        self.live.deliver(Ordered(Order.PAUSE))
                    found()
                    self.started.set()
                    staying = group.create_task(self._stay(), name="media stream")
                    recording = group.create_task(self._keeper.run(), name="call record")
                    ended = await running
                    if ended.reason == "internal_error":  # the room failed by itself
                        self.happen(CallTrigger.FAILED)
                    self._woken.set()
                    if self._request is not ConnectRequest.JOINING:
                        staying.cancel()
                    await asyncio.wait([staying])  # a connect request still under way may let us in
                    recording.cancel()
            except* Exception as errors:  # a bug here must not reach the other calls
                logger.error("call failed", exc_info=errors)
                failed = True
            finally:
                self.started.set()
                await self._leave("internal_error" if failed else ended.reason, hang_up=failed or ended.hang_up)

    async def _connect(self, *, again: bool = False) -> bool:
        """Ask ACS to let us in; return whether it did."""
        addresses = self._environment.addresses
        self._request = ConnectRequest.JOINING
        try:
            connection_id = await self._environment.acs.connect(
                self.room.acs_room_id,
                callback_url=addresses.callback_url(self._secret),
                media_url=addresses.media_url(self._secret),
                context=self.room.room_id,
                request_id=self._request_id,
                mixed=self.room.plan.mixed,
            )
        except CallError as error:
            logger.warning("call not joined", extra={"reason": error.code})
            if self._connection_id is not None:  # a callback or the media socket shows that only the answer was lost
                return True
            if not again:
                self.happen(CallTrigger.CONNECT_FAILED, f"connect_failed: {error.code}")
            return False
        finally:
            self._request = ConnectRequest.NONE
        self._learn_connection(connection_id)
        if self.live.over:
            self._request = ConnectRequest.JOINED_LATE
        self.happen(CallTrigger.CONNECT_ANSWERED)
        logger.info("call joined", extra={"call_connection_id": connection_id})
        return True

    async def _reconnect(self) -> bool:
        """Leave and join again under a new secret. Never joins without having left, so as not to be there twice."""
        if self._connection_id is not None:
            self._request = ConnectRequest.LEAVING_TO_RETURN
            try:
                await self._environment.acs.hang_up(self._connection_id)
            except CallError as error:
                logger.warning("hang-up failed", extra={"reason": error.code})
                return False
            finally:
                self._request = ConnectRequest.NONE
        if self.live.over:
            return False
        self._former_secrets += (self._secret,)
        self._secret, self._request_id, self._connection_id = secrets.token_urlsafe(32), str(uuid.uuid4()), None
        self._roster_number = -1
        if not await self._saved_before_connecting() or self.live.over:
            return False
        return await self._connect(again=True)

    async def _saved_before_connecting(self) -> bool:
        """Write the new secret before ACS learns it: a successor needs it. False if another replica has the call."""
        try:
            return await self._keeper.save()
        except StoreUnavailable:
            return True  # without a store there is no successor either

    async def _leave(self, reason: str, *, hang_up: bool) -> None:
        """Hang up, unless we are out; until then the room counts as taken, so that we are never in it twice."""
        self.reason = reason
        environment, room_id = self._environment, self.room.room_id
        hang_up = hang_up or self._request is ConnectRequest.JOINED_LATE
        try:
            if self._connection_id is not None and hang_up and await self._keeper.is_own():
                await leave_connection(environment.acs, environment.registry, self._connection_id)
        finally:
            failure = reason.startswith(FAILURES)
            again = failure and not self.moved
            if again and not self._joins_another_call():
                self._follow(RetryLater())
            self.happen(CallTrigger.LEFT_TO_RETURN if again else CallTrigger.LEFT)
            logger.info("call left", extra={"reason": reason, "call_connection_id": self._connection_id})
            self._outcome = LastCall(
                state="failed" if failure else CallState.ENDED.value,
                reason=reason,
                at=environment.wall_clock(),
                connection_id=self._connection_id,
            )
            if not self.moved:
                if self._was_heard:
                    environment.emit("interpreter.left", room_id, {"reason": reason})
                environment.emit("room.ended", room_id, {"reason": reason})

    def _joins_another_call(self) -> bool:
        """Say whether what follows is another call than this, or any call that an admin wants."""
        match self._following:
            case Rejoin(None):
                return True
            case Rejoin(server_call_id):
                return server_call_id != self._server_call_id
            case _:
                return False
