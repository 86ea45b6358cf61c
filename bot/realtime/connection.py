"""One Realtime session over a socket: its reader, its writer, its deadlines.

The session (`session_base.RealtimeSession`) knows what messages mean; the booth decides which audio it gets and what
happens when it ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Protocol

from bot.interpreting.events import BoothEvent
from bot.realtime.client import Connect, ModelSocket
from bot.realtime.errors import SessionError
from bot.realtime.session_base import RealtimeSession
from bot.realtime.session_health import SessionHealth
from bot.realtime.timeouts import BoothLimits

UNREAD_ENDS = frozenset({"stalled", "unread", "unacknowledged", "unconfigured"})
"""Codes of ends at which the service does not read: the socket is aborted without a closing handshake, so that unsent
audio is dropped."""


class ConnectionHost(Protocol):
    """What a connection calls in its booth."""

    def deliver(self, connection: RealtimeConnection, event: BoothEvent) -> None: ...

    def feed(self, connection: RealtimeConnection) -> bool:
        """Give the connection's session its next piece of work; False if there is none."""
        ...

    def configured(self, connection: RealtimeConnection) -> None:
        """Take note that the connection's session is configured."""
        ...

    def check_by(self, at: float) -> None:
        """Call `check` at this time at the latest (loop time, seconds)."""
        ...


class RealtimeConnection:
    """Serves one session, once. Times are the event loop's, in seconds."""

    def __init__(
        self,
        session: RealtimeSession,
        health: SessionHealth,
        connect: Connect,
        host: ConnectionHost,
        limits: BoothLimits,
        *,
        renewal_offset: float = 0.0,
    ) -> None:
        """`renewal_offset`: 0 to 1, the share of `renew_spread` by which the session is replaced earlier."""
        self._renewal_offset = renewal_offset
        self.session = session
        self.health = health
        self.ready_at: float | None = None
        self.renew_at: float | None = None
        self.retire_by: float | None = None
        """Set once another connection has replaced this one."""
        self._connect = connect
        self._host = host
        self._limits = limits
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._over: asyncio.Future[None] = loop.create_future()
        """Resolved to end the session: with a result when its work is done, with an exception when it is lost."""
        self._open = False
        self._configured_by = 0.0
        self._write_by: float | None = None
        self._to_write = asyncio.Event()
        self._unread_since: float | None = None
        """When the oldest audio was heard that was sent and whose reading was not confirmed by a pong."""
        self._unread_sent_at = 0.0
        self._sent_since: float | None = None
        """When the oldest audio was heard that was sent after the ping under way."""
        self._pinging = False
        self._ping_at = 0.0
        self._ping_check_at: float | None = None
        """When `check` looks for a ping that is due."""

    # --- life

    async def serve(self) -> None:
        """Connect, serve, close. Returns when the session's work is done, raises when the session is lost.

        Raises:
            Exception: whatever the SDK and the socket raise, alone or several in a group.
        """
        try:
            socket = await self._connect()
        except BaseException:
            self._over.cancel()
            raise
        unread = False
        try:
            self._open = True
            self._configured_by = self._clock() + self._limits.configure_s
            self._host.check_by(self._configured_by)
            async with asyncio.TaskGroup() as group:
                reader = group.create_task(self._read(socket), name="booth reader")
                writer = group.create_task(self._write(socket), name="booth writer")
                try:
                    await self._over
                except SessionError as error:
                    unread = error.code in UNREAD_ENDS
                    raise
                reader.cancel()
                writer.cancel()
        finally:
            self._open = False
            if not self._over.cancel() and not self._over.cancelled():
                self._over.exception()  # retrieved, or the event loop would log it as never retrieved
            if unread:
                socket.abort()
            await socket.close(self._limits.close_s)

    def end(self, error: SessionError | None = None) -> None:
        if self._over.done():
            return
        if error is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(error)

    def wake(self) -> None:
        """Have the writer look for something to write."""
        self._to_write.set()

    def retire(self) -> None:
        """Finish the utterances that have begun: another connection has replaced this one."""
        now = self._clock()
        self.retire_by = now + self._limits.retire_s
        self.session.retire(now)
        self.wake()
        self._host.check_by(now)

    async def _read(self, socket: ModelSocket) -> None:
        """Read, decode and deliver, and wait for nothing else: pings are answered only while something reads."""
        session = self.session
        while True:
            data = await socket.receive()
            for event in session.receive(data, self._clock()):
                self._host.deliver(self, event)
            if session.has_data_to_send:
                self._to_write.set()
            if session.ready and self.ready_at is None:
                self._begin()
            if self.retire_by is not None and session.finished:
                self.end()

    def _begin(self) -> None:
        """Note that the session is configured, and plan its renewal."""
        self.ready_at = now = self._clock()
        limits = self._limits
        expires_at = self.session.expires_at
        lifetime_s = expires_at - time.time() if expires_at is not None else 0.0
        if lifetime_s <= 0:
            lifetime_s = limits.assumed_lifetime_s
        before_s = min(limits.renew_before_s, lifetime_s / 4) * (1 + self._renewal_offset * limits.renew_spread)
        self.renew_at = now + lifetime_s - before_s
        self._to_write.set()
        self._host.check_by(self.renew_at)
        self._host.configured(self)

    async def _write(self, socket: ModelSocket) -> None:
        """Take audio from the booth only when the socket can take it, so that audio waits where it can be dropped."""
        session = self.session
        while True:
            for message in session.data_to_send():
                self._write_by = self._clock() + self._limits.write_s
                self._host.check_by(self._write_by)
                await socket.send(message)
                self._write_by = None
            if self._ping_due(self._clock()):
                await self._ping(socket)
            elif not self._host.feed(self) and not session.has_data_to_send:
                self._to_write.clear()
                await self._to_write.wait()

    # --- does the service read?

    def note_sending(self, since: float) -> None:
        """Note that speech is about to be sent, the oldest of it heard at `since`."""
        now = self._clock()
        if self._unread_since is None:
            self._unread_since, self._unread_sent_at = since, now
            self._host.check_by(self._unread_by())
        elif self._pinging and self._sent_since is None:
            self._sent_since = since
        if not self._pinging:
            self._want_ping(now)

    def _want_ping(self, now: float) -> None:
        if self._ping_check_at is None:
            self._ping_check_at = max(now, self._ping_at)
            self._host.check_by(self._ping_check_at)

    def _unread_by(self) -> float:
        assert self._unread_since is not None
        limits = self._limits
        return max(self._unread_since + limits.unread_s, self._unread_sent_at + limits.unread_least_s)

    def _ping_due(self, now: float) -> bool:
        return self._unread_since is not None and not self._pinging and now >= self._ping_at

    async def _ping(self, socket: ModelSocket) -> None:
        """Have the service confirm by a pong that it reads.

        Appends are not acknowledged, and sent audio may lie in buffers, ours and the service's, for minutes.
        """
        self._pinging = True
        self._ping_at = self._clock() + self._limits.ping_every_s
        pong: Awaitable[float] = await socket.ping()
        asyncio.ensure_future(pong).add_done_callback(self._on_pong)

    def _on_pong(self, pong: asyncio.Future[float]) -> None:
        if pong.cancelled() or pong.exception() is not None:
            return  # the connection is lost, and its reader reports that
        self._pinging = False
        self._unread_since, self._sent_since = self._sent_since, None
        self._unread_sent_at = self._clock()
        if self._unread_since is not None:
            self._want_ping(self._clock())

    # --- time

    @property
    def deadline(self) -> float | None:
        """When `check` has to be called next; None if there is nothing to check."""
        if not self._open:
            return None
        moments = [self.session.deadline if self.ready_at is not None else self._configured_by]
        moments += [self._write_by, self.retire_by, self._ping_check_at]
        if self._unread_since is not None:
            moments.append(self._unread_by())
        return min((at for at in moments if at is not None), default=None)

    def check(self, now: float) -> None:
        """End the session if an answer is overdue, and do what is due."""
        if not self._open:
            return
        try:
            if self.ready_at is not None:
                for event in self.session.check(now):
                    self._host.deliver(self, event)
        except SessionError as error:
            self.end(error)
        ping_due = self._ping_check_at is not None and now >= self._ping_check_at
        if ping_due:
            self._ping_check_at = None
        if ping_due or self.session.has_data_to_send:
            self._to_write.set()
        if self.ready_at is None and now >= self._configured_by:
            self.end(SessionError("unconfigured", "the service did not accept the configuration in time"))
        if self._write_by is not None and now >= self._write_by:
            self.end(SessionError("stalled", "the service does not read"))
        if self._unread_since is not None and now >= self._unread_by():
            self.end(SessionError("unread", "the service does not confirm that it reads"))
        if self.retire_by is not None and (self.session.finished or now >= self.retire_by):
            self.end()
