"""Measures the effect of a model that stops reading: memory, age of the audio afterwards, lost utterances."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.line import DRAIN_S, MIB, SUBJECTS, WARM_UP_S, Cores, ProgressCallback
from benchmarks.load import Load
from emulator.realtime.faults.rules import FaultRule, RealtimeFaults

CALLS = 10
AFTER_S = 6.0
"""Seconds for the sessions to reconnect and continue."""
_RENEW_S = 0.2


@dataclass(frozen=True, slots=True)
class Stall:
    """The result of a stall. Ages in milliseconds; None if nothing arrived."""

    calls: int
    seconds: float
    mib_before: float
    mib_worst: float
    mib_after: float
    oldest_heard_ms: float | None
    """Age of the oldest audio that arrived after the stall at a session that then sent an interpretation."""
    oldest_arrived_ms: float | None
    """The same over all sessions, including those that the bot had abandoned."""
    oldest_interpreted_ms: float | None
    """Longest time from the end of speech to its interpretation, of interpretations that started after the stall."""
    utterances: int
    """Utterances that started and ended during the stall."""
    interpreted: int
    """Number of these that were interpreted."""


async def measure(
    seconds: float, *, speech: Mapping[str, Sequence[bytes]], cores: Cores, folder: Path, report: ProgressCallback
) -> Stall:
    """Stop the model's reading from open and new sessions for `seconds`.

    Raises:
        SubjectFailed: the bot did not work.
    """
    report("starting")
    async with Load(speech) as load, SUBJECTS["bot"](load, folder, cores.subject) as bot:
        memory = bot.process.memory_info
        report("joining the calls")
        await bot.take_calls(CALLS)
        load.talk()
        report("warming up")
        await asyncio.sleep(WARM_UP_S + 1.0)
        before = worst = memory().rss
        report(f"the model reads nothing for {seconds:g} s")
        start = time.monotonic()
        end = start + seconds
        load.emulator.realtime.stop_reading(seconds)
        while (left := end - time.monotonic()) > 0:
            load.emulator.realtime.faults = _new_ones_read_nothing(left)
            await asyncio.sleep(min(_RENEW_S, left))
            worst = max(worst, memory().rss)
        load.emulator.realtime.faults = RealtimeFaults()
        report("the model reads again")
        for _ in range(round(AFTER_S / _RENEW_S)):
            await asyncio.sleep(_RENEW_S)
            worst = max(worst, memory().rss)
        await load.played_out(end, time.monotonic(), DRAIN_S)
        after = memory().rss
        during, later = load.observed(start, end), load.observed(end, float("inf"))
        answering = load.sessions_answering(since=end)
    return Stall(
        calls=CALLS,
        seconds=seconds,
        mib_before=before / MIB,
        mib_worst=worst / MIB,
        mib_after=after / MIB,
        oldest_heard_ms=later.oldest_heard(end, answering),
        oldest_arrived_ms=later.oldest_heard(end),
        oldest_interpreted_ms=max(later.ear_voice_spans(), default=None),
        utterances=during.utterances,
        interpreted=during.interpreted,
    )


def _new_ones_read_nothing(seconds: float) -> RealtimeFaults:
    return RealtimeFaults((FaultRule("stall", at="connect", seconds=seconds, direction="reads"),))
