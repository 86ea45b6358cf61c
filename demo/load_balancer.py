"""Balances TCP connections over local backends without changing their bytes.

It reads the first bytes only to record the requested route. A client may reuse the connection for other routes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"
CONNECT_S = 1.0
"""Seconds to wait for a backend to accept a connection before the next one is tried."""
CHUNK = 65_536
HISTORY = 10_000


@dataclass(frozen=True, slots=True)
class BalancedConnection:
    """A connection and its backend."""

    at: float
    """`time.monotonic()`."""
    backend: str
    route: str
    """First path segment of the first request: `media`, `webhooks`, `api`."""


class LoadBalancer:
    """Distributes connections to named backends by round robin; an async context manager on a free port.

    Attributes:
        port: listening port.
        pinned: backend tried first for every new connection; None for round robin.
        connections: the latest HISTORY accepted connections, in order.
        refused: number of connections that no backend accepted.
    """

    def __init__(self, backends: Mapping[str, int]) -> None:
        self.port = 0
        self.pinned: str | None = None
        self.connections: list[BalancedConnection] = []
        self.refused = 0
        self._backends = dict(backends)
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._connections:
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._pass_on(reader, writer)
        except asyncio.CancelledError:
            pass  # closing; the server would report a cancelled connection task as an error
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first = await reader.read(CHUNK)
        except OSError:
            return
        found = await self._connect() if first else None
        if found is None:
            self.refused += bool(first)
            return
        name, (upstream, downstream) = found
        self.connections.append(BalancedConnection(time.monotonic(), name, _route(first)))
        del self.connections[:-HISTORY]
        downstream.write(first)
        try:
            async with asyncio.TaskGroup() as group:
                ways = [group.create_task(_copy(reader, downstream)), group.create_task(_copy(upstream, writer))]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:  # once one side has closed, the other is not needed
                    way.cancel()
        finally:
            with contextlib.suppress(OSError):
                downstream.close()

    async def _connect(self) -> tuple[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] | None:
        names = list(self._backends)
        self._turn += 1
        order = [names[(self._turn + number) % len(names)] for number in range(len(names))]
        if self.pinned is not None:
            order.sort(key=lambda name: name != self.pinned)
        for name in order:
            try:
                async with asyncio.timeout(CONNECT_S):
                    return name, await asyncio.open_connection(HOST, self._backends[name])
            except (OSError, TimeoutError):
                continue
        return None


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(CHUNK):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass  # reset by either side: the connection is over
    with contextlib.suppress(OSError):
        await writer.drain()


def _route(first: bytes) -> str:
    words = first.split(b" ", 2)
    path = words[1] if len(words) > 1 else b""
    return path.lstrip(b"/").split(b"/", 1)[0].decode(errors="replace")[:40]
