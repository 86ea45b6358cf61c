"""What a flood on one room does to the others' rhythm: the same calls, quiet and beside it, in one run.

One call of several is flooded through every door at once: its media socket with frames at twenty times real time and
garbage, its callback address, and the admin's door with reads of its room. The other calls go on talking; how evenly
their interpretations arrive is measured as under `line`, without the flood and with it.
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

from benchmarks.line import DRAIN_S, WARM_UP_S, Cores, Meter, Report
from benchmarks.load import Load
from benchmarks.observations import Losses, Observations
from benchmarks.percentiles import Spread, percentile
from benchmarks.subjects import Bot
from emulator.acs.calls.connection import CallConnection
from emulator.acs.events.callbacks import TokenIssuer
from emulator.acs.wire.media_messages import audio_message, speaker_part
from emulator.clock import monotonic

CALLS = 5
"""That are not flooded."""
TIMES = 20
"""Frames per 20 ms."""
GARBAGE = (b"{", b"null", b'{"kind":"AudioData"}', b"x" * 10_000)
KNOCKS_PER_S = 300.0
"""At the callbacks' door, and as many at the admin's: more than one call or room can have on its mind."""


@dataclass(slots=True)
class Poured:
    """What the flood consisted of."""

    frames: int = 0
    answers: dict[int, int] = field(default_factory=dict)
    """Of callbacks and reads, by status."""


@dataclass(frozen=True, slots=True)
class Part:
    """The calls that were not flooded, for one half of the run."""

    jitter: Spread | None
    own_share: Spread | None
    lost_to_the_call: Losses
    core_share: float
    """Of one core, by the bot."""
    late_p99_ms: float
    """How late the load itself was."""


@dataclass(frozen=True, slots=True)
class Flood:
    """Both halves, and how they compare."""

    calls: int
    seconds: float
    quiet: Part
    flooded: Part
    frames_per_s: float
    answers: Mapping[str, int]
    """Of the flood's callbacks and reads, by status."""

    @property
    def jitter_ratio(self) -> float | None:
        """99th percentile beside the flood to that without it."""
        quiet, flooded = self.quiet.jitter, self.flooded.jitter
        return flooded.p99 / quiet.p99 if quiet and flooded and quiet.p99 else None


async def measure(
    seconds: float, *, speech: Mapping[str, Sequence[bytes]], cores: Cores, folder: Path, report: Report
) -> Flood:
    """So many seconds of talk without the flood, and as many beside it.

    Raises:
        SubjectFailed: the bot could not be brought to work.
    """
    report("starting")
    async with Load(speech) as load, Bot(load, folder, cores.subject) as bot:
        report("joining the calls")
        await bot.take_calls(CALLS + 1)
        room = await bot.create_room("flooded")
        load.talk()
        load.conversations[-1].over = True  # the flooded call's: what is said there is the flood's
        report("warming up")
        await asyncio.sleep(WARM_UP_S)
        poured = Poured()
        quiet = await _half(load, bot, seconds, report, "quiet")
        async with _flooding(load, bot, room, poured):
            report("flooding")
            await asyncio.sleep(1.0)
            frames = poured.frames
            flooded = await _half(load, bot, seconds, report, "flooded")
            frames = poured.frames - frames
        await load.played_out(quiet[0], flooded[1], DRAIN_S)
        parts = [_part(load.observed(start, end), share, late) for start, end, share, late in (quiet, flooded)]
    answers = {str(status): count for status, count in sorted(poured.answers.items())}
    return Flood(CALLS, seconds, parts[0], parts[1], frames / seconds, answers)


async def _half(load: Load, bot: Bot, seconds: float, report: Report, name: str) -> tuple[float, float, float, float]:
    """Beginning, end, the bot's share of a core, how late the load was."""
    report(f"{name}, for {seconds:g} s")
    load.lateness_ms()
    meter, start = Meter(bot.process, None), time.monotonic()
    await asyncio.sleep(seconds)
    return start, time.monotonic(), meter.share, percentile(load.lateness_ms(), 0.99) or 0.0


def _part(seen: Observations, core_share: float, late_p99_ms: float) -> Part:
    return Part(
        Spread.of(seen.jitters()), Spread.of(seen.own_shares()), seen.lost_to_the_call(), core_share, late_p99_ms
    )


@contextlib.asynccontextmanager
async def _flooding(load: Load, bot: Bot, room_id: str, poured: Poured) -> AsyncIterator[None]:
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
            group.create_task(_pour(call, poured), name="frames"),
            group.create_task(_knock(bot.port, callback, poured), name="callbacks"),
            group.create_task(_knock(bot.port, lambda _: read, poured), name="reads"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def _callback(call: CallConnection, number: int) -> dict[str, object]:
    """An event that is believed, and asks for nothing to be done."""
    return {
        "specversion": "1.0",
        "id": f"flood-{number}",
        "source": f"calling/callConnections/{call.id}",
        "type": "Microsoft.Communication.PlayCompleted",
        "time": "2026-01-01T00:00:00Z",
        "data": {"callConnectionId": call.id, "serverCallId": "flood", "correlationId": "flood", "version": "1"},
    }


async def _pour(call: CallConnection, poured: Poured) -> None:
    stream = call.audio.stream
    assert stream is not None  # the call is listening, or the load would not have begun
    frame = audio_message(b"2026-01-01T00:00:00.000", speaker_part("8:acs:flood"), bytes(960), False)
    async for number in _beat(0.02):
        stream.audio(monotonic(), *([frame] * TIMES), GARBAGE[number % len(GARBAGE)])
        poured.frames += TIMES


async def _knock(port: int, request: Callable[[int], bytes], poured: Poured) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async for number in _beat(1 / KNOCKS_PER_S):
            writer.write(request(number))
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            status = int(head.split()[1])
            poured.answers[status] = poured.answers.get(status, 0) + 1
    finally:
        writer.close()


async def _beat(seconds: float) -> AsyncIterator[int]:
    """Numbers, one every so often; none is made up for when it was late."""
    due, number = time.monotonic(), 0
    while True:
        yield number
        number += 1
        due = max(due + seconds, time.monotonic())
        await asyncio.sleep(due - time.monotonic())
