"""RealtimeBooth: serves a lane with a succession of Realtime sessions, on the best engine available.

The rules of a session are in `conversation_session.py` and `translation_session.py`, its socket in `connection.py`; how
one follows another is in `session_succession.py`. This module decides which session gets which audio.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.booth import Deliver
from bot.interpreting.events import BoothEvent, BoothLost, HearingDropped, InterpretationEnded, InterpretationOutcome
from bot.interpreting.plan import Lane
from bot.realtime.connection import RealtimeConnection
from bot.realtime.engine_fallback import EngineFallback
from bot.realtime.errors import INTERNAL, SessionError
from bot.realtime.messages import BYTES_PER_MS
from bot.realtime.session_base import RealtimeSession
from bot.realtime.session_succession import SessionSuccession
from bot.realtime.speech_backlog import BacklogCounters, SpeechBacklog
from bot.realtime.timeouts import BoothLimits

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _WaitingText:
    """A text that waits to be read aloud or interpreted."""

    utterance: str
    deadline: float
    reason: str
    """Why it has failed if it is not sent in time."""
    send: Callable[[RealtimeSession, float], list[BoothEvent]]
    """Gives it to a session, at a time."""
    answered: bool = False
    """The session is judged by the answer."""


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
        self._deliver = deliver
        self._limits = limits
        self._backlog = SpeechBacklog(limits.backlog_ms * BYTES_PER_MS, max_age_s=limits.backlog_ms / 1000)
        self._texts: deque[_WaitingText] = deque()
        self._sessions = SessionSuccession(
            lane, instructions, self, deliver, self._lose, fallback, limits, rng, refused
        )
        self._over = False
        self._to_report: deque[BoothEvent] = deque()
        """Events found while the room was calling this booth: delivered from the booth's own task."""
        self._check_wanted = self._sessions.check_wanted
        self._timer: asyncio.Handle | None = None
        self._timer_at = 0.0
        """Kept here because not every event loop returns a `TimerHandle` for a moment that has passed."""

    @property
    def engine(self) -> str:
        """Name of the engine that serves the lane, or is being connected."""
        return self._sessions.engine

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
            connection = next((one for one in self._sessions.live() if one.session.knows(utterance)), None)
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
        self._sessions.pace = speed, condensed
        for connection in self._sessions.live():
            connection.session.pace(speed=speed, condensed=condensed)

    def release(self, utterance: str) -> None:
        for connection in self._sessions.live():
            connection.session.release(utterance)
            connection.wake()

    def cancel(self, utterance: str) -> None:
        self._backlog.forget(utterance)
        self._to_report = deque(one for one in self._to_report if getattr(one, "utterance", None) != utterance)
        self._texts = deque(one for one in self._texts if one.utterance != utterance)
        self._cancel_in_sessions(utterance)

    def brief(self, instructions: str) -> None:
        self._sessions.instructions = instructions
        for connection in self._sessions.live():
            connection.session.brief(instructions)
            connection.wake()

    def say(self, utterance: str, text: str, language: str) -> None:
        self._send_text(
            utterance, "not_said", lambda session, now: session.say(utterance, text, language, now), answered=False
        )

    def translate(
        self, utterance: str, text: str, *, strict: bool = False, speed: float = 1.0, condensed: bool = False
    ) -> None:
        def send(session: RealtimeSession, now: float) -> list[BoothEvent]:
            return session.translate(utterance, text, now, strict=strict, speed=speed, condensed=condensed)

        self._send_text(utterance, "model_backlog", send, answered=True)

    def _send_text(
        self,
        utterance: str,
        reason: str,
        send: Callable[[RealtimeSession, float], list[BoothEvent]],
        *,
        answered: bool,
    ) -> None:
        if self._over:
            return
        if len(self._texts) >= self._limits.texts:
            self._report_failed(utterance, reason)
            return
        deadline = asyncio.get_running_loop().time() + self._limits.text_wait_s
        self._texts.append(_WaitingText(utterance, deadline, reason, send, answered))
        if self._sessions.current is not None:
            self._sessions.current.wake()
        self.check_by(deadline)

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                watcher = group.create_task(self._watch(), name="booth watcher")
                await self._sessions.run(group)
                watcher.cancel()
        finally:
            self._over = True  # from here on nothing sets a timer
            if self._timer is not None:
                self._timer.cancel()

    # --- connections

    def _serving(self) -> RealtimeConnection | None:
        """Return the connection that gets the next audio."""
        first = self._backlog.first
        return next(
            (one for one in self._sessions.retiring if first is not None and one.session.knows(first)),
            self._sessions.current,
        )

    def _lose(self, connection: RealtimeConnection, lost: SessionError, announce: bool, final: bool) -> None:
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
        good = self._sessions.judge(connection, event)
        self._deliver(event)
        if good:
            self._sessions.answered_well(connection)
        elif connection.health.bad:
            self._sessions.replace_if_sick(connection)

    def configured(self, connection: RealtimeConnection) -> None:
        self._sessions.configured(connection)

    def feed(self, connection: RealtimeConnection) -> bool:
        session = connection.session
        if not session.ready:
            return False
        now = asyncio.get_running_loop().time()
        if connection is self._sessions.current and self._texts:
            text = self._texts.popleft()
            if text.answered:
                connection.health.asked(text.utterance, now)
                self.check_by(now + self._limits.answer_s)
            for event in text.send(session, now):
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
            if self._sessions.current is not None:
                self._sessions.current.wake()  # the next utterance may belong to the replacement
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
                late = self._texts.popleft()
                self._report_failed(late.utterance, late.reason)
            while self._to_report:
                self._deliver(self._to_report.popleft())
            for connection in self._sessions.live():
                connection.check(now)
                connection.health.check(now)
                self._sessions.replace_if_sick(connection)
            self._sessions.renew(now)
            self._set_timer()

    def _set_timer(self) -> None:
        """Have `_watch` check at the next deadline. A check too early does no harm: it sets the timer again."""
        deadlines = [self._backlog.deadline, self._sessions.deadline]
        for connection in self._sessions.live():
            deadlines += [connection.deadline, connection.health.deadline]
        if self._texts:
            deadlines.append(self._texts[0].deadline)
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
        for connection in self._sessions.live():
            connection.session.cancel(utterance)
            connection.health.forget(utterance)
            connection.wake()

    def _report_failed(self, utterance: str, reason: str) -> None:
        self._report(InterpretationEnded(self._lane, utterance, InterpretationOutcome.FAILED, reason))

    def _report(self, event: BoothEvent) -> None:
        """Deliver an event later, from the booth's own task."""
        self._to_report.append(event)
        self._check_wanted.set()
