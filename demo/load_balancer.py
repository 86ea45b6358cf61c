"""A TCP load balancer for one machine: connection by connection, bytes as they are, to a backend that takes them.

It looks at the first bytes only to be able to tell which door was asked for. A client may keep a connection and ask for
another door on it: whoever takes the webhooks may be dialled for media.
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
"""A backend that has not taken a connection by then is passed over."""
CHUNK = 65_536
HISTORY = 10_000


@dataclass(frozen=True, slots=True)
class Taken:
    """One connection."""

    at: float
    """`time.monotonic()`."""
    backend: str
    door: str
    """The first segment of the path that was asked for first: `media`, `webhooks`, `api`."""


class Balancer:
    """Round robin over backends, by name; an async context manager that listens on a free port.

    Attributes:
        port: where it listens.
        pinned: the backend that is tried first for every new connection; None for round robin.
        taken: which backend took which connection, in order; the oldest go.
        refused: connections that no backend took.
    """

    def __init__(self, backends: Mapping[str, int]) -> None:
        self.port = 0
        self.pinned: str | None = None
        self.taken: list[Taken] = []
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
            pass  # we are closing; the server asks its connections' tasks for their errors
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
        self.taken.append(Taken(time.monotonic(), name, _door(first)))
        del self.taken[:-HISTORY]
        downstream.write(first)
        try:
            async with asyncio.TaskGroup() as group:
                ways = [group.create_task(_copy(reader, downstream)), group.create_task(_copy(upstream, writer))]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:  # what one side has closed, the other has no use for
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


def _door(first: bytes) -> str:
    words = first.split(b" ", 2)
    path = words[1] if len(words) > 1 else b""
    return path.lstrip(b"/").split(b"/", 1)[0].decode(errors="replace")[:40]
