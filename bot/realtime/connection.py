"""RealtimeBooth: a lane's conversation session over a socket, opened, configured, renewed, replaced when lost.

The rules of a session live in `conversation.py`; here is only what needs an event loop.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import openai
import websockets.asyncio.client  # noqa: F401  (what the SDK would import in the middle of the first call)
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from bot.booth import BoothFactory, Deliver
from bot.interpreting.events import BoothLost, HearingDropped, InterpretationEnded, Outcome
from bot.interpreting.plan import Lane
from bot.queues import BacklogCounters, SpeechBacklog
from bot.realtime.conversation import APPEND_BYTES, ConversationProtocol
from bot.realtime.errors import INTERNAL, SessionError, renamed
from bot.realtime.messages import BYTES_PER_MS, ConversationSettings

if TYPE_CHECKING:
    from openai.types.websocket_connection_options import WebSocketConnectionOptions

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Audio deltas are 16 kB of JSON; the largest message repeats a whole answer as text."""

TOKEN_TIMEOUT_S = 10.0

RENEW_RETRY_S = 1.0
"""A session to be renewed that is not idle is looked at again after this."""


@dataclass(frozen=True, slots=True)
class BoothLimits:
    """How long a booth waits for what."""

    backlog_ms: int = 3_000
    """Audio the service has not taken, and how old it may get: older speech is worse than a gap (product page, 6)."""
    open_s: float = 10.0
    """To an open socket. The service needs 1.7 s at most, as far as anybody has measured."""
    configure_s: float = 3.0
    """From the open socket to `session.updated`; 0.2 s is usual, and what is said meanwhile keeps no longer."""
    write_s: float = 3.0
    """For the socket to take one message: as old as audio may get."""
    close_s: float = 1.0
    """For the service to answer our goodbye."""
    first_pause_s: float = 0.5
    longest_pause_s: float = 8.0
    """Between two attempts to connect: full jitter below a bound that doubles."""
    longest_retry_after_s: float = 60.0
    """A service that asks for more patience than this is asked again nevertheless: the meeting is now."""
    stable_s: float = 10.0
    """A session that lived this long was a good one: the next failure is a first failure again. Counting from
    `session.created`, as the SDK does, hammers a service that closes right after it."""
    refusals: int = 3
    """A key that was good and is refused may be good again in a moment; this many times in a row."""
    renew_before_s: float = 300.0
    """Renew a session at an idle moment this long before it would expire, or in its last quarter if it is short."""
    assumed_lifetime_s: float = 1_500.0
    """If `expires_at` is missing or makes no sense by our clock: one report has Azure closing after 30 minutes."""


# --- the client ----------------------------------------------------------------------------------


def build_client(endpoint: str, credential: str | Callable[[], Awaitable[str]]) -> AsyncOpenAI:
    """Build the client all booths share; whoever builds it closes it.

    Args:
        endpoint: of the Azure AI resource, `https://name.openai.azure.com`.
        credential: a key, or a function that returns an Entra token, asked on every connect.
    """
    base_url = endpoint.rstrip("/") + "/openai/v1/"
    if isinstance(credential, str):
        # The `api-key` header is known to work for both kinds of session; a key as bearer token, for one only.
        headers = cast("dict[str, str]", {"api-key": credential, "Authorization": openai.omit})  # as its docs say
        return _warm(AsyncOpenAI(base_url=base_url, api_key="unused", default_headers=headers, max_retries=0))
    provider = credential

    async def token() -> str:
        try:
            async with asyncio.timeout(TOKEN_TIMEOUT_S):
                return await provider()
        except Exception as error:  # whatever a credential library raises; the booth tries again
            raise SessionError("no_token", type(error).__name__) from error

    return _warm(AsyncOpenAI(base_url=base_url, api_key=token, max_retries=0))


def _warm(client: AsyncOpenAI) -> AsyncOpenAI:
    """Have the SDK find out now what machine this is: it starts a process for that, and would in the first call."""
    client.platform_headers()
    return client


def booth_factory(
    client: AsyncOpenAI,
    deployment: str,
    settings: ConversationSettings | None = None,
    limits: BoothLimits | None = None,
    rng: random.Random | None = None,
) -> BoothFactory:
    """Return what opens a booth for a lane.

    Args:
        deployment: name of the Realtime model's deployment.
        rng: spreads the attempts to reconnect.
    """
    limits = limits or BoothLimits()
    settings = settings or ConversationSettings()
    shared = _Shared(client, deployment, settings, limits, _socket_options(client, limits))
    jitter = rng or random.Random()

    def booth(lane: Lane, instructions: str, deliver: Deliver) -> RealtimeBooth:
        return RealtimeBooth(lane, instructions, deliver, shared=shared, rng=jitter)

    return booth


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all booths of the process have in common."""

    client: AsyncOpenAI
    deployment: str
    settings: ConversationSettings
    limits: BoothLimits
    socket_options: WebSocketConnectionOptions


def _socket_options(client: AsyncOpenAI, limits: BoothLimits) -> WebSocketConnectionOptions:
    options: dict[str, Any] = {
        "open_timeout": limits.open_s,
        "close_timeout": limits.close_s,
        "max_size": MAX_MESSAGE_BYTES,
        "compression": None,
        "proxy": None,
    }
    if client.base_url.scheme == "https":
        # One for all: reading the certificate store anew for each session costs milliseconds.
        options["ssl"] = ssl.create_default_context()
    return cast("WebSocketConnectionOptions", options)  # the SDK names a few, and passes on all


# --- the booth -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Session:
    """One connection and its protocol."""

    protocol: ConversationProtocol
    ended: asyncio.Future[None]
    """Resolved to end the session: a result to renew it, an exception when it is of no use any more."""
    configured_by: float = 0.0
    ready_at: float | None = None
    renew_at: float | None = None
    write_by: float | None = None

    def end(self, error: SessionError | None = None) -> None:
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)

    def close(self) -> None:
        """Leave nothing for the event loop to complain about, when something else ended the session first."""
        if not self.ended.cancel() and not self.ended.cancelled():
            self.ended.exception()


class RealtimeBooth:
    """Interprets one lane, one Realtime conversation session at a time.

    What happens to an utterance, exactly:

    - Its audio waits here until the session is configured and the socket takes it: at most 3 s of it, and none for
      longer than 3 s. Beyond that the oldest utterance is dropped as a whole, `HearingDropped` says so, and the rest
      of it, if still being spoken, is ignored. If part of it was sent already, the service is told to forget it.
    - Once any of its audio has been written to a session, the utterance lives and dies with that session. If the
      session is lost before the last word, `BoothLost.utterances` names it, and the rest of it is ignored. Audio is
      never sent twice.
    - An utterance none of which was sent when a session is lost stays, and goes to the next session, unless it gets
      too old first.
    - After `cancel` nothing more is reported about it, not even its loss.
    """

    def __init__(self, lane: Lane, instructions: str, deliver: Deliver, *, shared: _Shared, rng: random.Random) -> None:
        self._lane = lane
        self._instructions = instructions
        self._deliver = deliver
        self._shared = shared
        self._limits = shared.limits
        self._rng = rng
        self._backlog = SpeechBacklog(self._limits.backlog_ms * BYTES_PER_MS, max_age_s=self._limits.backlog_ms / 1000)
        self._session: _Session | None = None
        self._over = False
        self._notices: deque[HearingDropped | InterpretationEnded] = deque()
        """What `hear` and `interpret` found out: reported from our own task, since they are called by the room."""
        self._to_write = asyncio.Event()
        self._to_check = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None

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
        if self._backlog.size >= APPEND_BYTES:
            self._to_write.set()
        self._alarm_by(now + self._limits.backlog_ms / 1000)

    def interpret(self, utterance: str) -> None:
        if self._over or self._backlog.ignores(utterance):
            return
        if not self._backlog.complete(utterance):
            self._notice(InterpretationEnded(self._lane, utterance, Outcome.FAILED, "nothing_heard"))
        self._to_write.set()

    def cancel(self, utterance: str) -> None:
        self._backlog.forget(utterance)
        self._notices = deque(notice for notice in self._notices if notice.utterance != utterance)
        if self._session is not None:
            self._session.protocol.cancel(utterance)
            self._to_write.set()

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                watcher = group.create_task(self._watch(), name="booth watcher")
                await self._keep_connected()
                watcher.cancel()
        finally:
            self._over = True  # from here on nothing sets an alarm
            if self._alarm is not None:
                self._alarm.cancel()

    # --- sessions

    async def _keep_connected(self) -> None:
        """Hold a session until the service refuses us for good."""
        failures = refusals = 0
        was_ready = announced = False
        while True:
            session = self._new_session()
            lost: SessionError | None = None
            try:
                await self._hold(session)
            except* Exception as errors:
                lost = renamed(_first(errors))
            if session.ready_at is not None:
                was_ready, announced, refusals = True, False, 0
                if asyncio.get_running_loop().time() - session.ready_at >= self._limits.stable_s:
                    failures = 0
                    if lost is None:
                        continue  # renewed
            failures += 1
            if lost is not None:
                refusals += not lost.retryable
                final = not lost.retryable and (not was_ready or refusals >= self._limits.refusals)
                self._lose(session, lost, final=final, announce=not announced)
                announced = True
                if final:
                    return
            await asyncio.sleep(self._pause_s(failures, lost.retry_after_s if lost else None))

    def _new_session(self) -> _Session:
        protocol = ConversationProtocol(self._lane, self._instructions, self._shared.settings)
        return _Session(protocol, asyncio.get_running_loop().create_future())

    async def _hold(self, session: _Session) -> None:
        """Connect, serve, close. Returns when the session is to be renewed, raises when it is lost.

        Raises:
            Exception: one or more, whatever the SDK and the socket raise, as a group or alone.
        """
        loop = asyncio.get_running_loop()
        shared = self._shared
        connection = await shared.client.realtime.connect(
            model=shared.deployment, websocket_connection_options=shared.socket_options
        ).enter()
        try:
            session.configured_by = loop.time() + self._limits.configure_s
            self._session = session
            self._to_check.set()
            async with asyncio.TaskGroup() as group:
                reader = group.create_task(self._read(connection, session), name="booth reader")
                writer = group.create_task(self._write(connection, session), name="booth writer")
                await session.ended
                reader.cancel()
                writer.cancel()
        finally:
            self._session = None
            session.close()
            await _close(connection, self._limits.close_s)

    async def _read(self, connection: AsyncRealtimeConnection, session: _Session) -> None:
        """Only decode and hand on: a reader that waits for anything else gets the connection closed on it."""
        protocol = session.protocol
        while True:
            for event in protocol.receive(await connection.recv_bytes()):
                self._deliver(event)
            if protocol.has_data_to_send:
                self._to_write.set()
            if protocol.ready and session.ready_at is None:
                self._begin(session)

    async def _write(self, connection: AsyncRealtimeConnection, session: _Session) -> None:
        """Take audio from the backlog no sooner than the socket takes it from here."""
        protocol = session.protocol
        loop = asyncio.get_running_loop()
        while True:
            for message in protocol.data_to_send():
                session.write_by = loop.time() + self._limits.write_s
                self._alarm_by(session.write_by)
                await connection.send_raw(message)
                session.write_by = None
            piece = self._backlog.take(APPEND_BYTES) if protocol.ready else None
            if piece is not None:
                protocol.hear(piece.utterance, piece.pcm)
                if piece.last:
                    for event in protocol.interpret(piece.utterance, loop.time()):
                        self._deliver(event)
                    self._set_alarm()
            elif not protocol.has_data_to_send:
                self._to_write.clear()
                await self._to_write.wait()

    def _begin(self, session: _Session) -> None:
        """The session is configured: what was held may go, and its end is foreseeable."""
        session.ready_at = now = asyncio.get_running_loop().time()
        limits = self._limits
        expires_at = session.protocol.expires_at
        lifetime_s = expires_at - time.time() if expires_at is not None else 0.0
        if lifetime_s <= 0:
            lifetime_s = limits.assumed_lifetime_s
        session.renew_at = now + lifetime_s - min(limits.renew_before_s, lifetime_s / 4)
        self._to_write.set()
        self._set_alarm()

    def _lose(self, session: _Session, lost: SessionError, *, final: bool, announce: bool) -> None:
        utterances = session.protocol.unfinished()
        for utterance in utterances:
            self._backlog.forget(utterance)
        self._over = final
        logger.warning(
            "booth lost its session",
            extra={"code": lost.code, "target": self._lane.target, "final": final, "in_flight": len(utterances)},
            exc_info=lost if lost.code == INTERNAL else None,
        )
        if announce or final or utterances:
            self._deliver(BoothLost(self._lane, lost.code, utterances, final))

    def _pause_s(self, failures: int, retry_after_s: float | None) -> float:
        """Full jitter below a doubling bound, and never sooner than the service asked for."""
        limits = self._limits
        bound_s = min(limits.longest_pause_s, limits.first_pause_s * 2 ** min(failures - 1, 16))
        return max(self._rng.uniform(0, bound_s), min(retry_after_s or 0.0, limits.longest_retry_after_s))

    # --- time

    async def _watch(self) -> None:
        """Report what could not be kept, and notice what does not happen."""
        loop = asyncio.get_running_loop()
        while True:
            await self._to_check.wait()
            self._to_check.clear()
            now = loop.time()
            self._drop(self._backlog.overdue(now))
            while self._notices:
                self._deliver(self._notices.popleft())
            if self._session is not None:
                self._check(self._session, now)
            self._set_alarm()

    def _check(self, session: _Session, now: float) -> None:
        try:
            session.protocol.check(now)
        except SessionError as error:
            session.end(error)
        if session.ready_at is None and now >= session.configured_by:
            session.end(SessionError("unconfigured", "the service did not accept the configuration in time"))
        if session.write_by is not None and now >= session.write_by:
            session.end(SessionError("stalled", "the service does not read"))
        if session.renew_at is not None and now >= session.renew_at:
            if len(self._backlog) or session.protocol.unfinished():
                session.renew_at = now + RENEW_RETRY_S
            else:
                logger.info("booth renews its session", extra={"target": self._lane.target})
                session.end()

    def _set_alarm(self) -> None:
        """Have `_watch` look when the next deadline passes. Too early does no harm: it looks, and sets a new one."""
        deadlines = [self._backlog.deadline]
        session = self._session
        if session is not None:
            deadlines += [session.protocol.deadline, session.write_by, session.renew_at]
            if session.ready_at is None:
                deadlines.append(session.configured_by)
        next_deadline = min((at for at in deadlines if at is not None), default=None)
        if next_deadline is not None:
            self._alarm_by(next_deadline)

    def _alarm_by(self, at: float) -> None:
        if self._alarm is not None:
            if self._alarm.when() <= at:
                return
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(at, self._on_alarm)

    def _on_alarm(self) -> None:
        self._alarm = None
        self._to_check.set()

    def _drop(self, utterances: Iterable[str]) -> None:
        for utterance in utterances:
            if self._session is not None:
                self._session.protocol.cancel(utterance)
                self._to_write.set()
            self._notice(HearingDropped(self._lane, utterance, "model_backlog"))

    def _notice(self, notice: HearingDropped | InterpretationEnded) -> None:
        self._notices.append(notice)
        self._to_check.set()


def _first(errors: BaseExceptionGroup[Exception]) -> Exception:
    """One of several errors that ended a session at once: the first that happened is the first in its group."""
    error: Exception | BaseExceptionGroup[Exception] = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _close(connection: AsyncRealtimeConnection, limit_s: float) -> None:
    """Say goodbye, or hang up on a service that does not take it.

    The library bounds the closing handshake, but not the wait for a full write buffer before it. Called again after
    its deadline has passed, it aborts the connection.
    """
    try:
        async with asyncio.timeout(limit_s):
            await connection.close()
    except TimeoutError:
        await connection.close()
