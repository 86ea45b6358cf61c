"""Measures how many people an emulator carries on one core: all speak at once, over real media sockets.

    python -m benchmarks.emulator_load [--rooms 50] [--speakers 4] [--seconds 10]

The emulator runs in a process on the second core; this process receives its frames on the first. Frames of a socket are
due every 20 ms; the lateness of a frame is relative to the earliest one.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
import uvloop
from rich.console import Console

from benchmarks import table
from benchmarks.line import Cores
from benchmarks.media_sink import Arrivals, Sink, running_sink
from benchmarks.percentiles import FRAME_MS, Spread
from emulator.engine.scripted import BODY_LEVEL, tone

ROOMS, SPEAKERS, SECONDS = 50, 4, 10.0
LATE_MS = 10.0
"""Target for the 99th percentile in milliseconds: half a frame."""
WARM_UP_S = 2.0
_ROOT = Path(__file__).parent.parent
_READY_S = 60.0
_CALLING, _ROOM, _IDENTITY = "api-version=2025-06-15", "api-version=2025-03-13", "api-version=2023-10-01"


@dataclass(frozen=True, slots=True)
class EmulatorLoad:
    """The result of a run."""

    rooms: int
    participants: int
    seconds: float
    frames: int
    missing: int
    """Frames due in that time that did not arrive."""
    lateness: Spread | None
    """Milliseconds."""
    core_share: float


async def measure(
    seconds: float = SECONDS,
    *,
    rooms: int = ROOMS,
    speakers: int = SPEAKERS,
    cores: Cores | None = None,
    report: Callable[[str], None] = lambda text: None,
) -> EmulatorLoad:
    """Let everybody speak for `seconds`. `cores` pins the emulator; this process is not moved."""
    async with running_sink() as sink, _emulator(cores.subject if cores else None) as (process, url):
        report("joining")
        async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=16)) as http:
            await _fill(http, sink, rooms, speakers)
        async with asyncio.timeout(_READY_S):
            while len(sink.sockets) < rooms:  # noqa: ASYNC110 - sockets come as they are dialled
                await asyncio.sleep(0.1)
        await asyncio.sleep(WARM_UP_S)
        report("measuring")
        begins, spent = time.monotonic(), sum(process.cpu_times()[:2])
        await asyncio.sleep(seconds)
        ends, spent = time.monotonic(), sum(process.cpu_times()[:2]) - spent
    return judge(sink.sockets, begins, ends, speakers, spent / (ends - begins))


def judge(sockets: Sequence[Arrivals], begins: float, ends: float, speakers: int, core_share: float) -> EmulatorLoad:
    """Compute the result from the frames that arrived between `begins` and `ends`."""
    lateness: list[float] = []
    frames = missing = 0
    for socket in sockets:
        came = [count for at, count in zip(socket.at, socket.frames, strict=True) if begins <= at < ends]
        ticks = np.cumsum(socket.frames) / speakers
        at_ms = np.array(socket.at) * 1000
        late = at_ms - ticks * FRAME_MS
        inside = (np.array(socket.at) >= begins) & (np.array(socket.at) < ends)
        if inside.any():
            late = late[inside] - late[inside].min()
            lateness += np.repeat(late, came).tolist()
        frames += sum(came)
        missing += max(0, round((ends - begins) * 1000 / FRAME_MS) * speakers - sum(came) - speakers)
    return EmulatorLoad(
        len(sockets), len(sockets) * speakers, ends - begins, frames, missing, Spread.of(lateness), core_share
    )


def show(screen: Console, found: EmulatorLoad) -> None:
    """Print the result with its targets."""
    title = f"the emulator alone: {found.participants} people speak in {found.rooms} rooms, one core"
    shown = table.new_table(title, "", "emulator", "target", "")
    late = found.lateness
    spread = "" if late is None else f"{late.p50:.1f} / {late.p95:.1f} / {late.p99:.1f}"
    in_time = None if late is None else late.p99 <= LATE_MS
    shown.add_row("lateness of frames, ms  p50 / p95 / p99", spread, f"≤ {LATE_MS:.0f}", table.mark(in_time))
    shown.add_row("frames a second", f"{found.frames / found.seconds:.0f}", "", "")
    shown.add_row(
        "missing frames", f"{found.missing} of {found.frames + found.missing}", "0", table.mark(not found.missing)
    )
    shown.add_row("of a core", f"{found.core_share:.0%}", "", "")
    screen.print(shown)


@asynccontextmanager
async def _emulator(core: int | None) -> AsyncIterator[tuple[psutil.Process, str]]:
    """Run an emulator on a core; yield its process and the URL of its ACS side."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "emulator", "--engine", "scripted", "--acs-port", "0", "--realtime-port", "0"),
        *("--log-level", "error", "--switch", "alone_limit_s=600"),
        cwd=_ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    try:
        process = psutil.Process(child.pid)
        if core is not None:
            process.cpu_affinity([core])
        url = ""
        async with asyncio.timeout(_READY_S):
            while not (line := (await child.stdout.readline()).decode()).startswith("Realtime: "):
                if line.startswith("ACS: "):
                    url = line.removeprefix("ACS: ").strip()
        yield process, url
    finally:
        if child.returncode is None:
            child.terminate()
        await child.communicate()


async def _fill(http: aiohttp.ClientSession, sink: Sink, rooms: int, speakers: int) -> None:
    """Create the calls, each with a bot whose media socket is the sink."""
    token = (await _post(http, "/emulator/tokens", {}))["access_token"]
    http.headers["Authorization"] = f"Bearer {token}"
    speech = base64.b64encode(tone(440, 5_000, BODY_LEVEL)).decode()
    for _ in range(rooms):
        asked = [_post(http, f"/identities?{_IDENTITY}", {"createTokenWithScopes": ["voip"]}) for _ in range(speakers)]
        people = await asyncio.gather(*asked)
        roster = {each["identity"]["id"]: {"role": "Presenter"} for each in people}
        room = (await _post(http, f"/rooms?{_ROOM}", {"participants": roster}))["id"]
        for each in people:
            robot = {"token": each["accessToken"]["token"], "pcm_base64": speech, "loop": True}
            await _post(http, f"/emulator/rooms/{room}/robots", robot)
        bot = {
            "callLocator": {"kind": "roomCallLocator", "roomId": room},
            "callbackUri": f"http://127.0.0.1:{sink.port}/callbacks",
            "mediaStreamingOptions": {
                "transportUrl": f"ws://127.0.0.1:{sink.port}/media",
                "transportType": "websocket",
                "contentType": "audio",
                "audioChannelType": "unmixed",
                "audioFormat": "pcm24KMono",
                "startMediaStreaming": True,
            },
        }
        await _post(http, f"/calling/callConnections:connect?{_CALLING}", bot)


async def _post(http: aiohttp.ClientSession, path: str, body: object) -> Any:
    async with http.post(path, json=body) as answer:
        answer.raise_for_status()
        return await answer.json()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.emulator_load")
    parser.add_argument("--rooms", type=int, default=ROOMS)
    parser.add_argument("--speakers", type=int, default=SPEAKERS, help="in each room, four at most are streamed")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    read = parser.parse_args(arguments)
    cores = Cores.of_this_machine()
    if cores.load is not None:
        os.sched_setaffinity(0, {cores.load})
    found = uvloop.run(measure(read.seconds, rooms=read.rooms, speakers=read.speakers, cores=cores))
    show(table.console(), found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
