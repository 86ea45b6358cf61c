"""Measures a program under a number of calls: set-up, warm-up, observation, end of playout."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.load import Load
from benchmarks.observations import Losses, Observations
from benchmarks.percentiles import Spread, percentile
from benchmarks.subjects import Bot, Floor, Subject

WARM_UP_S = 4.0
"""Seconds before the measurement; sessions open with the first words."""
DRAIN_S = 8.0
"""Maximum seconds to wait for the last interpretations: two of the same time are played in sequence."""
LATE_MS = 10.0
"""Maximum lateness of the load's clock at the 99th percentile; beyond it, delays include the load's own."""
BUSY_SHARE = 0.95
"""Share of its core above which the load, or the measured program, is at its limit."""
OTHERS_SHARE = 0.1
"""Share of a core used by other programs above which they distort the measurement."""

MIB = 1024 * 1024

ProgressCallback = Callable[[str], None]
"""Receives a progress message."""


@dataclass(frozen=True, slots=True)
class Cores:
    """The cores of the load and the measured program; None if not pinned."""

    load: int | None
    subject: int | None

    @classmethod
    def of_this_machine(cls) -> Cores:
        """Return the first two cores of this process; with a single core nothing is pinned."""
        allowed = sorted(os.sched_getaffinity(0))
        return cls(allowed[0], allowed[1]) if len(allowed) > 1 else cls(None, None)


@dataclass(frozen=True, slots=True)
class Generator:
    """The state of the load itself."""

    late_p99_ms: float
    core_share: float
    frames_dropped: int
    others_share: float | None = None
    """Larger share of either core used by other programs; None if nothing is pinned."""

    @property
    def overloaded(self) -> bool:
        return self.late_p99_ms > LATE_MS or self.core_share > BUSY_SHARE or self.frames_dropped > 0

    @property
    def disturbed(self) -> bool:
        return self.others_share is not None and self.others_share > OTHERS_SHARE


@dataclass(frozen=True, slots=True)
class Run:
    """The result of a program under a number of calls. Spreads are in milliseconds; None if not measured."""

    subject: str
    calls: int
    seconds: float
    utterances: int
    up: Spread | None
    down: Spread | None
    own_share: Spread | None
    jitter: Spread | None
    ahead_ms: float | None
    cpu_per_call_minute: float
    """CPU seconds."""
    core_share: float
    mib_at_rest: float
    mib_per_call: float
    lost_to_the_model: Losses
    lost_to_the_call: Losses
    generator: Generator

    @property
    def full(self) -> bool:
        """Return whether the core of the measured program is at its limit."""
        return self.core_share > BUSY_SHARE


class Meter:
    """Measures CPU time of a process, and of the core it is pinned to, from its creation."""

    def __init__(self, process: psutil.Process, core: int | None) -> None:
        self._process = process
        self._core = core
        self._began = process.cpu_times()
        self._core_began = self._of_core()
        self._began_at = time.monotonic()

    @property
    def seconds(self) -> float:
        now = self._process.cpu_times()
        return float(now.user + now.system - self._began.user - self._began.system)

    @property
    def share(self) -> float:
        """Return the share of one core."""
        return self.seconds / (time.monotonic() - self._began_at)

    @property
    def others_share(self) -> float | None:
        """Return the share of the core used by other programs, or other machines on the same hardware.

        Kernel time is excluded: most of it serves the sockets of the measured program.
        """
        if self._core is None:
            return None
        own = self._process.cpu_times().user - self._began.user
        return max(0.0, self._of_core() - self._core_began - own) / (time.monotonic() - self._began_at)

    def _of_core(self) -> float:
        if self._core is None:
            return 0.0
        times = psutil.cpu_times(percpu=True)[self._core]
        return float(times.user + getattr(times, "nice", 0.0) + getattr(times, "steal", 0.0))


SUBJECTS: Mapping[str, Callable[[Load, Path, int | None], Subject]] = {"floor": Floor, "bot": Bot}


async def measure(
    name: str,
    calls: int,
    seconds: float,
    *,
    speech: Mapping[str, Sequence[bytes]],
    cores: Cores,
    folder: Path,
    report: ProgressCallback,
) -> Run:
    """Start a program, `floor` or `bot`, and measure it under `calls` calls for `seconds`.

    Raises:
        SubjectFailed: the program did not work.
    """
    report("starting")
    with _no_collector():
        async with Load(speech) as load, SUBJECTS[name](load, folder, cores.subject) as subject:
            return await measure_subject(load, subject, calls, seconds, cores, report)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Disable the garbage collector: a collection of the notes would stop the load for 0.1 s."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def measure_subject(
    load: Load, subject: Subject, calls: int, seconds: float, cores: Cores, report: ProgressCallback
) -> Run:
    """Measure a running program; see `measure`."""
    at_rest = subject.process.memory_info().rss
    report("joining the calls")
    await subject.take_calls(calls)
    report("warming up")
    load.talk()
    await asyncio.sleep(WARM_UP_S)
    load.lateness_ms()
    meter, own = Meter(subject.process, cores.subject), Meter(psutil.Process(), cores.load)
    start = time.monotonic()
    report(f"measuring for {seconds:g} s")
    await asyncio.sleep(seconds)
    end = time.monotonic()
    cpu_s, core_share = meter.seconds, meter.share
    others = [share for share in (meter.others_share, own.others_share) if share is not None]
    late = percentile(load.lateness_ms(), 0.99) or 0.0
    generator = Generator(late, own.share, load.frames_dropped, max(others, default=None))
    in_use = subject.process.memory_info().rss
    report("waiting for the last interpretations")
    await load.played_out(start, end, DRAIN_S)
    seen = load.observed(start, end)
    return _run(subject.name, calls, seen, generator, cpu_s, core_share, at_rest, in_use)


def _run(
    name: str,
    calls: int,
    seen: Observations,
    generator: Generator,
    cpu_s: float,
    core_share: float,
    at_rest: int,
    in_use: int,
) -> Run:
    return Run(
        subject=name,
        calls=calls,
        seconds=seen.end - seen.start,
        utterances=seen.utterances,
        up=Spread.of(seen.delays_up()),
        down=Spread.of(seen.delays_down()),
        own_share=Spread.of(seen.own_shares()),
        jitter=Spread.of(seen.jitters()),
        ahead_ms=seen.most_ahead(),
        cpu_per_call_minute=cpu_s / (calls * (seen.end - seen.start) / 60),
        core_share=core_share,
        mib_at_rest=at_rest / MIB,
        mib_per_call=(in_use - at_rest) / MIB / calls,
        lost_to_the_model=seen.lost_to_the_model(),
        lost_to_the_call=seen.lost_to_the_call(),
        generator=generator,
    )
