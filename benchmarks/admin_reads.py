"""How many reads per second the admin API answers on one core: the bot as deployed, real sockets, rooms in SQLite.

An integrator's dashboard polls: many rooms, every few seconds, beside the audio. Each read is one HTTP request with a
key, on a connection that is kept; the requests are prebuilt bytes, so that the load costs less than what it measures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.line import Cores, Report
from benchmarks.load import Load
from benchmarks.percentiles import Spread
from benchmarks.subjects import Bot, SubjectFailed

ROOMS = 100
CONNECTIONS = 8
WARM_UP_S = 1.0
TARGET_PER_S = 1_000
"""On one core: what the admin API is to reach for one thing."""
JUDGED = ("a room", "interpreter", "transcript")
KINDS = {
    "a room": "/api/rooms/{room_id}",
    "interpreter": "/api/rooms/{room_id}/interpreter",
    "transcript": "/api/rooms/{room_id}/transcript",
    "20 rooms": "/api/rooms?limit=20",
}


@dataclass(frozen=True, slots=True)
class AdminReads:
    """One kind of read."""

    kind: str
    per_second: float
    delay_ms: Spread | None
    core_share: float
    """Of one core, by the bot."""

    @property
    def per_core(self) -> float:
        """Reads in one second of the bot's own CPU time: what is left of a core to it does not matter."""
        return self.per_second / self.core_share if self.core_share else 0.0


async def measure(seconds: float, *, cores: Cores, folder: Path, report: Report) -> list[AdminReads]:
    """Each kind of read for so long, as fast as the bot answers.

    Raises:
        SubjectFailed: it did not start, or gave another answer than 200.
    """
    report("starting")
    async with Load({}) as load, Bot(load, folder, cores.subject) as bot:
        rooms = [await bot.create_room(f"room {number}") for number in range(ROOMS)]
        found = []
        for kind, path in KINDS.items():
            report(kind)
            requests = [bot.request("GET", path.format(room_id=room_id)) for room_id in rooms]
            await _read(bot.port, requests, WARM_UP_S)
            began, spent = time.monotonic(), _spent(bot.process)
            delays = await _read(bot.port, requests, seconds)
            took = time.monotonic() - began
            share = (_spent(bot.process) - spent) / took
            found.append(AdminReads(kind, len(delays) / took, Spread.of(delays), share))
    return found


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _read(port: int, requests: Sequence[bytes], seconds: float) -> list[float]:
    """Milliseconds from each request to its whole answer."""
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
    except ExceptionGroup as failures:  # one reader that fails ends them all: whoever measures is told of the first
        raise SubjectFailed(str(failures.exceptions[0])) from failures
    return delays
