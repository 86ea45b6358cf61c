"""Connects one session to its WebSocket: moves frames, runs engine work, keeps time. Interprets no event.

One TaskGroup per connection holds the reader, the writer, the timer and all running engine work. The connection ends
when the first of reader, writer and timer ends; the other tasks are cancelled then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, assert_never

from aiohttp import WSCloseCode, WSMsgType, web

from emulator.clock import monotonic
from emulator.engine.base import Engine, EngineError, Heard, Spoken
from emulator.realtime.session import (
    Abandon,
    Abort,
    Close,
    EngineResult,
    Hear,
    Interpret,
    Note,
    Output,
    Overhear,
    Say,
    Session,
    Stall,
)

MAX_OUTBOX_BYTES = 32 * 1024 * 1024
"""Limit of unsent bytes. A client that does not read is disconnected beyond it."""
PING_TIMEOUT = "keepalive ping timeout"
"""Close reason as captured from the service."""
CLOSE_TIMEOUT_S = 2.0
"""Seconds to wait for the client's answer to a close."""


class JournalWriter(Protocol):
    """Records facts; times in them are `clock.monotonic()`."""

    def note(self, kind: str, **fields: object) -> None: ...


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """Ping interval and pong timeout; an interval of None disables pings."""

    interval_s: float | None = None
    timeout_s: float = 20.0


NO_KEEP_ALIVE = KeepAlive()


class ConnectionEnded(Exception):
    """Ends the connection's TaskGroup; not an error."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class RealtimeConnection:
    """One socket and its session."""

    def __init__(
        self,
        connection_id: str,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        session: Session,
        engine: Engine,
        journal: JournalWriter,
        keep_alive: KeepAlive = NO_KEEP_ALIVE,
    ) -> None:
        """Create the connection. `socket` must not answer pings by itself."""
        self.id = connection_id
        self._socket = socket
        self._transport = transport
        self._session = session
        self._engine = engine
        self._journal = journal
        self._keep_alive = keep_alive
        self._pong_came = asyncio.Event()
        self._closing: Close | None = None
        self._outbox: deque[str | bytes | Close | Abort] = deque()
        self._outbox_bytes = 0
        self._outbox_filled = asyncio.Event()
        self._deadline_changed = asyncio.Event()
        self._deadline: float | None = None
        self._reads_resume_at = self._writes_resume_at = 0.0
        self._works: dict[int, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup
        self._counters = {"frames_in": 0, "bytes_in": 0, "frames_out": 0, "bytes_out": 0}

    async def run(self) -> None:
        """Serve the session until either end closes. On cancellation the caller closes the socket."""
        code: int | None = None
        reason = "failed"  # unless it ends in order
        try:
            async with asyncio.TaskGroup() as self._group:
                self._perform(self._session.open(monotonic()))
                self._group.create_task(self._read(), name=f"{self.id} reader")
                self._group.create_task(self._write(), name=f"{self.id} writer")
                self._group.create_task(self._keep_time(), name=f"{self.id} timer")
                if self._keep_alive.interval_s is not None:
                    self._group.create_task(self._ping(self._keep_alive.interval_s), name=f"{self.id} pinger")
        except* ConnectionEnded as ended:
            first = ended.exceptions[0]
            assert isinstance(first, ConnectionEnded)
            code, reason = first.code, first.reason
        finally:
            self._journal.note(
                "realtime.closed",
                connection_id=self.id,
                session_id=self._session.id,
                code=code,
                reason=reason,
                **self._counters,
                **self._session.accounts(),
            )

    def close(self, code: int, reason: str) -> None:
        """Close the socket after everything that is queued has been sent."""
        self._put(Close(code, reason))

    def stop_reading(self, seconds: float) -> None:
        """Process nothing the client sends for this long; queued output is still sent."""
        self._reads_resume_at = monotonic() + seconds

    # -- effects

    def _perform(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            match output:
                case str() | bytes() | Close() | Abort():
                    self._put(output)
                case Hear(work, pcm, languages):
                    self._start_work(work, partial(self._engine.hear, pcm, languages))
                case Overhear(work, pcm, languages):
                    self._start_work(work, partial(self._engine.overhear, pcm, languages))
                case Interpret(work, heard, target, terms):
                    self._start_work(work, partial(self._engine.interpret, heard, target, terms))
                case Say(work, text, language):
                    self._start_work(work, partial(self._engine.say, text, language))
                case Abandon(work):
                    if (task := self._works.pop(work, None)) is not None:
                        task.cancel()
                case Note(kind, fields):
                    self._journal.note(kind, connection_id=self.id, session_id=self._session.id, **fields)
                case Stall(seconds, reads, writes):
                    resume_at = monotonic() + seconds
                    self._reads_resume_at = resume_at if reads else self._reads_resume_at
                    self._writes_resume_at = resume_at if writes else self._writes_resume_at
                case _:
                    assert_never(output)
        deadline = self._session.next_deadline()
        if deadline != self._deadline:
            self._deadline = deadline
            self._deadline_changed.set()

    def _put(self, output: str | bytes | Close | Abort) -> None:
        if isinstance(output, str | bytes):
            self._outbox_bytes += len(output)
            if self._outbox_bytes > MAX_OUTBOX_BYTES:
                self._journal.note("realtime.overflow", connection_id=self.id, bytes=self._outbox_bytes)
                self._outbox.clear()
                self._transport.abort()  # at once: a queued close would never be reached
                return
        self._outbox.append(output)
        self._outbox_filled.set()

    # -- tasks

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            if (wait := self._reads_resume_at - monotonic()) > 0:
                await asyncio.sleep(wait)
            if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
                self._counters["frames_in"] += 1
                self._counters["bytes_in"] += len(message.data)
                self._perform(self._session.receive(message.data, monotonic()))
            elif message.type is WSMsgType.PING:
                await self._answer(message.data)
            elif message.type is WSMsgType.PONG:
                self._pong_came.set()
            elif message.type is WSMsgType.ERROR:
                raise ConnectionEnded(self._socket.close_code, "protocol error")
            elif self._closing is not None:  # the client's answer to our close
                raise ConnectionEnded(self._closing.code, self._closing.reason)
            else:  # CLOSE, CLOSING, CLOSED
                raise ConnectionEnded(self._socket.close_code, "closed by the client")

    async def _answer(self, ping: bytes) -> None:
        try:
            await self._socket.pong(ping)
        except ConnectionError as error:
            raise ConnectionEnded(None, "lost") from error

    async def _ping(self, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            self._pong_came.clear()
            try:
                async with asyncio.timeout(self._keep_alive.timeout_s):
                    await self._socket.ping()
                    await self._pong_came.wait()
            except TimeoutError:
                await self._close(Close(WSCloseCode.INTERNAL_ERROR, PING_TIMEOUT))
            except ConnectionError as error:
                raise ConnectionEnded(None, "lost") from error

    async def _write(self) -> None:
        while True:
            while not self._outbox:
                self._outbox_filled.clear()
                await self._outbox_filled.wait()
            if (wait := self._writes_resume_at - monotonic()) > 0:
                await asyncio.sleep(wait)
            try:
                await self._send(self._outbox.popleft())
            except ConnectionError as error:
                raise ConnectionEnded(None, "lost") from error

    async def _send(self, output: str | bytes | Close | Abort) -> None:
        match output:
            case str():
                self._sent(len(output))
                await self._socket.send_str(output)
            case bytes():
                self._sent(len(output))
                await self._socket.send_bytes(output)
            case Close():
                await self._close(output)
            case Abort():
                self._transport.abort()
                raise ConnectionEnded(None, "aborted")

    def _sent(self, size: int) -> None:
        self._outbox_bytes -= size
        self._counters["frames_out"] += 1
        self._counters["bytes_out"] += size

    async def _close(self, close: Close) -> None:
        """Close the socket in order, then always raise ConnectionEnded."""
        self._closing = close
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._socket.close(code=close.code, message=close.reason.encode())
        except TimeoutError:
            self._transport.abort()
        raise ConnectionEnded(close.code, close.reason)

    async def _keep_time(self) -> None:
        while True:
            self._deadline_changed.clear()
            try:
                async with asyncio.timeout(self._until_deadline()):
                    await self._deadline_changed.wait()
            except TimeoutError:
                self._perform(self._session.tick(monotonic()))

    def _until_deadline(self) -> float | None:
        return None if self._deadline is None else max(0.0, self._deadline - monotonic())

    # -- engine work

    def _start_work(self, work: int, ask: Callable[[], Awaitable[Heard | Spoken]]) -> None:
        self._works[work] = self._group.create_task(self._work(work, ask), name=f"{self.id} engine work {work}")

    async def _work(self, work: int, ask: Callable[[], Awaitable[Heard | Spoken]]) -> None:
        try:
            result: EngineResult = await ask()
        except EngineError as error:
            result = error
        if self._works.pop(work, None) is not None:
            self._perform(self._session.completed(work, result, monotonic()))
