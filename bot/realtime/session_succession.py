"""The sessions that serve a lane one after the other: opened, replaced when they expire or answer badly, given up.

The order of engines is in `engine_fallback.py`, pauses and retries in `reconnect_policy.py`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from zlib import crc32

from bot.booth import Deliver
from bot.interpreting.events import BoothDegraded, BoothEvent, InterpretationEnded
from bot.interpreting.lane_status import RESTORED
from bot.interpreting.plan import Lane
from bot.realtime.connection import ConnectionHost, RealtimeConnection
from bot.realtime.engine_fallback import Engine, EngineFallback
from bot.realtime.errors import QUOTA, SessionError, session_error
from bot.realtime.reconnect_policy import ReconnectPolicy
from bot.realtime.timeouts import BoothLimits

logger = logging.getLogger(__name__)


class SessionSuccession:
    """Keeps one lane connected.

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
        host: ConnectionHost,
        deliver: Deliver,
        lose: Callable[[RealtimeConnection, SessionError, bool, bool], None],
        fallback: EngineFallback,
        limits: BoothLimits,
        rng: random.Random,
        refused: str | None,
    ) -> None:
        """Args:
        host: what connections call.
        lose: takes a lost connection, why it was lost, whether to announce that in any case, and whether it is final.
        refused: why the best engine is known not to work; it is still tried later.
        """
        self.instructions = instructions
        self.pace = 1.0, False
        """Speed, and whether in fewer words, of what is interpreted before the end of an utterance."""
        self.current: RealtimeConnection | None = None
        """Gets the utterances that begin."""
        self.opening: RealtimeConnection | None = None
        """Replaces the current connection once it is configured."""
        self.retiring: list[RealtimeConnection] = []
        self.check_wanted = asyncio.Event()
        """Set when deadlines may have changed."""
        self._lane = lane
        self._host = host
        self._deliver = deliver
        self._lose = lose
        self._fallback = fallback
        self._limits = limits
        self._refused = refused
        self._policy = ReconnectPolicy(limits, rng)
        self._renewal_offset = crc32(f"{lane.speaker} {lane.target}".encode()) / 2**32
        """0 to 1: always the same for a lane, and different between lanes."""
        self._engines: dict[RealtimeConnection, Engine] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._ended: asyncio.Queue[tuple[RealtimeConnection, SessionError]] = asyncio.Queue()  # never more than two
        self._loss_reported = False
        self._succeeding = False
        """The engine's last session gave bad answers, and its successor has not given a good one yet."""
        self._trouble = ""
        """Why the lane is served worse than was asked for, as last reported."""

    @property
    def engine(self) -> str:
        """Name of the engine that serves the lane, or is being connected."""
        return self._fallback.engine.name

    def live(self) -> list[RealtimeConnection]:
        """Return all connections."""
        connections = [*self.retiring, self.current, self.opening]
        return [connection for connection in connections if connection is not None]

    @property
    def deadline(self) -> float | None:
        """When to `renew`."""
        if self.current is None or self.opening is not None:
            return None
        deadlines = (self.current.renew_at, self._fallback.restore_at)
        return min((at for at in deadlines if at is not None), default=None)

    # --- connected -----------------------------------------------------------------------------

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Connect again whenever the current session ends, until no engine is left that could serve the lane."""
        self._group = group
        if self._refused is not None:
            self._fall_back(self._refused, upgrade_refused=True)
        self._open()
        while True:
            connection, lost = await self._ended.get()
            engine = self._engines.pop(connection)
            if connection is self.opening:
                self.opening = None
                if self.current is not None:
                    self._replacement_failed(engine, lost)
                    continue
            elif connection is self.current:
                self.current = None
            ready_at = connection.ready_at
            lasted_s = None if ready_at is None else asyncio.get_running_loop().time() - ready_at
            soon = lasted_s is not None and lasted_s < self._limits.stable_s
            self._policy.failed(lasted_s, died=connection.health.died(soon=soon))
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
            self._lose(connection, lost, not self._loss_reported, final)
            self._loss_reported = True
            if final:
                for task in self._tasks:
                    task.cancel()
                return
            if self.opening is None:
                await asyncio.sleep(self._policy.pause_s(lost.retry_after_s, sick=self._policy.dying))
            if self.current is None and self.opening is None:  # unless a session that retires has led to one
                self._open()

    def configured(self, connection: RealtimeConnection) -> None:
        """Use a session that has opened; the one before it finishes what it has begun."""
        previous, self.current, self.opening = self.current, connection, None
        self._loss_reported = False
        self._policy.configured()
        engine = self._engines[connection]
        if engine is not self._fallback.engine:
            self._fallback.use(engine)
            self._policy.engine_changed()
            self._report_trouble(self._trouble)  # until it is seen to work
        if previous is not None:
            self.retiring.append(previous)
            previous.retire()
        self.check_wanted.set()

    def renew(self, now: float) -> None:
        """Open a session of a better engine that may be tried again, or one that follows a session about to expire."""
        current = self.current
        if current is None or self.opening is not None:
            return
        better = self._fallback.better(now)
        if better is not None:
            self._open(better)
        elif current.renew_at is not None and now >= current.renew_at:
            current.renew_at = None
            logger.info("session renewal started", extra={"target": self._lane.target})
            self._open()

    def _open(self, engine: Engine | None = None) -> None:
        """Connect to an engine; by default to the one in use."""
        assert self._group is not None
        engine = engine or self._fallback.engine
        session = engine.session(self.instructions)
        session.pace(speed=self.pace[0], condensed=self.pace[1])
        connection = RealtimeConnection(
            session,
            engine.health(),
            engine.connect,
            self._host,
            self._limits,
            renewal_offset=self._renewal_offset,
        )
        self.opening = connection
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
        if connection not in self.retiring:
            self._ended.put_nowait((connection, lost or SessionError("closed_1000", "the session has ended")))
            return
        self.retiring.remove(connection)
        del self._engines[connection]
        lost = lost or SessionError("retired", "the replaced session did not finish in time")
        self._lose(connection, lost, False, False)

    def _move_on(self, connection: RealtimeConnection, lost: SessionError) -> None:
        """Go on with the next engine."""
        self._lose(connection, lost, False, False)
        if self.opening is None:
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

    # --- health --------------------------------------------------------------------------------

    def judge(self, connection: RealtimeConnection, event: BoothEvent) -> bool:
        """Return whether a connection has answered well; leave an engine that has no quota."""
        good = connection.health.take(event, asyncio.get_running_loop().time())
        if isinstance(event, InterpretationEnded):
            out_of_quota = self._policy.out_of_quota(event.reason) and self.opening is None
            if out_of_quota and self._fall_back(QUOTA, opened=True):
                self._open()
        elif isinstance(event, BoothDegraded):
            self._trouble = event.reason
        return good

    def answered_well(self, connection: RealtimeConnection) -> None:
        """Note that the engine works, if it is the engine in use."""
        if connection is not self.current or self._engines[connection] is not self._fallback.engine:
            return
        self._policy.proved()
        self._fallback.proved()
        self._succeeding = False
        if self._trouble and self._fallback.is_best:
            self._report_trouble(RESTORED)

    def replace_if_sick(self, connection: RealtimeConnection) -> None:
        """Leave the current session if too many of its answers in a row were bad."""
        if connection is not self.current or self._engines[connection] is not self._fallback.engine:
            return
        enough = 1 if self._fallback.on_probation else self._limits.bad_answers
        if connection.health.bad >= enough and self.opening is None:
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
            self.check_wanted.set()
        else:
            self._succeeding = True
            self._report_trouble(reason)
            self._open()

    def _replacement_failed(self, engine: Engine, lost: SessionError) -> None:
        """Stay with the current session, and try again later."""
        now = asyncio.get_running_loop().time()
        logger.warning("replacement session failed", extra={"reason": lost.code, "engine": engine.name})
        assert self.current is not None
        if engine is not self._fallback.engine:
            self._fallback.refused_again(engine, now)
        elif self._succeeding and self._policy.gives_up_after(lost) and self._fall_back(lost.code):
            self._open()
        else:
            self._policy.failed()
            self.current.renew_at = now + self._policy.pause_s(lost.retry_after_s)
        self.check_wanted.set()


def _first(errors: BaseExceptionGroup[Exception]) -> Exception:
    """Return the first of several errors that ended a connection at once: groups keep the order of events."""
    error: Exception | BaseExceptionGroup[Exception] = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
