"""What a model that stops reading does to the bot: its memory, the age of what is heard afterwards, what is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.line import DRAIN_S, MIB, SUBJECTS, WARM_UP_S, Cores, Report
from benchmarks.load import Load
from emulator.realtime.faults.rules import FaultRule, RealtimeFaults

CALLS = 10
AFTER_S = 6.0
"""For the sessions to come back, and to be heard again."""
_RENEW_S = 0.2


@dataclass(frozen=True, slots=True)
class Stall:
    """How the bot got through it. Ages in milliseconds; None where nothing was heard any more."""

    calls: int
    seconds: float
    mib_before: float
    mib_worst: float
    mib_after: float
    oldest_heard_ms: float | None
    """Age of the oldest audio that reached, after the stall, a session from which an interpretation came."""
    oldest_arrived_ms: float | None
    """The same over all sessions, those included that the bot had given up."""
    oldest_interpreted_ms: float | None
    """Longest way from the end of speech to its interpretation, of those that began after the stall."""
    utterances: int
    """That began and ended during the stall."""
    interpreted: int
    """Of these, how many were heard in the end."""


async def measure(
    seconds: float, *, speech: Mapping[str, Sequence[bytes]], cores: Cores, folder: Path, report: Report
) -> Stall:
    """Let the bot's model read nothing for so many seconds, from the sessions there are and from those opened anew.

    Raises:
        SubjectFailed: the bot could not be brought to work.
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
