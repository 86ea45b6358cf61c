"""Measures what an audience costs: caption readers and Opus listeners of one room, beside a bare fan-out program.

Both programs hand on the same speech to as many listeners (`audience`); the floor is `fan_out`. With the bot, people
talk in `CALLS` calls meanwhile, first without listeners and then beside them: what their interpretations' pacing
jitter becomes is what an audience costs everybody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table

from benchmarks.audience import Audience, Refused
from benchmarks.line import DRAIN_S, WARM_UP_S, Cores, Meter, ProgressCallback
from benchmarks.load import Load
from benchmarks.percentiles import Spread, percentile
from benchmarks.speech import LANGUAGES
from benchmarks.subjects import Bot, MeasuredProcess, SubjectFailed
from demo.processes import free_ports
from listeners.audio_frames import FRAME_MS, PayloadFormat, encode_frame, pcm_bytes

READERS, LISTENERS = 2_000, 500
CALLS = 5
"""Calls with people who talk, whose pacing is measured."""
PAUSE_MS = 1_200
"""Between sentences of the one who speaks to the audience."""
PER_TICKET = 4
"""Sockets of one ticket."""
PER_ADDRESS = 1_000
"""Connections from each of our local addresses; 2,000 are admitted from one."""
TARGET_MS = 50.0
TARGET_KB = 60.0
TARGET_RATIO = 1.1
KB = 1_000


@dataclass(frozen=True, slots=True)
class Listeners:
    """The result of a program. Spreads are in milliseconds; None if not measured."""

    subject: str
    readers: int
    listeners: int
    seconds: float
    late: Spread | None
    """Frames of audio, from when they were due to when a listener had them."""
    after_first: Spread | None
    """Captions, from when the first reader had one to when another had it."""
    lost: int
    """Frames that a listener missed between its first and its last."""
    kb_each: float
    """Memory of a listener who waits; of the mean of both kinds."""
    cpu_us_per_frame: float
    """CPU time of the process for each frame at each listener, less what it takes without them; captions included."""
    core_share: float
    load_late_p99_ms: float
    """Lateness of the load itself, which is part of all delays."""
    quiet_jitter: Spread | None = None
    """Of the calls beside, without listeners."""
    jitter: Spread | None = None

    @property
    def jitter_ratio(self) -> float | None:
        quiet, beside = self.quiet_jitter, self.jitter
        return beside.p99 / quiet.p99 if quiet and beside and quiet.p99 else None


async def measure(
    seconds: float,
    *,
    speech: Mapping[str, Sequence[bytes]],
    cores: Cores,
    folder: Path,
    report: ProgressCallback,
    readers: int = READERS,
    listeners: int = LISTENERS,
) -> list[Listeners]:
    """Measure the floor and the bot, each for `seconds`.

    Raises:
        SubjectFailed: a program did not work.
    """
    said = speech[LANGUAGES[0]]
    return [
        await _measure_floor(seconds, said, cores, folder, report, readers, listeners),
        await _measure_bot(seconds, speech, cores, folder, report, readers, listeners),
    ]


async def _measure_floor(
    seconds: float,
    said: Sequence[bytes],
    cores: Cores,
    folder: Path,
    report: ProgressCallback,
    readers: int,
    listeners: int,
) -> Listeners:
    report("floor: starting")
    (port,) = free_ports(1)
    program = MeasuredProcess(
        "fan-out", ["-m", "benchmarks.fan_out", "--port", str(port)], {}, folder / "fan-out.log", cores.subject
    )
    async with aiohttp.ClientSession() as http, Audience() as audience:
        try:
            process = await program.start()
            await program.ready(http, f"http://127.0.0.1:{port}/healthz")
            async with _microphone(http, f"http://127.0.0.1:{port}/speak") as microphone:
                meter = Meter(process, cores.subject)
                async with _speaking(microphone, said, header=False):
                    report(f"floor: without listeners, for {seconds:g} s")
                    await asyncio.sleep(seconds)
                alone_s, at_rest = meter.seconds, process.memory_info().rss
                paths = [("/captions", readers), ("/audio", listeners)]
                report(f"floor: {readers:,} readers and {listeners:,} listeners connect")
                await _connect(audience, port, [path for path, count in paths for _ in range(count)])
                each = (process.memory_info().rss - at_rest) / (readers + listeners)
                async with _speaking(microphone, said, header=False):
                    return await _observe(
                        "floor",
                        audience,
                        Meter(process, cores.subject),
                        seconds,
                        alone_s,
                        each,
                        readers,
                        listeners,
                        report,
                    )
        finally:
            await program.stop()


async def _measure_bot(
    seconds: float,
    speech: Mapping[str, Sequence[bytes]],
    cores: Cores,
    folder: Path,
    report: ProgressCallback,
    readers: int,
    listeners: int,
) -> Listeners:
    report("bot: starting")
    async with Load(speech) as load, Bot(load, folder, cores.subject) as bot, Audience() as audience:
        await bot.take_calls(CALLS)
        room_id, speaker = await bot.create_web_room("audience")
        async with aiohttp.ClientSession() as http:
            url = f"http://127.0.0.1:{bot.port}/ws/audio/{room_id}?ticket={speaker}"
            async with _microphone(http, url) as microphone:
                load.talk()
                async with _speaking(microphone, speech[LANGUAGES[0]], header=True):
                    report("bot: warming up")
                    await asyncio.sleep(WARM_UP_S)
                    report(f"bot: without listeners, for {seconds:g} s")
                    meter, quiet_from = Meter(bot.process, cores.subject), time.monotonic()
                    await asyncio.sleep(seconds)
                    alone_s, quiet_until = meter.seconds, time.monotonic()
                    quiet = Spread.of(load.observed(quiet_from, quiet_until).jitters())
                at_rest = bot.process.memory_info().rss
                report(f"bot: {readers:,} readers and {listeners:,} listeners connect")
                paths = [
                    f"/ws/{kind}/{room_id}?ticket={ticket}{query}"
                    for kind, query, count in (
                        ("captions", "", readers),
                        ("audio", "&format=opus&language=floor", listeners),
                    )
                    for ticket in [await bot.ticket(room_id, kind) for _ in range(-(-count // PER_TICKET))]
                    for _ in range(PER_TICKET)
                ]
                await _connect(audience, bot.port, paths[:readers] + paths[-listeners:])
                each = (bot.process.memory_info().rss - at_rest) / (readers + listeners)
                async with _speaking(microphone, speech[LANGUAGES[0]], header=True):
                    began = time.monotonic()
                    load.lateness_ms()
                    seen = await _observe(
                        "bot",
                        audience,
                        Meter(bot.process, cores.subject),
                        seconds,
                        alone_s,
                        each,
                        readers,
                        listeners,
                        report,
                    )
                    ended, late = time.monotonic(), percentile(load.lateness_ms(), 0.99) or 0.0
                await load.played_out(began, ended, DRAIN_S)
                jitter = Spread.of(load.observed(began, ended).jitters())
    return replace(seen, quiet_jitter=quiet, jitter=jitter, load_late_p99_ms=max(late, seen.load_late_p99_ms))


async def _connect(audience: Audience, port: int, paths: Sequence[str]) -> None:
    wanted = [(path, f"127.0.1.{1 + number // PER_ADDRESS}") for number, path in enumerate(paths)]
    try:
        await audience.connect_all("127.0.0.1", port, wanted)
    except (OSError, TimeoutError, Refused) as error:
        raise SubjectFailed(f"not every listener was let in: {error}") from error
    await asyncio.sleep(1.0)  # what is told to who has come


async def _observe(
    name: str,
    audience: Audience,
    meter: Meter,
    seconds: float,
    alone_s: float,
    bytes_each: float,
    readers: int,
    listeners: int,
    report: ProgressCallback,
) -> Listeners:
    report(f"{name}: somebody speaks to them, for {seconds:g} s")
    await asyncio.sleep(0.5)
    audience.begin()
    own = _Lateness()
    watching = asyncio.create_task(own.watch(), name="lateness")
    before = meter.seconds
    await asyncio.sleep(seconds)
    cpu_s, share = meter.seconds - before, meter.share
    watching.cancel()
    heard = len(audience.late_ms)
    if audience.gone:
        raise SubjectFailed(f"{name} closed the connections of {audience.gone} listeners")
    return Listeners(
        name,
        readers,
        listeners,
        seconds,
        Spread.of(audience.late_ms),
        Spread.of(audience.after_first_ms),
        audience.lost,
        bytes_each / KB,
        max(0.0, cpu_s - alone_s) * 1e6 / max(1, heard),
        share,
        percentile(own.late_ms, 0.99) or 0.0,
    )


class _Lateness:
    """How late this event loop is."""

    def __init__(self) -> None:
        self.late_ms: list[float] = []

    async def watch(self) -> None:
        while True:
            due = time.monotonic() + FRAME_MS / 1000
            await asyncio.sleep(FRAME_MS / 1000)
            self.late_ms.append((time.monotonic() - due) * 1000)


@contextlib.asynccontextmanager
async def _speaking(
    microphone: aiohttp.ClientWebSocketResponse[bool], said: Sequence[bytes], *, header: bool
) -> AsyncIterator[None]:
    """Speak sentence after sentence in real time. `SubjectFailed` if the program no longer listens."""
    speaking = asyncio.create_task(_speak(microphone, said, header=header), name="speaker")
    try:
        yield
    finally:
        speaking.cancel()
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await speaking
        except aiohttp.ClientError as error:
            raise SubjectFailed(f"it closed the speaker's socket with {microphone.close_code}") from error


@contextlib.asynccontextmanager
async def _microphone(http: aiohttp.ClientSession, url: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse[bool]]:
    """Connect, and read what comes, so that pings are answered."""

    async def read() -> None:
        async for _ in microphone:
            pass

    async with http.ws_connect(url) as microphone:
        reading = asyncio.create_task(read(), name="reader")
        try:
            yield microphone
        finally:
            reading.cancel()
            await asyncio.wait([reading])


async def _speak(microphone: aiohttp.ClientWebSocketResponse[bool], said: Sequence[bytes], *, header: bool) -> None:
    size = pcm_bytes(24_000)
    due, number = time.monotonic(), round(time.time() * 50) % 2**31
    for pcm in cycle(said):
        pcm += bytes(PAUSE_MS // FRAME_MS * size)
        for start in range(0, len(pcm) - size + 1, size):
            frame, number = pcm[start : start + size], number + 1
            if header:
                frame = encode_frame(PayloadFormat.PCM16, number, round(time.time() * 1e6), frame)
            await microphone.send_bytes(frame)
            due += FRAME_MS / 1000
            await asyncio.sleep(max(0.0, due - time.monotonic()))


def show(screen: Console, results: Sequence[Listeners]) -> None:
    """Print a table: a column for each program."""
    first = results[0]
    title = f"{first.readers:,} caption readers and {first.listeners:,} Opus listeners in one room"
    grid = Table(title=title, title_justify="left")
    grid.add_column("")
    for result in results:
        grid.add_column(result.subject, justify="right")
    grid.add_column("target for the bot")

    def row(name: str, target: str, *values: str) -> None:
        grid.add_row(name, *values, target)

    row(
        "audio, due → at the listener, ms  p50 / p95 / p99", f"p99 ≤ {TARGET_MS:g}", *(_ms(one.late) for one in results)
    )
    row("frames lost", "0", *(f"{one.lost:,}" for one in results))
    row("captions, first reader → this one, ms", f"p99 ≤ {TARGET_MS:g}", *(_ms(one.after_first) for one in results))
    row("memory of a waiting listener, kB", f"≤ {TARGET_KB:g}", *(f"{one.kb_each:.0f}" for one in results))
    row("CPU per frame and listener, µs", "", *(f"{one.cpu_us_per_frame:.1f}" for one in results))
    row("share of its core", "", *(f"{one.core_share:.0%}" for one in results))
    row("the load itself was late, ms, p99", "", *(f"{one.load_late_p99_ms:.1f}" for one in results))
    row(f"pacing jitter of {CALLS} calls without them, ms", "", *(_ms(one.quiet_jitter) for one in results))
    row("the same beside them", "", *(_ms(one.jitter) for one in results))
    row(
        "ratio of the 99th percentiles",
        f"≤ {TARGET_RATIO}",
        *("–" if one.jitter_ratio is None else f"{one.jitter_ratio:.2f} ×" for one in results),
    )
    screen.print(grid)


def _ms(spread: Spread | None) -> str:
    return "–" if spread is None else f"{spread.p50:.1f} / {spread.p95:.1f} / {spread.p99:.1f}"
