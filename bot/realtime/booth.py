"""RealtimeBooth: a lane served by one Realtime session after the other, by the best engine that can be had.

The rules of a session live in `conversation.py` and `translation.py`, its socket in `session.py`, the order of engines
in `fallback.py`; here is which session gets what, and what happens when one ends.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

from bot.booth import Deliver
from bot.interpreting.events import (
    BoothDegraded,
    BoothEvent,
    BoothLost,
    HearingDropped,
    InterpretationAudio,
    InterpretationEnded,
    InterpretationOutcome,
)
from bot.interpreting.plan import Lane
from bot.realtime.connection import RealtimeConnection
from bot.realtime.engine_fallback import Engine, EngineFallback
from bot.realtime.errors import INTERNAL, QUOTA, QUOTA_CODES, SessionError, renamed
from bot.realtime.messages import BYTES_PER_MS
from bot.realtime.speech_backlog import BacklogCounters, SpeechBacklog
from bot.realtime.timeouts import BoothLimits

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Saying:
    """A text that waits to be read aloud."""

    utterance: str
    text: str
    language: str
    by: float


class RealtimeBooth:
    """Interprets one lane.

    What happens to an utterance, exactly:

    - Its audio waits here until a session is configured and the socket takes it: at most 3 s of it, and none for
      longer than 3 s. Beyond that the oldest utterance is dropped as a whole, `HearingDropped` says so, and the rest
      of it, if still being spoken, is ignored. If part of it was sent already, the service is told to forget it.
    - Once any of its audio has been written to a session, the utterance lives and dies with that session. If the
      session is lost before the last word, `BoothLost.utterances` names it, and the rest of it is ignored. Audio is
      never sent twice.
    - An utterance none of which was sent when a session is lost stays, and goes to the next session, unless it gets
      too old first.
    - After `cancel` nothing more is reported about it, not even its loss.

    A session is succeeded before it expires: another is opened beside it, takes all utterances that begin from then
    on, and the old one finishes those it has. The same happens when a better engine is there again.
    """

    def __init__(
        self,
        lane: Lane,
        instructions: str,
        deliver: Deliver,
        ladder: EngineFallback,
        limits: BoothLimits,
        rng: random.Random,
        *,
        refused: str | None = None,
    ) -> None:
        """`refused`: why the best engine is known to be of no use; it is tried later all the same."""
        self._lane = lane
        self._instructions = instructions
        self._deliver = deliver
        self._ladder = ladder
        self._limits = limits
        self._refused = refused
        self._rng = rng
        self._haste = crc32(f"{lane.speaker} {lane.target}".encode()) / 2**32
        """Of renewals: the same for a lane, and for different lanes not."""
        self._backlog = SpeechBacklog(limits.backlog_ms * BYTES_PER_MS, max_age_s=limits.backlog_ms / 1000)
        self._manner: dict[str, tuple[bool, float]] = {}
        """Strictness and speed of utterances that are complete and wait here, if they are not the usual ones."""
        self._sayings: deque[_Saying] = deque()
        self._session: RealtimeConnection | None = None
        """Gets what begins."""
        self._opening: RealtimeConnection | None = None
        """Will get it."""
        self._retiring: list[RealtimeConnection] = []
        self._engines: dict[RealtimeConnection, Engine] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._endings: asyncio.Queue[tuple[RealtimeConnection, SessionError]] = asyncio.Queue()  # two at most
        self._over = False
        self._was_ready = False
        """The present engine has worked before."""
        self._announced = False
        """That there is no session has been reported."""
        self._failures = self._refusals = self._quota_refusals = self._quota_failures = 0
        """In a row."""
        self._notices: deque[BoothEvent] = deque()
        """What was found out while the room was calling us: reported from our own task."""
        self._to_check = asyncio.Event()
        self._alarm: asyncio.Handle | None = None
        self._alarm_at = 0.0
        """Kept here: a moment that has passed already gets no `TimerHandle` from every event loop."""

    @property
    def engine(self) -> str:
        """Who serves the lane, or is to."""
        return self._ladder.engine.name

    @property
    def counters(self) -> BacklogCounters:
        return self._backlog.counters

    @property
    def held_ms(self) -> float:
        """Audio waiting here."""
        return self._backlog.size / BYTES_PER_MS

    # --- the port

    def hear(self, utterance: str, pcm: bytes) -> None:
        if self._over:
            return
        now = asyncio.get_running_loop().time()
        dropped = self._backlog.hold(utterance, pcm, now)
        if dropped:
            self._drop(dropped)
        session = self._serving()
        if session is not None and self._backlog.size >= session.protocol.append_bytes:
            session.wake()
        self.alarm_by(now + self._limits.backlog_ms / 1000)

    def interpret(self, utterance: str, *, strict: bool = False, speed: float = 1.0) -> None:
        if self._over or self._backlog.ignores(utterance):
            return
        if self._backlog.complete(utterance):
            if strict or speed != 1.0:
                self._manner[utterance] = strict, speed
            session = self._serving()
        else:
            session = next((one for one in self._live() if one.protocol.knows(utterance)), None)
            if session is None:
                self._notice(InterpretationEnded(self._lane, utterance, InterpretationOutcome.FAILED, "nothing_heard"))
            else:
                now = asyncio.get_running_loop().time()
                for event in session.protocol.interpret(utterance, now, strict=strict, speed=speed):
                    self._notice(event)
        if session is not None:
            session.wake()

    def release(self, utterance: str) -> None:
        for session in self._live():
            session.protocol.release(utterance)
            session.wake()

    def cancel(self, utterance: str) -> None:
        self._backlog.forget(utterance)
        self._manner.pop(utterance, None)
        self._notices = deque(one for one in self._notices if getattr(one, "utterance", None) != utterance)
        self._sayings = deque(one for one in self._sayings if one.utterance != utterance)
        self._cancel_in_sessions(utterance)

    def brief(self, instructions: str) -> None:
        self._instructions = instructions
        for session in self._live():
            session.protocol.brief(instructions)
            session.wake()

    def say(self, utterance: str, text: str, language: str) -> None:
        if self._over:
            return
        if len(self._sayings) >= self._limits.sayings:
            self._notice(InterpretationEnded(self._lane, utterance, InterpretationOutcome.FAILED, "not_said"))
            return
        by = asyncio.get_running_loop().time() + self._limits.say_s
        self._sayings.append(_Saying(utterance, text, language, by))
        if self._session is not None:
            self._session.wake()
        self.alarm_by(by)

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                watcher = group.create_task(self._watch(), name="booth watcher")
                await self._keep_connected()
                watcher.cancel()
                for task in self._tasks:
                    task.cancel()
        finally:
            self._over = True  # from here on nothing sets an alarm
            if self._alarm is not None:
                self._alarm.cancel()

    # --- sessions

    def _live(self) -> list[RealtimeConnection]:
        sessions = [*self._retiring, self._session, self._opening]
        return [session for session in sessions if session is not None]

    def _serving(self) -> RealtimeConnection | None:
        """Who gets the audio that is next."""
        first = self._backlog.first
        return next((one for one in self._retiring if first is not None and one.protocol.knows(first)), self._session)

    def _open(self) -> None:
        """Have a session of the ladder's engine opened."""
        self._open_with(self._ladder.engine)

    def _open_with(self, engine: Engine) -> None:
        assert self._group is not None
        protocol = engine.protocol(self._instructions)
        session = RealtimeConnection(protocol, engine.connect, self, self._limits, haste=self._haste)
        self._opening = session
        self._engines[session] = engine
        task = self._group.create_task(self._serve(session), name="booth session")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, session: RealtimeConnection) -> None:
        lost: SessionError | None = None
        try:
            await session.serve()
        except* Exception as errors:
            first = _first(errors)
            lost = renamed(first)
            if lost is not first:
                lost.__cause__ = first  # kept, not raised
        if session not in self._retiring:
            self._endings.put_nowait((session, lost or SessionError("closed_1000", "the session has ended")))
            return
        self._retiring.remove(session)
        del self._engines[session]
        self._lose(session, lost or SessionError("retired", "it did not come to an end in time"), announce=False)

    async def _keep_connected(self) -> None:
        """See to it that there is a session until the service refuses us for good."""
        if self._refused is not None:
            self._descend(self._refused, door_shut=True)
        self._open()
        while True:
            session, lost = await self._endings.get()
            engine = self._engines.pop(session)
            if session is self._opening:
                self._opening = None
                if self._session is not None:
                    self._successor_failed(engine, lost)
                    continue
            elif session is self._session:
                self._session = None
            if session.ready_at is not None:
                now = asyncio.get_running_loop().time()
                if now - session.ready_at >= self._limits.stable_s:
                    self._failures = 0
            self._failures += 1
            door_shut = session.ready_at is None and lost.code.startswith(("http_", QUOTA))
            final = False
            if self._refuses(lost):
                if self._descend(lost.code, door_shut=door_shut):
                    self._lose(session, lost, announce=False)
                    if self._opening is None:
                        self._open()
                    continue
                final = not lost.retryable
            self._lose(session, lost, announce=not self._announced, final=final)
            self._announced = True
            if final:
                return
            if self._opening is None:
                await asyncio.sleep(self._pause_s(self._failures, lost.retry_after_s))
                self._open()

    def _refuses(self, lost: SessionError) -> bool:
        """Whether asking the same engine again is no use."""
        self._refusals += not lost.retryable
        self._quota_refusals = self._quota_refusals + 1 if lost.code == QUOTA else 0
        if self._quota_refusals >= self._limits.quota_refusals:
            return True
        return not lost.retryable and (not self._was_ready or self._refusals >= self._limits.refusals)

    def _descend(self, reason: str, *, door_shut: bool) -> bool:
        if not self._ladder.descend(asyncio.get_running_loop().time(), door_shut=door_shut):
            return False
        self._failures = self._refusals = self._quota_refusals = self._quota_failures = 0
        self._was_ready = False
        self._degraded(reason)
        return True

    def _degraded(self, reason: str) -> None:
        logger.warning(
            "booth is served by another engine",
            extra={"engine": self.engine, "reason": reason, "target": self._lane.target},
        )
        self._deliver(BoothDegraded(self._lane, self.engine, reason))

    def _successor_failed(self, engine: Engine, lost: SessionError) -> None:
        """The one we have goes on."""
        now = asyncio.get_running_loop().time()
        logger.warning("booth could not open another session", extra={"code": lost.code, "engine": engine.name})
        assert self._session is not None
        if engine is not self._ladder.engine:
            self._ladder.refused_again(now)
        else:
            self._failures += 1
            self._session.renew_at = now + self._pause_s(self._failures, lost.retry_after_s)
        self._to_check.set()

    def _lose(self, session: RealtimeConnection, lost: SessionError, *, announce: bool, final: bool = False) -> None:
        utterances = session.protocol.unfinished()
        for utterance in utterances:
            self._backlog.forget(utterance)
            self._manner.pop(utterance, None)
        if final:
            self._over = True
            utterances += tuple(saying.utterance for saying in self._sayings)
            self._sayings.clear()
            while self._notices:
                self._deliver(self._notices.popleft())
        if announce or final or utterances:
            logger.warning(
                "booth lost its session",
                extra={"code": lost.code, "target": self._lane.target, "final": final, "in_flight": len(utterances)},
                exc_info=lost if lost.code == INTERNAL else None,
            )
            self._deliver(BoothLost(self._lane, lost.code, utterances, final))

    def _pause_s(self, failures: int, retry_after_s: float | None) -> float:
        """Full jitter below a doubling bound, and never sooner than the service asked for."""
        limits = self._limits
        bound_s = min(limits.longest_pause_s, limits.first_pause_s * 2 ** min(failures - 1, 16))
        return max(self._rng.uniform(0, bound_s), min(retry_after_s or 0.0, limits.longest_retry_after_s))

    # --- what sessions ask of us

    def deliver(self, event: BoothEvent) -> None:
        if not isinstance(event, InterpretationAudio):  # of those there are many
            self._count_quota(event)
        self._deliver(event)

    def _count_quota(self, event: BoothEvent) -> None:
        """A model that has no quota opens sessions, and refuses to work in them."""
        if not isinstance(event, InterpretationEnded):
            return
        self._quota_failures = self._quota_failures + 1 if event.reason in QUOTA_CODES else 0
        if self._quota_failures >= self._limits.quota_refusals:
            self._quota_failures = 0
            if self._opening is None and self._descend(QUOTA, door_shut=False):
                self._open()

    def begun(self, session: RealtimeConnection) -> None:
        previous, self._session, self._opening = self._session, session, None
        self._was_ready, self._announced = True, False
        self._refusals = self._quota_refusals = 0
        if self._engines[session] is not self._ladder.engine:
            self._ladder.restored()
            self._degraded("restored")
        if previous is not None:
            self._retiring.append(previous)
            previous.retire()
        self._to_check.set()

    def feed(self, session: RealtimeConnection) -> bool:
        protocol = session.protocol
        if not protocol.ready:
            return False
        now = asyncio.get_running_loop().time()
        if session is self._session and self._sayings:
            saying = self._sayings.popleft()
            for event in protocol.say(saying.utterance, saying.text, saying.language, now):
                self.deliver(event)
            return True
        late = self._backlog.overdue(now)
        if late:
            self._drop(late)
        serving = self._serving()
        if serving is not session:
            if serving is not None and len(self._backlog):
                serving.wake()
            return False
        piece = self._backlog.take(protocol.append_bytes)
        if piece is None:
            return False
        if piece.since is not None:
            session.sends(piece.since)
        protocol.hear(piece.utterance, piece.pcm, now)
        if piece.last:
            strict, speed = self._manner.pop(piece.utterance, (False, 1.0))
            for event in protocol.interpret(piece.utterance, now, strict=strict, speed=speed):
                self.deliver(event)
            if self._session is not None:
                self._session.wake()  # the next may be for the successor
        self._set_alarm()
        return True

    # --- time

    async def _watch(self) -> None:
        """Report what could not be kept, and notice what does not happen."""
        loop = asyncio.get_running_loop()
        while True:
            await self._to_check.wait()
            self._to_check.clear()
            now = loop.time()
            self._drop(self._backlog.overdue(now))
            while self._sayings and now >= self._sayings[0].by:
                late = self._sayings.popleft()
                self._notices.append(
                    InterpretationEnded(self._lane, late.utterance, InterpretationOutcome.FAILED, "not_said")
                )
            while self._notices:
                self.deliver(self._notices.popleft())
            for session in self._live():
                session.check(now)
            self._renew(now)
            self._set_alarm()

    def _renew(self, now: float) -> None:
        session = self._session
        if session is None or self._opening is not None:
            return
        if self._ladder.restore_at is not None and now >= self._ladder.restore_at:
            self._open_with(self._ladder.best)
        elif session.renew_at is not None and now >= session.renew_at:
            session.renew_at = None
            logger.info("booth renews its session", extra={"target": self._lane.target})
            self._open()

    def _set_alarm(self) -> None:
        """Have `_watch` look when the next deadline passes. Too early does no harm: it looks, and sets a new one."""
        deadlines = [self._backlog.deadline, *(session.deadline for session in self._live())]
        if self._sayings:
            deadlines.append(self._sayings[0].by)
        if self._session is not None and self._opening is None:
            deadlines += [self._session.renew_at, self._ladder.restore_at]
        next_deadline = min((at for at in deadlines if at is not None), default=None)
        if next_deadline is not None:
            self.alarm_by(next_deadline)

    def alarm_by(self, at: float) -> None:
        if self._over:
            return
        if self._alarm is not None:
            if self._alarm_at <= at:
                return
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = asyncio.get_running_loop().call_at(at, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        self._to_check.set()

    def _drop(self, utterances: Iterable[str]) -> None:
        for utterance in utterances:
            self._manner.pop(utterance, None)
            self._cancel_in_sessions(utterance)
            self._notice(HearingDropped(self._lane, utterance, "model_backlog"))

    def _cancel_in_sessions(self, utterance: str) -> None:
        for session in self._live():
            session.protocol.cancel(utterance)
            session.wake()

    def _notice(self, notice: BoothEvent) -> None:
        self._notices.append(notice)
        self._to_check.set()


def _first(errors: BaseExceptionGroup[Exception]) -> Exception:
    """One of several errors that ended a session at once: the first that happened is the first in its group."""
    error: Exception | BaseExceptionGroup[Exception] = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
