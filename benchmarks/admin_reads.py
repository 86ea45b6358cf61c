"""Measures reads per second of the admin API on one core: deployed bot, real sockets, rooms in SQLite.

Integrators' dashboards poll many rooms every few seconds. Each read is an HTTP request with a key on a persistent
connection; requests are prebuilt bytes, so that the load costs less than the bot.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.line import Cores, ProgressCallback
from benchmarks.load import Load
from benchmarks.percentiles import Spread
from benchmarks.subjects import Bot, SubjectFailed

ROOMS = 100
CONNECTIONS = 8
WARM_UP_S = 1.0
TARGET_PER_S = 1_000
"""Target for reads of a single object, per second on one core."""
JUDGED = ("a room", "interpreter", "transcript")
KINDS = {
    "a room": "/api/rooms/{room_id}",
    "interpreter": "/api/rooms/{room_id}/interpreter",
    "transcript": "/api/rooms/{room_id}/transcript",
    "20 rooms": "/api/rooms?limit=20",
}


@dataclass(frozen=True, slots=True)
class AdminReads:
    """The result for a kind of read."""

    kind: str
    per_second: float
    delay_ms: Spread | None
    core_share: float
    """The bot's share of one core."""

    @property
    def per_core(self) -> float:
        """Return the reads per second of the bot's CPU time, independent of other load on the core."""
        return self.per_second / self.core_share if self.core_share else 0.0


async def measure(seconds: float, *, cores: Cores, folder: Path, report: ProgressCallback) -> list[AdminReads]:
    """Start the bot and read each kind for `seconds`, as fast as the bot answers.

    Raises:
        SubjectFailed: the bot did not start, or its status was not 200.
    """
    report("starting")
    async with Load({}) as load, Bot(load, folder, cores.subject) as bot:
        return await measure_bot(bot, seconds, report)


async def measure_bot(bot: Bot, seconds: float, report: ProgressCallback) -> list[AdminReads]:
    """Read each kind from a running bot; see `measure`."""
    rooms = [await bot.create_room(f"room {number}") for number in range(ROOMS)]
    found = []
    for kind, path in KINDS.items():
        report(kind)
        requests = [bot.request("GET", path.format(room_id=room_id)) for room_id in rooms]
        await read(bot.port, requests, WARM_UP_S)
        began, spent = time.monotonic(), _spent(bot.process)
        delays = await read(bot.port, requests, seconds)
        took = time.monotonic() - began
        share = (_spent(bot.process) - spent) / took
        found.append(AdminReads(kind, len(delays) / took, Spread.of(delays), share))
    return found


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def read(port: int, requests: Sequence[bytes], seconds: float) -> list[float]:
    """Send the requests in turn over CONNECTIONS connections; return the milliseconds from each to its whole answer.

    Raises:
        SubjectFailed: a status was not 200.
    """
    delays: list[float] = []
    until = time.monotonic() + seconds

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            turn = number
            while (sent := time.monotonic()) < until:
                writer.write(requests[turn % len(requests)])
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200"):
                    raise SubjectFailed(f"bot answered {head.splitlines()[0].decode()}")
                length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
                delays.append((time.monotonic() - sent) * 1000)
                turn += CONNECTIONS
        finally:
            writer.close()

    try:
        async with asyncio.TaskGroup() as group:
            for number in range(CONNECTIONS):
                group.create_task(one(number), name="reader")
    except ExceptionGroup as failures:  # the first failure ends all readers
        raise SubjectFailed(str(failures.exceptions[0])) from failures
    return delays
