"""The media sockets of one call: serves them, looks for their frames, and recovers them as `media_recovery.py` says."""

from __future__ import annotations

import asyncio
import logging
import math

from bot.calls.call_connection import CallConnection
from bot.calls.call_record import RecordKeeper
from bot.calls.environment import CallEnvironment, Interpreted
from bot.calls.media_recovery import NO_AUDIO, FrameVerdict, FrameWatch, MediaRecovery, RecoveryStep
from bot.calls.state_machine import CallState, CallTrigger, Lifecycle
from bot.errors import CallError
from bot.log_format import log_context
from media_streaming.stream import SERVICE_RESTART, MediaStream

logger = logging.getLogger(__name__)

ENTER_AGAIN_S = 20.0
"""Seconds between attempts to enter the call of a room that goes on by browser: its start is reported, as a rule."""
NO_CALL = "people are interpreted by browser alone, the call could not be joined"
"""Begins the reason shown while a room goes on by browser. Usually nobody has joined the call."""


class CallMedia:
    """Keeps a media socket open. `keep` must be running."""

    def __init__(
        self,
        live: Interpreted,
        lifecycle: Lifecycle,
        keeper: RecordKeeper,
        connection: CallConnection,
        environment: CallEnvironment,
        *,
        first_wait_s: float,
        was_heard: bool,
    ) -> None:
        """`first_wait_s`: how long the first socket may take."""
        self.was_heard = was_heard
        """Whether the call has had a media socket."""
        self.attended = True
        """Whether anybody is in the call, as far as is known."""
        self._room_id = keeper.record.room_id
        self._live = live
        self._lifecycle = lifecycle
        self._keeper = keeper
        self._connection = connection
        self._environment = environment
        self._recovery = MediaRecovery(first_wait_s)
        self._watch = FrameWatch()
        self._restart_due = False
        """Whether ACS has to be asked to stream anew through an open socket."""
        self._enter_at = math.inf
        """When to enter the call if the room goes on without it."""
        self._let_in = False
        """Whether ACS has let us in since."""
        self._streams: list[MediaStream] = []
        """Open sockets: during a re-dial there may be two."""
        self._woken = asyncio.Event()

    @property
    def problem(self) -> str | None:
        """What is wrong, for admins."""
        return self._recovery.problem or self._watch.problem

    # --- what happens ----------------------------------------------------------------------------

    async def serve(self, stream: MediaStream) -> None:
        """Connect a media socket to the room; returns when the room has closed it or it was lost."""
        with log_context(
            room_id=self._room_id,
            call_connection_id=stream.call_connection_id or "",
            correlation_id=stream.correlation_id or "",
        ):
            self._connection.learn(stream.call_connection_id)
            self._streams.append(stream)
            self._recovery.opened(self._environment.clock())
            self._watch.opened(self._environment.clock())
            self._lifecycle.happen(CallTrigger.MEDIA_OPENED)
            self._note_heard()
            logger.info("media stream opened")
            try:
                await self._live.attach(stream)
            finally:
                self._streams.remove(stream)
                if not self._streams:
                    self._watch.closed()
                    self._recovery.closed(stream.fault)
                    self._lifecycle.happen(CallTrigger.MEDIA_CLOSED)
            logger.info("media stream closed", extra={"code": stream.close_code})

    def _note_heard(self) -> None:
        """Report that the interpreter is there; a socket that is opened again belongs to the same interpreter."""
        if not self.was_heard:
            self.was_heard = True
            self._environment.emit("interpreter.joined", self._room_id, {"call_connection_id": self._connection.id})

    def lost(self, *, refused: bool) -> None:
        """Recover the stream; `refused`: ACS has given up dialling."""
        self._recovery.lost(refused=refused)

    def stopped(self, *, failed: bool) -> None:
        """Look soon whether frames still come: ACS reports to have stopped streaming, or to have `failed` to stream."""
        self._watch.reported(self._environment.clock(), self._frames_received(), failed=failed)

    def call_lost(self, reason: str) -> None:
        """Note that the room goes on without the call, which is to be entered again."""
        self._recovery, self._restart_due = MediaRecovery(), False
        self._recovery.problem = f"{NO_CALL}: {reason}"
        self._let_in, self._enter_at = False, self._environment.clock() + ENTER_AGAIN_S
        logger.info("room goes on without the call", extra={"reason": reason})

    def enter(self) -> None:
        """Have the call entered at once, unless it has just been and its media socket is about to come."""
        now = self._environment.clock()
        if not self._let_in or now >= self._enter_at:
            self._enter_at = now

    def restart(self) -> None:
        """Have ACS stream anew through the open socket."""
        self._restart_due = True

    def wake(self) -> None:
        """Have `keep` look at what has happened."""
        self._woken.set()

    async def move(self) -> None:
        """Close the newest socket, so that ACS dials another replica."""
        stream = self._streams[-1] if self._streams else None
        self._lifecycle.happen(CallTrigger.MOVED)
        if stream is not None:
            await stream.close(SERVICE_RESTART, "another replica takes over")

    # --- what is done ----------------------------------------------------------------------------

    async def keep(self) -> None:
        """Join, then keep the media stream until the room ends."""
        if self._connection.id is None and not self._by_browser:
            await self._connection.join()
        if self._lifecycle.state is not CallState.STREAMING:
            self._recovery.wait(self._environment.clock())
        while not self._live.over:
            self._woken.clear()
            if self._restart_due:
                await self._restart_silent_stream()
            elif self._recovery.due is not None:
                await self._recover()
            elif self._by_browser and self._environment.clock() >= self._enter_at:
                await self._enter()
            else:
                await self._wait()

    async def _wait(self) -> None:
        """Wait for something to happen, at most until the socket, or its next frame, is late."""
        streaming = self._lifecycle.state is CallState.STREAMING
        late_at = self._enter_at if self._by_browser else self._recovery.deadline
        try:
            async with asyncio.timeout_at(self._watch.deadline if streaming else late_at):
                await self._woken.wait()
        except TimeoutError:
            if streaming:
                await self._look_for_frames()
            else:
                self._recovery.deadline = None
                self._lifecycle.happen(CallTrigger.TIMED_OUT)

    @property
    def _by_browser(self) -> bool:
        return self._lifecycle.state is CallState.BY_BROWSER

    async def _enter(self) -> None:
        """Join the call that the room goes on without, after leaving it if it was not known to be over."""
        self._enter_at = self._environment.clock() + ENTER_AGAIN_S
        if await self._keeper.is_own():
            self._let_in = await self._connection.join_again()

    async def _look_for_frames(self) -> None:
        problem, people = self._watch.problem, self.attended
        match self._watch.look(self._environment.clock(), self._frames_received(), people=people):
            case FrameVerdict.RESTART:
                self._lifecycle.happen(CallTrigger.NO_FRAMES)
            case FrameVerdict.CLOSE:
                for stream in tuple(self._streams):
                    await stream.close(SERVICE_RESTART, NO_AUDIO)
            case _:
                pass
        if self._watch.problem != problem:
            self._keeper.changed()

    def _frames_received(self) -> int:
        return self._streams[-1].counters.messages_received if self._streams else 0

    async def _recover(self) -> None:
        """Take the next step to recover the media stream."""
        if not await self._keeper.is_own() or self._lifecycle.state is not CallState.INTERRUPTED:
            return  # another replica's, or the stream has been opened meanwhile
        recovery_step = self._recovery.begin_step(self._environment.clock())
        if recovery_step is None:
            reason = "media_lost" if self.was_heard else "no_media"
            self._lifecycle.lose_call(CallTrigger.GIVEN_UP, self._recovery.because(reason))
            return
        self._keeper.changed()
        logger.warning("media stream recovery started", extra={"reason": recovery_step.value})
        match recovery_step:
            case RecoveryStep.WAIT:
                done = True
            case RecoveryStep.RESTART:
                done = await self._restart_streaming()
            case _:
                done = await self._connection.join_again()
        if self._lifecycle.state is CallState.INTERRUPTED:
            self._recovery.wait(self._environment.clock())
            if not done:
                self._lifecycle.happen(CallTrigger.TIMED_OUT)

    async def _restart_streaming(self) -> bool:
        if self._connection.id is None:
            return False
        self._watch.asked(self._environment.clock())
        try:
            await self._environment.acs.restart_streaming(self._connection.id)
        except CallError as error:
            logger.warning("media streaming not restarted", extra={"reason": error.code})
            return False
        return True

    async def _restart_silent_stream(self) -> None:
        self._restart_due = False
        self._watch.restarted(self._environment.clock())
        self._recovery.asked()
        self._keeper.changed()
        logger.warning("no audio received through the media stream")
        await self._restart_streaming()
