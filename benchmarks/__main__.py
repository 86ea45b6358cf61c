"""`python -m benchmarks`: what our own share costs, beside a floor program, in one run on one machine.

    python -m benchmarks [--calls 1,10,50] [--seconds 12] [--only NAME] [--capacity] [--long] [--output out/bench]

For each number of calls the floor (`relay`, the shape of an interpreter without its features) and the bot (`python -m
bot`, as deployed) run one after the other, the order changing from one number to the next. Each is a process of its
own on the second core; the load has the first: the emulator in this process, two speakers per call who take turns in
real synthesised speech, and a model that answers after exactly 0.3 s. Every frame is recognised by its bytes on the
other side, so delays and losses are those of single frames. Then the model stops reading for 10 s (`--long`: 30 s),
and the hot paths are timed one by one. `--capacity` raises the calls instead until a program is at its limit (10 s per
step; `--calls` says which steps).

A measure of delay holds what the load itself needs to write and to read: the floor's column shows how much that is,
and a row says so when the load was late. Speed is shown, not asserted: the exit status is 0 unless something could not
be measured (1) or the arguments make no sense (2). Everything stays on this machine and ends with the command.

`--only`: `line` (the runs under calls), `stall`, `flood`, `joins`, `emulator` (alone), `hot-paths`, `admin-reads`,
`guard` (what the integrity guard finds and what it costs), or one hot path by its file's name.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop
from rich.console import Console

from benchmarks import admin_reads, capacity, emulator_load, flood, joins, line, stall, table
from benchmarks.guard import scores as guard
from benchmarks.guard import table as guard_table
from benchmarks.hot_paths import timing
from benchmarks.results import Results
from benchmarks.speech import synthesise
from benchmarks.subjects import SubjectFailed
from emulator.engine.base import EngineError

HOT_PATHS = (
    "media_decode",
    "media_encode",
    "append_event",
    "audio_delta",
    "speaker_audio",
    "speech_detector",
    "pacer",
    "feed",
)
PARTS = ("line", "stall", "flood", "joins", "emulator", "hot-paths", "admin-reads", "guard")
CALLS = (1, 10, 50)
STALL_S, LONG_STALL_S = 10.0, 30.0
ADMIN_READS_S = 4.0
"""Of each kind at most: thousands of them."""
ORDER = ("floor", "bot")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be measured."""

    calls: Sequence[int]
    """Of the runs, and of the capacity's steps."""
    seconds: float
    parts: frozenset[str]
    hot_paths: Sequence[str]
    stall_s: float
    output: Path


class Progress:
    """Tells who waits what is being done: a line that changes on a terminal, lines elsewhere."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._began = time.monotonic()
        self._status = screen.status("") if screen.is_terminal else None

    def __enter__(self) -> Progress:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def about(self, what: str) -> line.Report:
        """A report that says what it is about, and how long all of it has taken."""

        def report(text: str) -> None:
            message = f"{time.monotonic() - self._began:4.0f} s  {what}: {text}"
            if self._status is not None:
                self._status.update(message)
            else:
                self._screen.print(message)

        return report


async def measure(wanted: Wanted, results: Results, progress: Progress) -> None:
    """Measure what is wanted and put it into `results`, as far as it gets.

    Raises:
        SubjectFailed, EngineError: something cannot be measured on this machine.
    """
    if wanted.parts & {"line", "stall", "flood", "joins", "capacity", "admin-reads", "emulator"}:
        wanted.output.mkdir(parents=True, exist_ok=True)
        cores = line.Cores.of_this_machine()
        allowed = os.sched_getaffinity(0)
        # Nobody speaks to the admin API, and the emulator alone needs no sense.
        speech = await synthesise() if wanted.parts - {"admin-reads", "emulator", "hot-paths", "guard"} else {}
        if cores.load is not None:
            os.sched_setaffinity(0, {cores.load})
        try:
            await _measure_programs(wanted, results, progress, speech, cores)
        finally:
            os.sched_setaffinity(0, allowed)
    if "hot-paths" in wanted.parts:
        results.hot_paths = await asyncio.to_thread(_time_hot_paths, wanted.hot_paths, progress)
    if "guard" in wanted.parts:
        progress.about("guard")("two sets of sentences")
        results.guard = [await asyncio.to_thread(guard.measure, which) for which in guard.SETS]


async def _measure_programs(
    wanted: Wanted,
    results: Results,
    progress: Progress,
    speech: Mapping[str, Sequence[bytes]],
    cores: line.Cores,
) -> None:
    folder = wanted.output
    if "line" in wanted.parts:
        for turn, calls in enumerate(wanted.calls):
            for name in ORDER if turn % 2 == 0 else reversed(ORDER):
                report = progress.about(f"{table.calls_in_words(calls)}, {name}")
                results.line.append(
                    await line.measure(
                        name, calls, wanted.seconds, speech=speech, cores=cores, folder=folder, report=report
                    )
                )
    if "stall" in wanted.parts:
        report = progress.about("stalled model, bot")
        results.stall = await stall.measure(wanted.stall_s, speech=speech, cores=cores, folder=folder, report=report)
    if "flood" in wanted.parts:
        report = progress.about("flood, bot")
        results.flood = await flood.measure(wanted.seconds, speech=speech, cores=cores, folder=folder, report=report)
    if "joins" in wanted.parts:
        report = progress.about("joins, bot")
        beside = (0, joins.BUSY_CALLS)
        results.joins = await joins.measure(beside, speech=speech, cores=cores, folder=folder, report=report)
    if "admin-reads" in wanted.parts:
        report = progress.about("admin reads, bot")
        seconds = min(wanted.seconds, ADMIN_READS_S)
        results.admin_reads = await admin_reads.measure(seconds, cores=cores, folder=folder, report=report)
    if "emulator" in wanted.parts:
        report = progress.about("the emulator alone")
        seconds = min(wanted.seconds, emulator_load.SECONDS)
        results.emulator = await emulator_load.measure(seconds, cores=cores, report=report)
    if "capacity" in wanted.parts:
        for name in ORDER:
            report = progress.about(f"capacity, {name}")
            results.capacity.append(
                await capacity.measure_capacity(
                    name, speech=speech, cores=cores, folder=folder, report=report, steps=wanted.calls
                )
            )


def _time_hot_paths(names: Sequence[str], progress: Progress) -> list[timing.Timing]:
    timings = []
    for name in names:
        progress.about("hot path")(name)
        for path in importlib.import_module(f"benchmarks.hot_paths.{name}").paths():
            timings.append(timing.measure(path))
    return timings


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show, write; the exit status."""
    wanted = read_arguments(arguments)
    logging.basicConfig(level=logging.ERROR)
    screen, results, status = table.console(), Results(), 0
    with Progress(screen) as progress:
        try:
            uvloop.run(_until_told(wanted, results, progress))
        except (SubjectFailed, EngineError) as error:
            print(f"cannot be measured: {error}", file=sys.stderr)
            status = 1
        except (KeyboardInterrupt, asyncio.CancelledError):
            print("interrupted", file=sys.stderr)
            status = 1
    show(screen, results)
    results.write(wanted.output / "results.json")
    screen.print(f"{wanted.output / 'results.json'}")
    return status


async def _until_told(wanted: Wanted, results: Results, progress: Progress) -> None:
    """Measure, and end in good order on SIGTERM as on Ctrl+C: no program is left behind."""
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    await measure(wanted, results, progress)


def show(screen: Console, results: Results) -> None:
    """Everything that was measured."""
    if results.line:
        table.show_line(screen, results.line)
    if results.stall is not None:
        table.show_stall(screen, results.stall)
    if results.flood is not None:
        table.show_flood(screen, results.flood)
    if results.joins:
        table.show_joins(screen, results.joins)
    if results.capacity:
        table.show_capacity(screen, results.capacity)
    if results.admin_reads:
        table.show_admin_reads(screen, results.admin_reads)
    if results.emulator is not None:
        emulator_load.show(screen, results.emulator)
    if results.hot_paths:
        table.show_hot_paths(screen, results.hot_paths)
    if results.guard:
        guard_table.show(screen, results.guard)


def read_arguments(arguments: Sequence[str] | None) -> Wanted:
    """Exits with status 2 when they make no sense."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What our own share costs.")
    add = parser.add_argument
    add(
        "--calls",
        type=_counts,
        help="numbers of calls, parted by commas (default: " + ",".join(map(str, CALLS)) + "; more for --capacity)",
    )
    add("--seconds", default=12.0, type=_seconds, help="measured per run (default: %(default)s)")
    add(
        "--only",
        choices=(*PARTS, *HOT_PATHS),
        metavar="NAME",
        help=f"one of {', '.join((*PARTS, *HOT_PATHS))}",
    )
    add("--capacity", action="store_true", help="raise the calls until each program is at its limit, instead")
    add("--long", action="store_true", help=f"stall the model for {LONG_STALL_S:.0f} s")
    add(
        "--output",
        default=Path("out/bench"),
        type=Path,
        help="folder for results and logs (default: %(default)s)",
    )
    read = parser.parse_args(arguments)
    parts = frozenset({"capacity"} if read.capacity else {read.only} if read.only in PARTS else PARTS)
    hot_paths: Sequence[str] = HOT_PATHS
    if read.only in HOT_PATHS:
        parts, hot_paths = frozenset({"hot-paths"}), (read.only,)
    stall_s = LONG_STALL_S if read.long else STALL_S
    calls = read.calls or (capacity.STEPS if read.capacity else CALLS)
    return Wanted(calls, read.seconds, parts, hot_paths, stall_s, read.output.resolve())


def _counts(text: str) -> list[int]:
    counts = [int(part) for part in text.split(",")]
    if not all(1 <= count <= 1_000 for count in counts):
        raise argparse.ArgumentTypeError("each from 1 to 1000")
    return counts


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 1 <= seconds <= 600:
        raise argparse.ArgumentTypeError("from 1 to 600")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
