"""One call of a room, from the connect request to the hang-up: joins, keeps the media stream, leaves, keeps its record.

What follows on what is `lifecycle.py`'s to say; how a lost stream is won back, `recovery.py`'s.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import quote

import msgspec

from bot.calls.acs_client import CallLook
from bot.calls.media_recovery import PATIENCE_S, MediaRecovery, RecoveryStep
from bot.calls.registry import LANES_RECORDED, CallRecord, LaneSummary, LastCall, Registry
from bot.calls.state_machine import CallAction, CallState, CallTrigger, step
from bot.errors import CallError
from bot.interpreting.events import Event, Order, Ordered, SpeakerJoined, SpeakerLeft
from bot.interpreting.lane_status import LaneState, LaneStatuses
from bot.interpreting.plan import RoomPlan
from bot.interpreting.session import InterpreterSession
from bot.interpreting.usage_meter import Used
from bot.live_room.live_room import RoomEnded
from bot.log_format import log_context
from bot.outputs.webhook_events import EmitEvent
from media_streaming.stream import SERVICE_RESTART, MediaStream
from storage.errors import StoreUnavailable
from webhooks.events import (
    CallConnected,
    CallDisconnected,
    CallEvent,
    CallReport,
    ConnectFailed,
    MediaStreamingFailed,
    ParticipantsUpdated,
)

logger = logging.getLogger(__name__)

FIRST_MEDIA_S = 15.0
"""From the answer to the connect request to the media socket; ACS opens it before it reports the call as connected."""
FIRST_FRAME_S = 15.0
"""From the media socket to the first frame on it. With everybody muted ACS may send nothing, or silence: not known."""
SAVE_AGAIN_S = 1.0
"""The record could not be written: the store is away."""
OWNER_S = 1.0
"""Given to the store to say whether the call is still ours, before something is done that a successor would suffer."""
PUT_OUT = 5300
"""Sub code of a disconnect: a participant was removed (ACS protocol sheet, 3.4). Who is put out does not come back."""
FAILURES = ("internal_error", "connect_failed", "no_media", "media_lost", "disconnected")
"""How the reasons of an end begin that nobody wanted: with people still there, it is tried again."""


@dataclass(frozen=True, slots=True)
class PlannedRoom:
    """A room as calls need it."""

    room_id: str
    acs_room_id: str
    plan: RoomPlan
    used: Used = field(default_factory=Used)
    """What earlier calls have used, as far as the plan has a cap."""


class Interpreted(Protocol):
    """What is interpreted in the call (`live_room.LiveRoom`, or a seat in one that several calls share)."""

    async def run(self) -> RoomEnded: ...

    def end(self, reason: str, *, hang_up: bool) -> None: ...

    @property
    def over(self) -> bool: ...

    @property
    def session(self) -> InterpreterSession: ...

    @property
    def lanes(self) -> LaneStatuses: ...

    def watch_lanes(self, changed: Callable[[], None]) -> None: ...

    async def quiet(self) -> None: ...

    def deliver(self, event: Event) -> None: ...

    def change_plan(self, plan: RoomPlan) -> None: ...

    async def attach(self, stream: MediaStream) -> None: ...


class CallControl(Protocol):
    """How calls are joined and left (`calls.Calls`)."""

    async def connect(
        self, acs_room_id: str, callback_url: str, media_url: str, context: str, request_id: str, *, mixed: bool = False
    ) -> str: ...

    async def restart_streaming(self, call_connection_id: str) -> None: ...

    async def look(self, call_connection_id: str) -> CallLook | None: ...

    async def hang_up(self, call_connection_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class CallAddresses:
    """Where ACS reaches this service. The addresses of a call hold its secret: never log them."""

    public_base_url: str
    media_base_url: str

    def callback_url(self, secret: str) -> str:
        return f"{self.public_base_url}/webhooks/calls/{quote(secret, safe='')}"

    def media_url(self, secret: str) -> str:
        return f"{self.media_base_url}/media/{quote(secret, safe='')}"


@dataclass(frozen=True, slots=True)
class CallEnvironment:
    """What every call of this replica uses."""

    acs: CallControl
    registry: Registry
    addresses: CallAddresses
    emit: EmitEvent
    wall_clock: Callable[[], float]
    """Seconds since 1970."""
    clock: Callable[[], float]
    """Seconds of the event loop."""


@dataclass(frozen=True, slots=True)
class Rejoin:
    """Join a call of the room as soon as this one has been left."""

    server_call_id: str | None
    """None: whichever call there is; an admin asked for it."""


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Join this call again after a pause: people are still in it."""


AfterCall = Rejoin | RetryLater | None
"""What follows when a call has been left; None: nothing."""


def new_record(room: PlannedRoom, owner: str, server_call_id: str | None, since: float) -> CallRecord:
    return CallRecord(
        room_id=room.room_id,
        acs_room_id=room.acs_room_id,
        owner=owner,
        secret=secrets.token_urlsafe(32),
        request_id=str(uuid.uuid4()),
        name=secrets.token_urlsafe(6),
        since=since,
        server_call_id=server_call_id,
    )


async def leave_connection(calls: CallControl, registry: Registry, connection_id: str) -> bool:
    """Leave a connection, now or, if ACS will not hear of it, later; whether it has been left. Raises nothing."""
    try:
        await calls.hang_up(connection_id)
        return True
    except CallError as error:
        logger.warning("hang-up failed", extra={"code": error.code, "call_connection_id": connection_id})
    except Exception as error:  # a bug of ours must not reach the other calls
        logger.error("hang-up failed", exc_info=error, extra={"call_connection_id": connection_id})
    try:
        await registry.orphan(connection_id)
    except StoreUnavailable:
        logger.error("a connection may be left behind", extra={"call_connection_id": connection_id})
    return False


def summaries(lanes: LaneStatuses) -> tuple[LaneSummary, ...]:
    """What other replicas are told of lanes; not of voices passed through, which come and go with each utterance."""
    told = [one for one in lanes.views() if not one.lane.passthrough]
    told.sort(key=lambda one: (not one.reason, one.state is not LaneState.OPEN))
    return tuple(
        LaneSummary(
            speaker=one.lane.speaker,
            source=one.lane.source,
            target=one.lane.target,
            state=one.state.value,
            engine=one.engine,
            reason=one.reason,
        )
        for one in told[:LANES_RECORDED]
    )


class Call:
    """One call we are in, were in, or want to be in. `run` must be running for anything to happen."""

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
        """`adopted`: somebody else joined; it is gone, or has `handed_over` the call and closed its media socket."""
        self.room = room
        self.live = live
        self.since = record.since
        self.reason: str | None = None
        self.left = asyncio.Event()
        """Set when the call has been left and its record is gone."""
        self.outcome: LastCall | None = None
        self._following: AfterCall = None
        self._former_secrets: tuple[str, ...] = ()
        self._environment = environment
        self._record = record
        """As the registry has it."""
        self._unclosed = record.unclosed
        self._saving = asyncio.Lock()
        self._state = CallState.SCHEDULED if adopted else CallState.CONNECTING
        self._connection_id = record.connection_id
        self._secret = record.secret
        self._request_id = record.request_id
        self._server_call_id = record.server_call_id
        self._present = frozenset(record.present)
        self._was_heard = record.was_heard
        self._roster_number = -1
        self._roster_told = False
        """Whether anybody has said who is there."""
        self._leaving_to_return = False
        """A hang-up is under way that is not to end the call."""
        self._detail: str | None = None
        self._ladder = MediaRecovery()
        # ACS may have given up dialling whoever asked it before us.
        self._patience_s: float | None = PATIENCE_S[RecoveryStep.WAIT] if adopted else FIRST_MEDIA_S
        self._recovering = False
        self._refused = False
        self._restarting = False
        self._frames_due = False
        self._restarted_silent = False
        self._streams = 0
        """Media sockets of this call that are open: during a re-dial there may be two."""
        self._stream: MediaStream | None = None
        self._connecting = False
        self._joined_late = False
        self._moved = False
        self._woken = asyncio.Event()
        self._changed = asyncio.Event()
        if adopted:
            self.happen(CallTrigger.JOIN_TAKEN_OVER if record.connection_id is None else CallTrigger.TAKEN_OVER)
            # After the time it takes to find out that a replica is gone, waiting for a re-dial is in vain.
            self._refused = self._recovering and not handed_over
        live.watch_lanes(self.noticed)
        if record.paused:
            live.deliver(Ordered(Order.PAUSE))

    # --- what others may ask ---------------------------------------------------------------------

    @property
    def state(self) -> CallState:
        return self._state

    @property
    def detail(self) -> str | None:
        """What is being done about a lost media stream; else why not everything is interpreted as it was asked for."""
        return self._detail or self.live.session.restriction or None

    @property
    def secret(self) -> str:
        return self._secret

    @property
    def former_secrets(self) -> tuple[str, ...]:
        """Secrets the call had before it was joined again."""
        return self._former_secrets

    @property
    def following(self) -> AfterCall:
        """What follows when this call has been left."""
        return self._following

    @property
    def connection_id(self) -> str | None:
        return self._connection_id

    @property
    def server_call_id(self) -> str | None:
        return self._server_call_id

    @property
    def present(self) -> frozenset[str]:
        """People in the call, by raw id."""
        return self._present

    @property
    def was_heard(self) -> bool:
        return self._was_heard

    @property
    def moved(self) -> bool:
        """Another replica is in the call instead of us."""
        return self._moved

    @property
    def record(self) -> CallRecord:
        """As the registry has it."""
        return self._record

    # --- what happens ------------------------------------------------------------------------------

    def happen(self, happening: CallTrigger, reason: str = "", *, following: str | None = None) -> CallAction:
        """Go where the table says, and set going what it asks for.

        Args:
            following: server call id of the call that a report is about, to be joined after this one.
        """
        before, (self._state, act) = self._state, step(self._state, happening)
        match act:
            case CallAction.LEAVE:
                self.live.end(reason, hang_up=True)
            case CallAction.QUIT:
                self._follow(None)
                self.live.end(reason, hang_up=True)
            case CallAction.CLOSE:
                self.live.end(reason, hang_up=False)
            case CallAction.WITHDRAW:
                self._moved = True
                self.live.end("moved", hang_up=False)
            case CallAction.RECOVER:
                self._recovering = True
                self._refused = self._refused or happening is CallTrigger.MEDIA_REFUSED
            case CallAction.RESTART_STREAMING:
                self._restarting = True
            case CallAction.NOTE_NEXT:
                self._follow(Rejoin(following))
            case CallAction.FORGET:
                self._follow(None)
            case CallAction.FORGET_RETRY if isinstance(self._following, RetryLater):
                self._follow(None)
            case _:
                pass  # joining is up to the dispatcher
        if self._state is CallState.STREAMING:
            self._recovering = self._refused = False
        if self._state is not before:
            self._changed.set()
            with log_context(room_id=self.room.room_id):
                moved = {"from": before.value, "to": self._state.value, "why": happening.value}
                logger.info("call state", extra=moved)
        self._woken.set()
        return act

    def _joins_another_call(self) -> bool:
        """Say whether what follows is another call than this, or any call that an admin wants."""
        match self._following:
            case Rejoin(None):
                return True
            case Rejoin(server_call_id):
                return server_call_id != self._server_call_id
            case _:
                return False

    def _follow(self, following: AfterCall) -> None:
        self._following = following

    def learn_call(self, server_call_id: str) -> None:
        """An admin has made us join; now the call is reported."""
        self._server_call_id = server_call_id
        self._changed.set()

    def noticed(self) -> None:
        """What the record says may have changed."""
        self._changed.set()

    def ledger_closed(self, names: tuple[str, ...]) -> None:
        """What our predecessors left open, under these names, has got its end."""
        self._unclosed = tuple(name for name in self._unclosed if name not in names)
        self._changed.set()

    def change_plan(self, plan: RoomPlan) -> None:
        self.room = replace(self.room, plan=plan)
        self.live.change_plan(plan)

    def reported(self, event: CallReport | CallEvent) -> None:
        """Call Automation tells of our connection."""
        match event:
            case CallConnected():
                self._learn_connection(event.call_connection_id)
                self.happen(CallTrigger.CALL_CONNECTED)
            case ConnectFailed():
                self.happen(CallTrigger.CONNECT_FAILED, f"connect_failed_{event.sub_code}")
            case CallDisconnected():
                self.disconnected(put_out=event.sub_code == PUT_OUT)
            case MediaStreamingFailed():
                logger.warning("media streaming failed", extra={"code": event.code, "sub_code": event.sub_code})
                self.happen(CallTrigger.MEDIA_REFUSED)
            case ParticipantsUpdated():
                if event.sequence_number > self._roster_number:
                    self._roster_number = event.sequence_number
                    self.participants(frozenset(one.raw_id for one in event.participants))
            case _:
                pass

    def disconnected(self, *, put_out: bool = False) -> None:
        """We are out of the call, by ACS; whether it is over says who was there last, or who reported it."""
        if self._leaving_to_return:
            return
        nobody = not self._present and (self._roster_told or self._server_call_id is None)
        self.happen(CallTrigger.DISCONNECTED, "removed" if put_out else "call_ended" if nobody else "disconnected")

    def participants(self, raw_ids: frozenset[str]) -> None:
        """Rooms are by invitation: whoever is not on the roster is a bot, ourselves included."""
        self._roster_told = True
        present = raw_ids & self.room.plan.attendees.keys()
        for speaker in sorted(present - self._present):
            self.live.deliver(SpeakerJoined(speaker))
        for speaker in sorted(self._present - present):
            self.live.deliver(SpeakerLeft(speaker))
        everybody_left = bool(self._present) and not present
        if present != self._present:
            self._present = present
            self._changed.set()
        if everybody_left:
            self.happen(CallTrigger.EVERYBODY_LEFT, "everybody_left")

    def _learn_connection(self, connection_id: str | None) -> None:
        if connection_id and connection_id != self._connection_id:
            self._connection_id = connection_id
            self._changed.set()

    # --- media -------------------------------------------------------------------------------------

    async def serve(self, stream: MediaStream) -> None:
        """Hand a media socket to the room; returns when the room has let go of it."""
        room_id = self.room.room_id
        with log_context(room_id=room_id, call_connection_id=stream.call_connection_id or ""):
            self._learn_connection(stream.call_connection_id)
            self._streams += 1
            self._stream = stream
            self._frames_due = not self._restarted_silent
            self.happen(CallTrigger.MEDIA_OPENED)
            self._ladder.restored(self._environment.clock())
            self._detail = None
            if not self._was_heard:  # a socket that comes back is the same interpreter
                self._was_heard = True
                self._environment.emit("interpreter.joined", room_id, {"call_connection_id": self._connection_id})
            logger.info("media stream opened")
            try:
                await self.live.attach(stream)
            finally:
                self._streams -= 1
                if not self._streams:
                    self._stream = None
                    self.happen(CallTrigger.MEDIA_CLOSED)
            logger.info("media stream closed", extra={"code": stream.close_code})

    async def hand_over(self) -> None:
        """Let another replica have the call: it is nobody's from now on, and ACS will dial whoever answers."""
        try:
            if not await self._give_away():
                await self._conflict()
                return  # another's already, and let go of; or it stays ours, and is left
        except StoreUnavailable:
            return
        stream = self._stream
        self.happen(CallTrigger.MOVED)
        if stream is not None:
            await stream.close(SERVICE_RESTART, "another replica takes over")

    # --- life ------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Be in the call until it is over; when this returns it has been left, and its record is gone."""
        with log_context(room_id=self.room.room_id):
            ended = RoomEnded("cancelled", hang_up=True)
            failed = False
            try:
                async with asyncio.TaskGroup() as group:
                    running = group.create_task(self.live.run(), name="live room")
                    staying = group.create_task(self._stay(), name="media stream")
                    books = group.create_task(self._keep_record(), name="call record")
                    ended = await running
                    if ended.reason == "internal_error":  # told by nobody: the room has failed by itself
                        self.happen(CallTrigger.FAILED)
                    self._woken.set()
                    if not self._connecting:
                        staying.cancel()
                    await asyncio.wait([staying])  # an outstanding answer may let us into what is then to be left
                    books.cancel()
            except* Exception as errors:  # a bug of ours must not reach the other calls
                logger.error("call failed", exc_info=errors)
                failed = True
            finally:
                await self._leave("internal_error" if failed else ended.reason, hang_up=failed or ended.hang_up)

    async def _stay(self) -> None:
        if self._connection_id is None:
            await self._connect()
        while not self.live.over:
            self._woken.clear()
            if self._restarting:
                await self._restart_silent_stream()
            elif self._recovering:
                await self._recover()
            else:
                await self._wait()

    async def _wait(self) -> None:
        """For something to happen, but not longer than this state allows."""
        streaming = self._state is CallState.STREAMING
        watching = streaming and self._frames_due
        patience_s = FIRST_FRAME_S if watching else None if streaming else self._patience_s
        try:
            async with asyncio.timeout(patience_s):
                await self._woken.wait()
        except TimeoutError:
            if not watching:
                self.happen(CallTrigger.TIMED_OUT)
            elif self._stream is not None and self._stream.counters.messages_received <= 1:
                self.happen(CallTrigger.NO_FRAMES)
            else:
                self._frames_due = False

    async def _recover(self) -> None:
        """Take the next step to win the media stream back."""
        self._recovering = False
        if not await self._is_ours() or self._state is not CallState.INTERRUPTED:  # the stream may be back by now
            return
        rung = self._ladder.next(self._environment.clock(), refused=self._refused)
        self._refused = False
        if rung is None:
            self.happen(CallTrigger.GIVEN_UP, "media_lost" if self._was_heard else "no_media")
            return
        self._detail = rung.value
        self._changed.set()
        self._patience_s = PATIENCE_S[rung]
        logger.warning("media stream is to be won back", extra={"step": rung.value})
        if rung is RecoveryStep.WAIT:
            return
        done = await (self._restart_streaming() if rung is RecoveryStep.RESTART else self._reconnect())
        if not done and self._state is CallState.INTERRUPTED:
            self.happen(CallTrigger.TIMED_OUT)

    async def _restart_streaming(self) -> bool:
        if self._connection_id is None:
            return False
        try:
            await self._environment.acs.restart_streaming(self._connection_id)
        except CallError as error:
            logger.warning("media streaming could not be restarted", extra={"code": error.code})
            return False
        return True

    async def _restart_silent_stream(self) -> None:
        """Nothing has come through the socket: visible, and tried once more. Then it is taken as it is."""
        self._restarting = self._frames_due = False
        self._restarted_silent = True
        self._detail = "no audio has come"
        self._changed.set()
        logger.warning("no audio has come through the media stream")
        await self._restart_streaming()

    async def _reconnect(self) -> bool:
        """Leave and join again, as somebody new to ACS. Never twice in the call: who cannot leave does not join."""
        if self._connection_id is not None:
            self._leaving_to_return = True
            try:
                await self._environment.acs.hang_up(self._connection_id)
            except CallError as error:
                logger.warning("hang-up failed", extra={"code": error.code})
                return False
            finally:
                self._leaving_to_return = False
        if self.live.over:
            return False
        old = self._secret
        self._secret, self._request_id, self._connection_id = secrets.token_urlsafe(32), str(uuid.uuid4()), None
        self._roster_number = -1
        self._former_secrets += (old,)
        if not await self._saved_before_connecting() or self.live.over:  # over, or another's, by now
            return False
        return await self._connect(again=True)

    async def _saved_before_connecting(self) -> bool:
        """A successor must know the new secret before ACS does."""
        try:
            return await self._save()
        except StoreUnavailable:
            return True  # without a store there is no successor either

    async def _connect(self, *, again: bool = False) -> bool:
        """Ask ACS to let us in; whether it did."""
        addresses = self._environment.addresses
        self._connecting = True
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
            logger.warning("call could not be joined", extra={"code": error.code})
            if self._connection_id is not None:  # a callback, or the media socket, knows better than the lost answer
                return True
            if not again:
                self.happen(CallTrigger.CONNECT_FAILED, f"connect_failed: {error.code}")
            return False
        finally:
            self._connecting = False
        self._learn_connection(connection_id)
        self._joined_late = self.live.over
        self.happen(CallTrigger.CONNECT_ANSWERED)
        logger.info("call joined", extra={"call_connection_id": connection_id})
        return True

    async def _leave(self, reason: str, *, hang_up: bool) -> None:
        """Hang up, unless we are out; until then the room counts as taken, so that we are never in it twice."""
        self.reason = reason
        environment = self._environment
        try:
            # Whatever ended the room while we were still joining could not know the call it was to leave.
            if self._connection_id is not None and (hang_up or self._joined_late) and await self._is_ours():
                await leave_connection(self._environment.acs, self._environment.registry, self._connection_id)
        finally:
            failure = reason.startswith(FAILURES)
            again = failure and not self._moved
            if again and not self._joins_another_call():
                self._follow(RetryLater())
            self.happen(CallTrigger.LEFT_TO_RETURN if again else CallTrigger.LEFT)
            logger.info("room ended", extra={"reason": reason, "call_connection_id": self._connection_id})
            state = "failed" if failure else CallState.ENDED.value
            self.outcome = LastCall(
                state=state, reason=reason, at=environment.wall_clock(), connection_id=self._connection_id
            )
            if not self._moved:
                if self._was_heard:
                    environment.emit("interpreter.left", self.room.room_id, {"reason": reason})
                environment.emit("room.ended", self.room.room_id, {"reason": reason})

    # --- the record --------------------------------------------------------------------------------------

    async def _keep_record(self) -> None:
        """Write down what has changed; who finds that the record is another's lets go of the call."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                if not await self._save():
                    await self._conflict()
            except StoreUnavailable:
                await asyncio.sleep(SAVE_AGAIN_S)
                self._changed.set()

    async def _conflict(self) -> None:
        registry = self._environment.registry
        standing = await registry.call(self.room.room_id)
        if standing is None:
            if self._server_call_id is not None and await registry.is_over(self._server_call_id):
                self.happen(CallTrigger.CALL_ENDED, "call_ended")  # and another has left it, while we were out of time
            elif await registry.claim(self._record):  # the store has forgotten: we have not
                self._changed.set()
        elif standing.owner != registry.replica:
            self.happen(CallTrigger.MOVED)
        else:
            self._record = standing  # written, though we were told otherwise
            self._changed.set()

    async def check_owner(self) -> None:
        """Whether the call is still ours; `StoreUnavailable` if nobody can say."""
        async with self._saving:
            as_kept = await self._environment.registry.call(self.room.room_id) == self._record
        if not as_kept and not self._moved:
            await self._conflict()

    async def _is_ours(self) -> bool:
        """Whether the call is still ours, as far as can be found out; for who has been stopped and goes on."""
        if not self._moved:
            try:
                async with asyncio.timeout(OWNER_S):
                    await self.check_owner()
            except (StoreUnavailable, TimeoutError):
                pass
        return not self._moved

    async def _give_away(self) -> bool:
        """Make the record nobody's, as the last thing we write into it."""
        async with self._saving:
            standing = self._as_it_is()
            given = msgspec.structs.replace(standing, owner="", state=CallState.INTERRUPTED)
            if self._moved or not await self._environment.registry.change(self._record, given):
                return False
            self._record = given
            self._moved = True
            return True

    async def _save(self) -> bool:
        async with self._saving:
            as_it_is = self._as_it_is()
            if self._moved or as_it_is == self._record:
                return True
            if not await self._environment.registry.change(self._record, as_it_is):
                return False
            self._record = as_it_is
            return True

    def _as_it_is(self) -> CallRecord:
        return msgspec.structs.replace(
            self._record,
            secret=self._secret,
            request_id=self._request_id,
            state=self._state,
            connection_id=self._connection_id,
            server_call_id=self._server_call_id,
            present=tuple(sorted(self._present)),
            was_heard=self._was_heard,
            paused=self.live.session.paused,
            reason=self.detail,
            unclosed=self._unclosed,
            lanes=summaries(self.live.lanes),
        )
