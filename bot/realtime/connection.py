"""One Realtime session over a socket: its reader, its writer, its deadlines. What it means is its protocol's business,
whose audio it gets and what becomes of it when it ends is the booth's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Protocol

from bot.interpreting.events import BoothEvent
from bot.realtime.client import Connect, ModelSocket
from bot.realtime.errors import SessionError
from bot.realtime.session_base import RealtimeSession
from bot.realtime.timeouts import BoothLimits

HOPELESS = frozenset({"stalled", "unread", "unacknowledged", "unconfigured"})
"""A service that ends a session like this does not read: no use in a goodbye, and what is unsent is to be dropped."""


class ConnectionHost(Protocol):
    """What a session asks of its booth."""

    def deliver(self, event: BoothEvent) -> None: ...

    def feed(self, session: RealtimeConnection) -> bool:
        """Give the session's protocol the next piece of work, if there is any for it."""
        ...

    def begun(self, session: RealtimeConnection) -> None:
        """The session is configured."""
        ...

    def alarm_by(self, at: float) -> None:
        """See that `check` is called then."""
        ...


class RealtimeConnection:
    """Serves once. Times are the event loop's, in seconds."""

    def __init__(
        self,
        protocol: RealtimeSession,
        connect: Connect,
        host: ConnectionHost,
        limits: BoothLimits,
        *,
        haste: float = 0.0,
    ) -> None:
        """`haste`: 0 to 1, how much of the spread it is to be succeeded earlier."""
        self._haste = haste
        self.protocol = protocol
        self.ready_at: float | None = None
        self.renew_at: float | None = None
        self.retire_by: float | None = None
        """Set when another has taken its place."""
        self._connect = connect
        self._host = host
        self._limits = limits
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._over: asyncio.Future[None] = loop.create_future()
        """Resolved to end the session: a result when it has done its work, an exception when it is of no use."""
        self._open = False
        self._configured_by = 0.0
        self._write_by: float | None = None
        self._to_write = asyncio.Event()
        self._unread_since: float | None = None
        """When the oldest audio was heard that was sent and not confirmed to be read."""
        self._unread_sent_at = 0.0
        self._sent_since: float | None = None
        """The same of what was sent after the ping that is on its way."""
        self._pinging = False
        self._ping_at = 0.0
        self._ping_alarm_at: float | None = None
        """When `check` is to look for a ping that is due."""

    # --- life

    async def serve(self) -> None:
        """Connect, serve, close. Returns when the session has done its work, raises when it is lost.

        Raises:
            Exception: one or more, whatever the SDK and the socket raise, as a group or alone.
        """
        try:
            socket = await self._connect()
        except BaseException:
            self._over.cancel()
            raise
        hopeless = False
        try:
            self._open = True
            self._configured_by = self._clock() + self._limits.configure_s
            self._host.alarm_by(self._configured_by)
            async with asyncio.TaskGroup() as group:
                reader = group.create_task(self._read(socket), name="booth reader")
                writer = group.create_task(self._write(socket), name="booth writer")
                try:
                    await self._over
                except SessionError as error:
                    hopeless = error.code in HOPELESS
                    raise
                reader.cancel()
                writer.cancel()
        finally:
            self._open = False
            if not self._over.cancel() and not self._over.cancelled():
                self._over.exception()  # looked at, or the event loop would complain
            if hopeless:
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
        """There is something to write."""
        self._to_write.set()

    def retire(self) -> None:
        """Another has taken its place: finish what has begun."""
        now = self._clock()
        self.retire_by = now + self._limits.retire_s
        self.protocol.retire(now)
        self.wake()
        self._host.alarm_by(now)

    async def _read(self, socket: ModelSocket) -> None:
        """Only decode and hand on: a reader that waits for anything else gets the connection closed on it."""
        protocol = self.protocol
        while True:
            data = await socket.receive()
            for event in protocol.receive(data, self._clock()):
                self._host.deliver(event)
            if protocol.has_data_to_send:
                self._to_write.set()
            if protocol.ready and self.ready_at is None:
                self._begin()
            if self.retire_by is not None and protocol.finished:
                self.end()

    def _begin(self) -> None:
        """The session is configured, and its end is foreseeable."""
        self.ready_at = now = self._clock()
        limits = self._limits
        expires_at = self.protocol.expires_at
        lifetime_s = expires_at - time.time() if expires_at is not None else 0.0
        if lifetime_s <= 0:
            lifetime_s = limits.assumed_lifetime_s
        before_s = min(limits.renew_before_s, lifetime_s / 4) * (1 + self._haste * limits.renew_spread)
        self.renew_at = now + lifetime_s - before_s
        self._to_write.set()
        self._host.alarm_by(self.renew_at)
        self._host.begun(self)

    async def _write(self, socket: ModelSocket) -> None:
        """Take audio from the booth no sooner than the socket takes it from here."""
        protocol = self.protocol
        while True:
            for message in protocol.data_to_send():
                self._write_by = self._clock() + self._limits.write_s
                self._host.alarm_by(self._write_by)
                await socket.send(message)
                self._write_by = None
            if self._ping_due(self._clock()):
                await self._ping(socket)
            elif not self._host.feed(self) and not protocol.has_data_to_send:
                self._to_write.clear()
                await self._to_write.wait()

    # --- is it read?

    def sends(self, since: float) -> None:
        """Speech is about to be sent, the oldest of it heard at `since`."""
        now = self._clock()
        if self._unread_since is None:
            self._unread_since, self._unread_sent_at = since, now
            self._host.alarm_by(self._unread_by())
        elif self._pinging and self._sent_since is None:
            self._sent_since = since
        if not self._pinging:
            self._want_ping(now)

    def _want_ping(self, now: float) -> None:
        if self._ping_alarm_at is None:
            self._ping_alarm_at = max(now, self._ping_at)
            self._host.alarm_by(self._ping_alarm_at)

    def _unread_by(self) -> float:
        assert self._unread_since is not None
        limits = self._limits
        return max(self._unread_since + limits.unread_s, self._unread_sent_at + limits.unread_least_s)

    def _ping_due(self, now: float) -> bool:
        return self._unread_since is not None and not self._pinging and now >= self._ping_at

    async def _ping(self, socket: ModelSocket) -> None:
        """Have it confirmed that what was sent is read: appends are not acknowledged, and what is merely sent may lie
        in buffers, ours and the service's, for minutes."""
        self._pinging = True
        self._ping_at = self._clock() + self._limits.ping_every_s
        pong: Awaitable[float] = await socket.ping()
        asyncio.ensure_future(pong).add_done_callback(self._on_pong)

    def _on_pong(self, pong: asyncio.Future[float]) -> None:
        if pong.cancelled() or pong.exception() is not None:
            return  # the connection is gone, and its reader knows
        self._pinging = False
        self._unread_since, self._sent_since = self._sent_since, None
        self._unread_sent_at = self._clock()
        if self._unread_since is not None:
            self._want_ping(self._clock())

    # --- time

    @property
    def deadline(self) -> float | None:
        """When `check` is to be called."""
        if not self._open:
            return None
        moments = [self.protocol.deadline if self.ready_at is not None else self._configured_by]
        moments += [self._write_by, self.retire_by, self._ping_alarm_at]
        if self._unread_since is not None:
            moments.append(self._unread_by())
        return min((at for at in moments if at is not None), default=None)

    def check(self, now: float) -> None:
        """Notice what does not happen, and let happen what is due."""
        if not self._open:
            return
        try:
            if self.ready_at is not None:
                for event in self.protocol.check(now):
                    self._host.deliver(event)
        except SessionError as error:
            self.end(error)
        ping_due = self._ping_alarm_at is not None and now >= self._ping_alarm_at
        if ping_due:
            self._ping_alarm_at = None
        if ping_due or self.protocol.has_data_to_send:
            self._to_write.set()
        if self.ready_at is None and now >= self._configured_by:
            self.end(SessionError("unconfigured", "the service did not accept the configuration in time"))
        if self._write_by is not None and now >= self._write_by:
            self.end(SessionError("stalled", "the service does not read"))
        if self._unread_since is not None and now >= self._unread_by():
            self.end(SessionError("unread", "the service does not confirm that it reads"))
        if self.retire_by is not None and (self.protocol.finished or now >= self.retire_by):
            self.end()
