"""RealtimeBooth: serves a lane with a succession of Realtime sessions, on the best engine available.

The rules of a session are in `conversation_session.py` and `translation_session.py`, its socket in `connection.py`, the
order of engines in `engine_fallback.py`, pauses and retries in `reconnect_policy.py`. This module decides which session
gets which audio, and what happens when a session ends.
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
    InterpretationEnded,
    InterpretationOutcome,
)
from bot.interpreting.plan import Lane
from bot.realtime.connection import RealtimeConnection
from bot.realtime.engine_fallback import Engine, EngineFallback
from bot.realtime.errors import INTERNAL, QUOTA, SessionError, session_error
from bot.realtime.messages import BYTES_PER_MS
from bot.realtime.reconnect_policy import ReconnectPolicy
from bot.realtime.speech_backlog import BacklogCounters, SpeechBacklog
from bot.realtime.timeouts import BoothLimits

logger = logging.getLogger(__name__)

RESTORED = "restored"
"""Reason of the `BoothDegraded` that says the lane is served as asked for again."""


@dataclass(frozen=True, slots=True)
class _TextToRead:
    """A text that waits to be read aloud."""

    utterance: str
    text: str
    language: str
    deadline: float


class RealtimeBooth:
    """Interprets one lane.

    What happens to an utterance, exactly:

    - Its audio waits here until a session is configured and the socket takes it: at most 3 s of audio, none older than
      3 s. Beyond that the oldest utterance is dropped as a whole and reported with `HearingDropped`; the rest of it, if
      it is still being spoken, is ignored. If part of it was sent already, the service is told to forget it.
    - Once any of its audio has been written to a session, the utterance belongs to that session. If the session is lost
      before the interpretation has ended, `BoothLost.utterances` names the utterance, and the rest of it is ignored.
      Audio is never sent twice.
    - An utterance of which nothing was sent when a session is lost goes to the next session, unless it gets too old
      first.
    - After `cancel` nothing more is reported about an utterance, not even its loss.

    A session is replaced before it expires: another is opened beside it and takes all utterances that begin from then
    on, while the old session finishes its own. The same happens when a better engine is available again, and when the
    session gives bad answers (`session_health.py`). A successor that gives bad answers too, and sessions that end at
    their first audio, move the lane to the next engine. `BoothDegraded` reports each step, and `restored` only once an
    answer has come as it should.
    """

    def __init__(
        self,
        lane: Lane,
        instructions: str,
        deliver: Deliver,
        fallback: EngineFallback,
        limits: BoothLimits,
        rng: random.Random,
        *,
        refused: str | None = None,
    ) -> None:
        """`refused`: why the best engine is known not to work; it is still tried later."""
        self._lane = lane
        self._instructions = instructions
        self._pace = 1.0, False
        """Speed, and whether in fewer words, of what is interpreted before the end of an utterance."""
        self._deliver = deliver
        self._fallback = fallback
        self._limits = limits
        self._refused = refused
        self._policy = ReconnectPolicy(limits, rng)
        self._renewal_offset = crc32(f"{lane.speaker} {lane.target}".encode()) / 2**32
        """0 to 1: always the same for a lane, and different between lanes."""
        self._backlog = SpeechBacklog(limits.backlog_ms * BYTES_PER_MS, max_age_s=limits.backlog_ms / 1000)
        self._texts: deque[_TextToRead] = deque()
        self._current: RealtimeConnection | None = None
        """Gets the utterances that begin."""
        self._opening: RealtimeConnection | None = None
        """Replaces the current connection once it is configured."""
        self._retiring: list[RealtimeConnection] = []
        self._engines: dict[RealtimeConnection, Engine] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._ended: asyncio.Queue[tuple[RealtimeConnection, SessionError]] = asyncio.Queue()  # never more than two
        self._over = False
        self._loss_reported = False
        self._succeeding = False
        """The engine's last session gave bad answers, and its successor has not given a good one yet."""
        self._trouble = ""
        """Why the lane is served worse than was asked for, as last reported."""
        self._to_report: deque[BoothEvent] = deque()
        """Events found while the room was calling this booth: delivered from the booth's own task."""
        self._check_wanted = asyncio.Event()
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0
        """Kept here because not every event loop returns a `TimerHandle` for a moment that has passed."""

    @property
    def engine(self) -> str:
        """Name of the engine that serves the lane, or is being connected."""
        return self._fallback.engine.name

    @property
    def counters(self) -> BacklogCounters:
        return self._backlog.counters

    @property
    def held_ms(self) -> float:
        """Audio that waits to be sent, in milliseconds."""
        return self._backlog.size / BYTES_PER_MS

    # --- the port (bot.booth.Booth)

    def hear(self, utterance: str, pcm: bytes) -> None:
        if self._over:
            return
        now = asyncio.get_running_loop().time()
        dropped = self._backlog.hold(utterance, pcm, now)
        if dropped:
            self._drop(dropped)
        connection = self._serving()
        if connection is not None and self._backlog.size >= connection.session.append_bytes:
            connection.wake()
        self.check_by(now + self._limits.backlog_ms / 1000)

    def interpret(self, utterance: str, *, strict: bool = False, speed: float = 1.0, condensed: bool = False) -> None:
        if self._over or self._backlog.ignores(utterance):
            return
        if self._backlog.complete(utterance, strict=strict, speed=speed, condensed=condensed):
            connection = self._serving()
        else:
            connection = next((one for one in self._live() if one.session.knows(utterance)), None)
            if connection is None:
                self._report_failed(utterance, "nothing_heard")
            else:
                now = asyncio.get_running_loop().time()
                connection.health.asked(utterance, now)
                for event in connection.session.interpret(
                    utterance, now, strict=strict, speed=speed, condensed=condensed
                ):
                    self._report(event)
                self.check_by(now + self._limits.answer_s)
        if connection is not None:
            connection.wake()

    def pace(self, *, speed: float, condensed: bool) -> None:
        self._pace = speed, condensed
        for connection in self._live():
            connection.session.pace(speed=speed, condensed=condensed)

    def release(self, utterance: str) -> None:
        for connection in self._live():
            connection.session.release(utterance)
            connection.wake()

    def cancel(self, utterance: str) -> None:
        self._backlog.forget(utterance)
        self._to_report = deque(one for one in self._to_report if getattr(one, "utterance", None) != utterance)
        self._texts = deque(one for one in self._texts if one.utterance != utterance)
        self._cancel_in_sessions(utterance)

    def brief(self, instructions: str) -> None:
        self._instructions = instructions
        for connection in self._live():
            connection.session.brief(instructions)
            connection.wake()

    def say(self, utterance: str, text: str, language: str) -> None:
        if self._over:
            return
        if len(self._texts) >= self._limits.texts:
            self._report_failed(utterance, "not_said")
            return
        deadline = asyncio.get_running_loop().time() + self._limits.text_wait_s
        self._texts.append(_TextToRead(utterance, text, language, deadline))
        if self._current is not None:
            self._current.wake()
        self.check_by(deadline)

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
            self._over = True  # from here on nothing sets a timer
            if self._timer is not None:
                self._timer.cancel()

    # --- connections

    def _live(self) -> list[RealtimeConnection]:
        connections = [*self._retiring, self._current, self._opening]
        return [connection for connection in connections if connection is not None]

    def _serving(self) -> RealtimeConnection | None:
        """Return the connection that gets the next audio."""
        first = self._backlog.first
        return next((one for one in self._retiring if first is not None and one.session.knows(first)), self._current)

    def _open(self, engine: Engine | None = None) -> None:
        """Connect to an engine; by default to the one in use."""
        assert self._group is not None
        engine = engine or self._fallback.engine
        session = engine.session(self._instructions)
        session.pace(speed=self._pace[0], condensed=self._pace[1])
        connection = RealtimeConnection(
            session,
            engine.health(),
            engine.connect,
            self,
            self._limits,
            renewal_offset=self._renewal_offset,
        )
        self._opening = connection
        self._engines[connection] = engine
        task = self._group.create_task(self._serve(connection), name="booth connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: RealtimeConnection) -> None:
        lost: SessionError | None = None
        try:
            await connection.serve()
        except* Exception as errors:
            first = _first(errors)
            lost = session_error(first)
            if lost is not first:
                lost.__cause__ = first  # kept, not raised
        if connection not in self._retiring:
            self._ended.put_nowait((connection, lost or SessionError("closed_1000", "the session has ended")))
            return
        self._retiring.remove(connection)
        del self._engines[connection]
        lost = lost or SessionError("retired", "the replaced session did not finish in time")
        self._lose(connection, lost, announce=False)

    async def _keep_connected(self) -> None:
        """Connect again whenever the current session ends, until no engine is left that could serve the lane."""
        if self._refused is not None:
            self._fall_back(self._refused, upgrade_refused=True)
        self._open()
        while True:
            connection, lost = await self._ended.get()
            engine = self._engines.pop(connection)
            if connection is self._opening:
                self._opening = None
                if self._current is not None:
                    self._replacement_failed(engine, lost)
                    continue
            elif connection is self._current:
                self._current = None
            ready_at = connection.ready_at
            lasted_s = None if ready_at is None else asyncio.get_running_loop().time() - ready_at
            self._policy.failed(lasted_s, died=connection.health.heard and not connection.health.proved)
            final = False
            if self._policy.gives_up_after(lost):
                upgrade_refused = ready_at is None and lost.code.startswith(("http_", QUOTA))
                if self._fall_back(lost.code, upgrade_refused=upgrade_refused):
                    self._move_on(connection, lost)
                    continue
                final = not lost.retryable
            elif self._policy.dying and self._fall_back(lost.code, opened=True):
                self._move_on(connection, lost)
                continue
            elif self._policy.failures > 1 and not self._trouble:
                self._report_trouble(lost.code)
            self._lose(connection, lost, announce=not self._loss_reported, final=final)
            self._loss_reported = True
            if final:
                return
            if self._opening is None:
                await asyncio.sleep(self._policy.pause_s(lost.retry_after_s, sick=self._policy.dying))
            if self._current is None and self._opening is None:  # unless a session that retires has led to one
                self._open()

    def _move_on(self, connection: RealtimeConnection, lost: SessionError) -> None:
        """Go on with the next engine."""
        self._lose(connection, lost, announce=False)
        if self._opening is None:
            self._open()

    def _fall_back(self, reason: str, *, upgrade_refused: bool = False, opened: bool = False) -> bool:
        """Change to the next engine; False if none is left."""
        now = asyncio.get_running_loop().time()
        if not self._fallback.fall_back(now, upgrade_refused=upgrade_refused, opened=opened):
            return False
        self._policy.engine_changed()
        self._succeeding = False
        self._report_trouble(reason)
        return True

    def _report_trouble(self, reason: str) -> None:
        """Report what serves the lane now, and why it is not as was asked for, or that it is."""
        self._trouble = "" if reason == RESTORED else reason
        logger.warning(
            "engine changed",
            extra={"engine": self.engine, "reason": reason, "target": self._lane.target},
        )
        self._deliver(BoothDegraded(self._lane, self.engine, reason))

    # --- health

    def _answered_well(self, connection: RealtimeConnection) -> None:
        """Note that the engine works, if it is the engine in use."""
        if connection is not self._current or self._engines[connection] is not self._fallback.engine:
            return
        self._policy.proved()
        self._fallback.proved()
        self._succeeding = False
        if self._trouble and self._fallback.is_best:
            self._report_trouble(RESTORED)

    def _replace_if_sick(self, connection: RealtimeConnection) -> None:
        """Leave the current session if too many of its answers in a row were bad."""
        if connection is not self._current or self._engines[connection] is not self._fallback.engine:
            return
        enough = 1 if self._fallback.on_probation else self._limits.bad_answers
        if connection.health.bad >= enough and self._opening is None:
            self._replace_sick(connection)

    def _replace_sick(self, sick: RealtimeConnection) -> None:
        """Open another session beside one that gives bad answers; of the next engine if it is a successor already."""
        health, reason = sick.health, sick.health.reason
        health.bad = 0  # the next bad answers count anew
        known = self._succeeding or self._fallback.on_probation
        if known and self._fall_back(reason, opened=True):
            self._open()
        elif known:  # there is no other engine: try again, ever more slowly
            self._policy.failed()
            renew_at = asyncio.get_running_loop().time() + self._policy.pause_s(None, sick=True)
            sick.renew_at = renew_at if sick.renew_at is None else min(sick.renew_at, renew_at)  # not put off again
            self._check_wanted.set()
        else:
            self._succeeding = True
            self._report_trouble(reason)
            self._open()

    def _replacement_failed(self, engine: Engine, lost: SessionError) -> None:
        """Stay with the current session, and try again later."""
        now = asyncio.get_running_loop().time()
        logger.warning("replacement session failed", extra={"reason": lost.code, "engine": engine.name})
        assert self._current is not None
        if engine is not self._fallback.engine:
            self._fallback.refused_again(engine, now)
        elif self._succeeding and self._policy.gives_up_after(lost) and self._fall_back(lost.code):
            self._open()
        else:
            self._policy.failed()
            self._current.renew_at = now + self._policy.pause_s(lost.retry_after_s)
        self._check_wanted.set()

    def _lose(self, connection: RealtimeConnection, lost: SessionError, *, announce: bool, final: bool = False) -> None:
        utterances = connection.session.unfinished()
        for utterance in utterances:
            self._backlog.forget(utterance)
        if final:
            self._over = True
            utterances += tuple(text.utterance for text in self._texts)
            self._texts.clear()
            while self._to_report:
                self._deliver(self._to_report.popleft())
        if announce or final or utterances:
            logger.warning(
                "session lost",
                extra={"reason": lost.code, "target": self._lane.target, "final": final, "in_flight": len(utterances)},
                exc_info=lost if lost.code == INTERNAL else None,
            )
            self._deliver(BoothLost(self._lane, lost.code, utterances, final))

    # --- what connections call (bot.realtime.connection.ConnectionHost)

    def deliver(self, connection: RealtimeConnection, event: BoothEvent) -> None:
        good = connection.health.take(event, asyncio.get_running_loop().time())
        if isinstance(event, InterpretationEnded):
            if (
                self._policy.out_of_quota(event.reason)
                and self._opening is None
                and self._fall_back(QUOTA, opened=True)
            ):
                self._open()
        elif isinstance(event, BoothDegraded):
            self._trouble = event.reason
        self._deliver(event)
        if good:
            self._answered_well(connection)
        elif connection.health.bad:
            self._replace_if_sick(connection)

    def configured(self, connection: RealtimeConnection) -> None:
        previous, self._current, self._opening = self._current, connection, None
        self._loss_reported = False
        self._policy.configured()
        engine = self._engines[connection]
        if engine is not self._fallback.engine:
            self._fallback.use(engine)
            self._policy.engine_changed()
            self._report_trouble(self._trouble)  # until it is seen to work
        if previous is not None:
            self._retiring.append(previous)
            previous.retire()
        self._check_wanted.set()

    def feed(self, connection: RealtimeConnection) -> bool:
        session = connection.session
        if not session.ready:
            return False
        now = asyncio.get_running_loop().time()
        if connection is self._current and self._texts:
            text = self._texts.popleft()
            for event in session.say(text.utterance, text.text, text.language, now):
                self.deliver(connection, event)
            return True
        late = self._backlog.overdue(now)
        if late:
            self._drop(late)
        serving = self._serving()
        if serving is not connection:
            if serving is not None and len(self._backlog):
                serving.wake()
            return False
        piece = self._backlog.take(session.append_bytes)
        if piece is None:
            return False
        if piece.since is not None:
            connection.note_sending(piece.since)
        session.hear(piece.utterance, piece.pcm, now)
        connection.health.hear(piece.utterance, len(piece.pcm))
        if piece.last:
            connection.health.asked(piece.utterance, now)
            for event in session.interpret(
                piece.utterance, now, strict=piece.strict, speed=piece.speed, condensed=piece.condensed
            ):
                self.deliver(connection, event)
            if self._current is not None:
                self._current.wake()  # the next utterance may belong to the replacement
        self._set_timer()
        return True

    # --- time

    async def _watch(self) -> None:
        """Report what was found out, and check deadlines whenever that is wanted."""
        loop = asyncio.get_running_loop()
        while True:
            await self._check_wanted.wait()
            self._check_wanted.clear()
            now = loop.time()
            self._drop(self._backlog.overdue(now))
            while self._texts and now >= self._texts[0].deadline:
                self._report_failed(self._texts.popleft().utterance, "not_said")
            while self._to_report:
                self._deliver(self._to_report.popleft())
            for connection in self._live():
                connection.check(now)
                connection.health.check(now)
                self._replace_if_sick(connection)
            self._renew(now)
            self._set_timer()

    def _renew(self, now: float) -> None:
        current = self._current
        if current is None or self._opening is not None:
            return
        better = self._fallback.better(now)
        if better is not None:
            self._open(better)
        elif current.renew_at is not None and now >= current.renew_at:
            current.renew_at = None
            logger.info("session renewal started", extra={"target": self._lane.target})
            self._open()

    def _set_timer(self) -> None:
        """Have `_watch` check at the next deadline. A check too early does no harm: it sets the timer again."""
        deadlines = [self._backlog.deadline]
        for connection in self._live():
            deadlines += [connection.deadline, connection.health.deadline]
        if self._texts:
            deadlines.append(self._texts[0].deadline)
        if self._current is not None and self._opening is None:
            deadlines += [self._current.renew_at, self._fallback.restore_at]
        next_deadline = min((at for at in deadlines if at is not None), default=None)
        if next_deadline is not None:
            self.check_by(next_deadline)

    def check_by(self, at: float) -> None:
        if self._over:
            return
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = asyncio.get_running_loop().call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._check_wanted.set()

    # --- reports

    def _drop(self, utterances: Iterable[str]) -> None:
        for utterance in utterances:
            self._cancel_in_sessions(utterance)
            self._report(HearingDropped(self._lane, utterance, "model_backlog"))

    def _cancel_in_sessions(self, utterance: str) -> None:
        for connection in self._live():
            connection.session.cancel(utterance)
            connection.health.forget(utterance)
            connection.wake()

    def _report_failed(self, utterance: str, reason: str) -> None:
        self._report(InterpretationEnded(self._lane, utterance, InterpretationOutcome.FAILED, reason))

    def _report(self, event: BoothEvent) -> None:
        """Deliver an event later, from the booth's own task."""
        self._to_report.append(event)
        self._check_wanted.set()


def _first(errors: BaseExceptionGroup[Exception]) -> Exception:
    """Return the first of several errors that ended a connection at once: groups keep the order of events."""
    error: Exception | BaseExceptionGroup[Exception] = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
