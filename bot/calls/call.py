"""One call of a room, from the connect request to the hang-up: who is there, what its record says, what follows.

What follows from what is decided by the table in `state_machine.py`; joining and leaving is in `call_connection.py`,
the media stream in `call_media.py`; what other replicas know of the call is kept by `call_record.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import msgspec

from bot.calls.by_browser.attendance import Attendance
from bot.calls.by_browser.web_media import WebMedia
from bot.calls.call_connection import CallConnection, ConnectRequest
from bot.calls.call_media import CallMedia
from bot.calls.call_record import AfterCall, CallEnd, RecordKeeper, Rejoin, RetryLater, lane_summaries
from bot.calls.environment import CallEnvironment, Interpreted, PlannedRoom
from bot.calls.media_recovery import FIRST_MEDIA_S, PATIENCE_S, RecoveryStep
from bot.calls.replicas.registry import CallRecord, LastCall
from bot.calls.state_machine import CallAction, CallState, CallTrigger, Lifecycle
from bot.interpreting.events import Order, Ordered, PresenceChanged
from bot.interpreting.plan import RoomPlan
from bot.live_room.live_room import RoomEnded
from bot.log_format import log_context
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
        went_on = adopted and record.state is CallState.BY_BROWSER
        begin = CallState.SCHEDULED if adopted and not went_on else CallState.CONNECTING
        self._lifecycle = Lifecycle(room.room_id, begin, self._perform, lambda: self.attendance.waiting)
        self.happen = self._lifecycle.happen
        """Takes what happens to the call, and does what follows from it."""
        self.lose_call = self._lifecycle.lose_call
        self._keeper = RecordKeeper(environment.registry, record, current=self._current, happen=self.happen)
        self.connection = CallConnection(room, record, live, self._lifecycle, self._keeper, environment)
        # ACS may have given up dialling after it was asked by the earlier owner.
        first_wait_s = PATIENCE_S[RecoveryStep.WAIT] if adopted else FIRST_MEDIA_S
        self.media = (WebMedia if room.plan.web else CallMedia)(
            live,
            self._lifecycle,
            self._keeper,
            self.connection,
            environment,
            first_wait_s=first_wait_s,
            was_heard=record.was_heard,
        )
        self.attendance = Attendance(
            live.microphones,
            room.plan,
            expected=room.plan.web or went_on,
            is_attended=lambda: bool(self.present),
            happen=self.happen,
            wall_clock=environment.wall_clock,
        )
        self.following: AfterCall = None
        """What follows when this call has been left."""
        self.server_call_id = record.server_call_id
        self._outcome: LastCall | None = None
        self._unclosed = record.unclosed
        self._present: frozenset[str] | None = frozenset(record.present) or None
        """None: nobody has reported yet who is there."""
        self._newest_roster = "", -1
        """Connection and number of the newest report of all people."""
        self._unnamed = 0
        """People in the call whom ACS did not name when it last reported all of them."""
        self._strangers = 0
        """People in the call who are not on the roster and therefore not interpreted."""
        self._starts_paused = record.paused and (adopted or not live.running)
        """A room that runs already, for another of its calls, is paused or not, whatever it was when this was lost."""
        if went_on:
            self.happen(CallTrigger.OUT_OF_CALL, "taken_over")
            self.media.enter()
        elif adopted:
            self.happen(CallTrigger.JOIN_TAKEN_OVER if record.connection_id is None else CallTrigger.TAKEN_OVER)
            if self.state is CallState.INTERRUPTED and not handed_over:
                # It took longer to find out that the replica is gone than ACS needs to dial again.
                self.media.lost(refused=True)
        live.watch_lanes(self.record_changed)

    # --- state -----------------------------------------------------------------------------------

    @property
    def state(self) -> CallState:
        return self._lifecycle.state

    @property
    def detail(self) -> str | None:
        """What is wrong with the media stream; else why not everything is interpreted as requested."""
        problem = self.media.problem or self.live.session.restriction
        return problem or (f"{self._strangers} {UNKNOWN_PEOPLE}" if self._strangers else None)

    @property
    def present(self) -> frozenset[str]:
        """People in the call, by raw id."""
        return self._present or frozenset()

    @property
    def moved(self) -> bool:
        """Whether another replica is in the call instead of this one."""
        return not self._keeper.owned

    @property
    def record(self) -> CallRecord:
        """The record as stored."""
        return self._keeper.record

    @property
    def end(self) -> CallEnd:
        """How the call ended."""
        return CallEnd(
            record=self.record,
            reason=self.reason or "",
            server_call_id=self.server_call_id,
            outcome=self._outcome,
            following=self.following,
            paused=self.live.session.paused,
            healthy=self.media.was_heard and self.state is CallState.LIVE,
        )

    def _current(self, stored: CallRecord) -> CallRecord:
        return msgspec.structs.replace(
            stored,
            name=self.live.name,
            secret=self.connection.secret,
            request_id=self.connection.request_id,
            state=self.state,
            connection_id=self.connection.id,
            server_call_id=self.server_call_id,
            present=tuple(sorted(self.present)),
            was_heard=self.media.was_heard,
            paused=self.live.session.paused,
            reason=self.detail,
            unclosed=self._unclosed,
            lanes=lane_summaries(self.live.lanes),
        )

    # --- what happens ----------------------------------------------------------------------------

    def _perform(self, action: CallAction, trigger: CallTrigger, reason: str, following: str | None) -> None:
        match action:
            case CallAction.LEAVE:
                self.live.end(reason, hang_up=True)
            case CallAction.QUIT:
                self.following = None
                self.live.end(reason, hang_up=True)
            case CallAction.CLOSE:
                self.live.end(reason, hang_up=False)
            case CallAction.WITHDRAW:
                self._keeper.owned = False
                self.live.end("moved", hang_up=False)
            case CallAction.RECOVER:
                self.media.lost(refused=trigger is CallTrigger.MEDIA_REFUSED)
            case CallAction.RESTART_STREAMING:
                self.media.restart()
            case CallAction.CHECK_FRAMES:
                self.media.stopped(failed=trigger is CallTrigger.MEDIA_REFUSED)
            case CallAction.GO_ON:
                self.server_call_id = None
                self.media.call_lost(reason)
                self.participants(frozenset(), unnamed=0)
                self.live.deliver(PresenceChanged(frozenset(), no_call=True))
            case CallAction.ENTER:
                self.media.enter()
            case CallAction.NOTE_NEXT:
                self.following = Rejoin(following)
            case CallAction.FORGET:
                self.following = None
            case CallAction.FORGET_RETRY if isinstance(self.following, RetryLater):
                self.following = None
            case _:
                pass  # joining is up to the dispatcher
        self.record_changed()
        self.media.wake()

    def record_changed(self) -> None:
        """Have the record written soon: something it says may have changed."""
        self._keeper.changed()

    def learn_call(self, server_call_id: str) -> None:
        """Note which call this is: an admin or a microphone had it joined before it was reported."""
        self.server_call_id = server_call_id
        self.happen(CallTrigger.CALL_STARTED)

    def ledger_closed(self, names: tuple[str, ...]) -> None:
        """Note that the utterances which earlier owners left open under these names are closed."""
        self._unclosed = tuple(name for name in self._unclosed if name not in names)
        self.record_changed()

    def change_plan(self, plan: RoomPlan) -> None:
        self.room = replace(self.room, plan=plan)
        self.attendance.follow(plan)
        self.live.change_plan(plan)

    def reported(self, event: CallEvent) -> None:
        """Act on an event of Call Automation about this connection."""
        match event:
            case CallConnected():
                self.connection.learn(event.call_connection_id)
                self.happen(CallTrigger.CALL_CONNECTED)
            case ConnectFailed():
                self.lose_call(CallTrigger.CONNECT_FAILED, f"connect_failed_{event.sub_code}")
            case CallDisconnected():
                self.disconnected(removed=event.sub_code == REMOVED_SUB_CODE)
            case MediaStreamingFailed():
                logger.warning("media streaming failed", extra={"code": event.code, "sub_code": event.sub_code})
                self.happen(CallTrigger.MEDIA_REFUSED)
            case MediaStreamingStopped():
                self.happen(CallTrigger.MEDIA_STOPPED)
            case ParticipantsUpdated():
                number = self._newest_roster[1] if self._newest_roster[0] == event.call_connection_id else -1
                if event.sequence_number > number:
                    self._newest_roster = event.call_connection_id, event.sequence_number
                    self.participants(frozenset(event.participants), unnamed=event.unnamed)
            case _:
                pass

    def disconnected(self, *, removed: bool = False) -> None:
        """Act on being out of the call. It is over if nobody was there last; else people are without interpreter."""
        if self.connection.request is ConnectRequest.LEAVING_TO_RETURN:
            return
        empty = self.server_call_id is None if self._present is None else not self._present
        if removed:
            self.happen(CallTrigger.DISCONNECTED, "removed")
        else:
            self.lose_call(CallTrigger.DISCONNECTED, "call_ended" if empty else "disconnected")

    def participants(self, raw_ids: frozenset[str], *, unnamed: int | None = None) -> None:
        """Note who is in the call. Rooms are by invitation: an id that is not one of the plan's people is a bot.

        People who cannot be invited by an ACS identity, and the `unnamed` (None: as before), are told to admins.
        """
        if unnamed is not None:
            self._unnamed = unnamed
        before, now = self.present, raw_ids & self.room.plan.attendees.keys()
        self._present = now
        self.media.attended = bool(now)
        strangers = self._unnamed + sum(raw_id.startswith(UNINVITED) for raw_id in raw_ids - now)
        if self.room.plan.mixed:  # everybody is heard
            strangers = 0
        if strangers != self._strangers:
            self._strangers = strangers
            self.record_changed()
            logger.warning("participants not interpreted", extra={"participants": strangers, "reason": UNKNOWN_PEOPLE})
        self.live.deliver(PresenceChanged(now))
        if now != before:
            self.record_changed()
        if before and not now and not self.attendance.waiting:
            self.happen(CallTrigger.EVERYBODY_LEFT, "everybody_left")

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
        await self.media.move()

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
                    staying = group.create_task(self.media.keep(), name="media stream")
                    recording = group.create_task(self._keeper.run(), name="call record")
                    watching = group.create_task(self.attendance.watch(), name="attendance")
                    ended = await running
                    if ended.reason == "internal_error":  # the room failed by itself
                        self.happen(CallTrigger.FAILED)
                    self.media.wake()
                    if self.connection.request is not ConnectRequest.JOINING:
                        staying.cancel()
                    await asyncio.wait([staying])  # a connect request still under way may let us in
                    recording.cancel()
                    watching.cancel()
            except* Exception as errors:  # a bug here must not reach the other calls
                logger.error("call failed", exc_info=errors)
                failed = True
            finally:
                self.started.set()
                await self._leave("internal_error" if failed else ended.reason, hang_up=failed or ended.hang_up)

    async def _leave(self, reason: str, *, hang_up: bool) -> None:
        """Hang up, unless we are out; until then the room counts as taken, so that we are never in it twice."""
        self.reason = reason
        environment, room_id = self._environment, self.room.room_id
        try:
            await self.connection.leave(hang_up=hang_up)
        finally:
            failure = reason.startswith(FAILURES)
            again = failure and not self.moved
            if again and not self._joins_another_call():
                self.following = RetryLater()
            self.happen(CallTrigger.LEFT_TO_RETURN if again else CallTrigger.LEFT)
            logger.info("call left", extra={"reason": reason, "call_connection_id": self.connection.id})
            self._outcome = LastCall(
                state="failed" if failure else CallState.ENDED.value,
                reason=reason,
                at=environment.wall_clock(),
                connection_id=self.connection.id,
            )
            if not self.moved:
                if self.media.was_heard:
                    environment.emit("interpreter.left", room_id, {"reason": reason})
                environment.emit("room.ended", room_id, {"reason": reason})

    def _joins_another_call(self) -> bool:
        """Say whether what follows is another call than this, or any call that an admin wants."""
        match self.following:
            case Rejoin(None):
                return True
            case Rejoin(server_call_id):
                return server_call_id != self.server_call_id
            case _:
                return False
