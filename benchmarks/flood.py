"""Measures how a flood on one call affects the playout of others: the same calls without and with it, in one run.

One call is flooded through all endpoints at once: its media socket with garbage and frames at 20 times real time,
its callback address, and the admin API with reads of its room. The jitter of the other calls' interpretations is
measured as in `line`, without and with the flood.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from benchmarks.line import DRAIN_S, WARM_UP_S, Cores, Meter, ProgressCallback
from benchmarks.load import Load
from benchmarks.observations import Losses, Observations
from benchmarks.percentiles import Spread, percentile
from benchmarks.subjects import Bot
from emulator.acs.calls.connection import CallConnection
from emulator.acs.events.callbacks import TokenIssuer
from emulator.acs.wire.media_messages import audio_message, speaker_part
from emulator.clock import monotonic

CALLS = 5
"""Number of calls that are not flooded."""
TIMES = 20
"""Frames sent per 20 ms."""
GARBAGE = (b"{", b"null", b'{"kind":"AudioData"}', b"x" * 10_000)
REQUESTS_PER_S = 300.0
"""Requests per second, both to the callback address and to the admin API: more than a call or room can need."""


@dataclass(slots=True)
class FloodCounts:
    """Counts of the flood's frames and answers."""

    frames: int = 0
    answers: dict[int, int] = field(default_factory=dict)
    """Answers to callbacks and reads, by status."""


@dataclass(frozen=True, slots=True)
class FloodHalf:
    """The result of the other calls for half of the run."""

    jitter: Spread | None
    own_share: Spread | None
    lost_to_the_call: Losses
    core_share: float
    """The bot's share of one core."""
    late_p99_ms: float
    """Lateness of the load itself."""


@dataclass(frozen=True, slots=True)
class Flood:
    """Both halves of the run."""

    calls: int
    seconds: float
    quiet: FloodHalf
    flooded: FloodHalf
    frames_per_s: float
    answers: Mapping[str, int]
    """Answers to the flood's callbacks and reads, by status."""

    @property
    def jitter_ratio(self) -> float | None:
        """Return the 99th percentile of the jitter with the flood, divided by that without it."""
        quiet, flooded = self.quiet.jitter, self.flooded.jitter
        return flooded.p99 / quiet.p99 if quiet and flooded and quiet.p99 else None


async def measure(
    seconds: float, *, speech: Mapping[str, Sequence[bytes]], cores: Cores, folder: Path, report: ProgressCallback
) -> Flood:
    """Measure for `seconds` without the flood, and for `seconds` with it.

    Raises:
        SubjectFailed: the bot did not work.
    """
    report("starting")
    async with Load(speech) as load, Bot(load, folder, cores.subject) as bot:
        report("joining the calls")
        await bot.take_calls(CALLS + 1)
        room = await bot.create_room("flooded")
        load.talk()
        load.conversations[-1].over = True  # in the flooded call, nobody else speaks
        report("warming up")
        await asyncio.sleep(WARM_UP_S)
        sent = FloodCounts()
        quiet = await _half(load, bot, seconds, report, "quiet")
        async with _flooding(load, bot, room, sent):
            report("flooding")
            await asyncio.sleep(1.0)
            frames = sent.frames
            flooded = await _half(load, bot, seconds, report, "flooded")
            frames = sent.frames - frames
        await load.played_out(quiet[0], flooded[1], DRAIN_S)
        parts = [_part(load.observed(start, end), share, late) for start, end, share, late in (quiet, flooded)]
    answers = {str(status): count for status, count in sorted(sent.answers.items())}
    return Flood(CALLS, seconds, parts[0], parts[1], frames / seconds, answers)


async def _half(
    load: Load, bot: Bot, seconds: float, report: ProgressCallback, name: str
) -> tuple[float, float, float, float]:
    """Return start, end, the bot's share of a core, and the load's lateness."""
    report(f"{name}, for {seconds:g} s")
    load.lateness_ms()
    meter, start = Meter(bot.process, None), time.monotonic()
    await asyncio.sleep(seconds)
    return start, time.monotonic(), meter.share, percentile(load.lateness_ms(), 0.99) or 0.0


def _part(seen: Observations, core_share: float, late_p99_ms: float) -> FloodHalf:
    return FloodHalf(
        Spread.of(seen.jitters()), Spread.of(seen.own_shares()), seen.lost_to_the_call(), core_share, late_p99_ms
    )


@contextlib.asynccontextmanager
async def _flooding(load: Load, bot: Bot, room_id: str, sent: FloodCounts) -> AsyncIterator[None]:
    call = load.last_bot()
    path = urlsplit(call.options.callback_uri).path
    issuer = TokenIssuer(load.key, load.emulator.config.callback_issuer, load.emulator.config.resource_id)
    proof = f"Authorization: Bearer {issuer.token(3600)}\r\nContent-Type: application/json"
    read = bot.request("GET", f"/api/rooms/{room_id}/interpreter")

    def callback(number: int) -> bytes:
        body = orjson.dumps([_callback(call, number)])
        return f"POST {path} HTTP/1.1\r\nHost: bot\r\n{proof}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_send_frames(call, sent), name="frames"),
            group.create_task(_send_requests(bot.port, callback, sent), name="callbacks"),
            group.create_task(_send_requests(bot.port, lambda _: read, sent), name="reads"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def _callback(call: CallConnection, number: int) -> dict[str, object]:
    """Return a valid event without an effect."""
    return {
        "specversion": "1.0",
        "id": f"flood-{number}",
        "source": f"calling/callConnections/{call.id}",
        "type": "Microsoft.Communication.PlayCompleted",
        "time": "2026-01-01T00:00:00Z",
        "data": {"callConnectionId": call.id, "serverCallId": "flood", "correlationId": "flood", "version": "1"},
    }


async def _send_frames(call: CallConnection, sent: FloodCounts) -> None:
    stream = call.audio.stream
    assert stream is not None  # open since the call was joined
    frame = audio_message(b"2026-01-01T00:00:00.000", speaker_part("8:acs:flood"), bytes(960), False)
    async for number in _beat(0.02):
        stream.audio(monotonic(), *([frame] * TIMES), GARBAGE[number % len(GARBAGE)])
        sent.frames += TIMES


async def _send_requests(port: int, request: Callable[[int], bytes], sent: FloodCounts) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async for number in _beat(1 / REQUESTS_PER_S):
            writer.write(request(number))
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            status = int(head.split()[1])
            sent.answers[status] = sent.answers.get(status, 0) + 1
    finally:
        writer.close()


async def _beat(seconds: float) -> AsyncIterator[int]:
    """Yield numbers at an interval; late ones are not caught up."""
    due, number = time.monotonic(), 0
    while True:
        yield number
        number += 1
        due = max(due + seconds, time.monotonic())
        await asyncio.sleep(due - time.monotonic())
