"""Measures the bot's delay and CPU time beside a minimal relay program, in one run on one machine.

    python -m benchmarks [--calls 1,10,50] [--seconds 12] [--only NAME] [--capacity] [--long] [--quick]
                         [--output out/bench] [--json FILE]
    python -m benchmarks --only interpretation [--engine local|azure] [--set NAME|FOLDER] [--mode MODE] [--quick]
                         [--require chrf=60,answered=0] [--json FILE]

For each number of calls, the floor (`relay`: an interpreter's data flow without its features) and the bot (`python -m
bot`, as deployed) run one after the other, in alternating order. Each runs in its own process on the second core. The
load has the first core: the emulator in this process, two speakers per call who take turns with synthesised speech, and
a model that answers after exactly 0.3 s. Each frame is identified by its bytes, so delays and losses are those of
single frames. Then the model stops reading for 10 s (`--long`: 30 s), and the hot paths are timed one by one.
`--capacity` increases the calls instead until a program reaches its limit (10 s per step; `--calls` sets the steps).

Delays include the load's own writing and reading: the floor's column shows how much that is, and a note says when the
load was late. Speed is shown, not asserted: the exit status is 0 unless a measurement failed (1) or the arguments are
invalid (2). Nothing leaves this machine, but for `--engine azure`, and all processes end with the command.

`--only`: `line` (the runs under calls), `stall`, `flood`, `joins`, `emulator` (alone), `hot-paths`, `admin-reads`,
`guard` (what the integrity guard finds and what it costs), `lag` (what is heard where more is said than a channel can
carry), `listeners` (captions and Opus to an audience), or one hot path by its file's name. `interpretation` runs only
where it is named: golden sets are interpreted by the model behind the service, the emulator's or, with `--engine
azure`, the one that the service's own settings name; a set takes some eight minutes, `--quick` one or two. The status
is 1 if a figure is beyond the bounds of `--require`.
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

from benchmarks import admin_reads, capacity, emulator_load, flood, joins, lag, line, listeners, stall, table
from benchmarks.guard import scores as guard
from benchmarks.guard import table as guard_table
from benchmarks.hot_paths import timing
from benchmarks.interpretation import meeting, options
from benchmarks.interpretation import table as interpretation_table
from benchmarks.interpretation.golden_set import UnusableSet
from benchmarks.results import Results
from benchmarks.speech import synthesise
from benchmarks.subjects import SubjectFailed
from benchmarks.turns import scenes, scores
from benchmarks.turns import table as turns_table
from bot.errors import SettingsError
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
    "telemetry",
)
PARTS = (
    "line",
    "stall",
    "flood",
    "joins",
    "emulator",
    "hot-paths",
    "admin-reads",
    "guard",
    "turns",
    "lag",
    "listeners",
)
INTERPRETATION = "interpretation"
"""A part that runs only where it is named: it takes minutes, and may cost money."""
CALLS = (1, 10, 50)
STALL_S, LONG_STALL_S = 10.0, 30.0
ADMIN_READS_S = 4.0
"""Maximum seconds per kind of read, which is thousands of reads."""
ORDER = ("floor", "bot")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The requested measurements."""

    calls: Sequence[int]
    """Numbers of calls: of the runs, or the capacity's steps."""
    seconds: float
    parts: frozenset[str]
    hot_paths: Sequence[str]
    stall_s: float
    conditions: Sequence[str]
    """Under which ends of turns are measured."""
    interpretation: options.Wanted
    output: Path
    json: Path
    """File for the results."""


class ProgressDisplay:
    """Shows progress: a changing line in a terminal, lines elsewhere."""

    def __init__(self, screen: Console) -> None:
        self._screen = screen
        self._began = time.monotonic()
        self._status = screen.status("") if screen.is_terminal else None

    def __enter__(self) -> ProgressDisplay:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def about(self, what: str) -> line.ProgressCallback:
        """Return a callback that shows messages with their subject and the elapsed time."""

        def report(text: str) -> None:
            message = f"{time.monotonic() - self._began:4.0f} s  {what}: {text}"
            if self._status is not None:
                self._status.update(message)
            else:
                self._screen.print(message)

        return report


async def measure(wanted: Wanted, results: Results, progress: ProgressDisplay) -> None:
    """Run the requested measurements and put them into `results`, which also has those before a failure.

    Raises:
        SubjectFailed, EngineError: a measurement is impossible on this machine.
    """
    if wanted.parts & {"line", "stall", "flood", "joins", "capacity", "admin-reads", "emulator", "listeners"}:
        wanted.output.mkdir(parents=True, exist_ok=True)
        cores = line.Cores.of_this_machine()
        allowed = os.sched_getaffinity(0)
        # The admin API needs no speech, and the emulator alone uses a tone.
        speech = (
            await synthesise()
            if wanted.parts - {"admin-reads", "emulator", "hot-paths", "guard", "turns", "lag"}
            else {}
        )
        if cores.load is not None:
            os.sched_setaffinity(0, {cores.load})
        try:
            await _measure_programs(wanted, results, progress, speech, cores)
        finally:
            os.sched_setaffinity(0, allowed)
    if "hot-paths" in wanted.parts:
        results.hot_paths = await asyncio.to_thread(_time_hot_paths, wanted.hot_paths, progress)
    if "guard" in wanted.parts:
        progress.about("guard")("both sets of sentences")
        results.guard = [await asyncio.to_thread(guard.measure, which) for which in guard.SETS]
    if INTERPRETATION in wanted.parts:
        golden, folder = wanted.interpretation, wanted.output / INTERPRETATION
        results.interpreted = {"engine": golden.engine, "mode": golden.mode}
        await meeting.measure(golden.sets, golden.model, golden.mode, folder, progress.about, results.interpretation)
    if "turns" in wanted.parts:
        await _measure_turns(wanted, results, progress)
    if "lag" in wanted.parts:
        progress.about("lag")("four scenes")
        results.lag = await asyncio.to_thread(lag.measure)


async def _measure_turns(wanted: Wanted, results: Results, progress: ProgressDisplay) -> None:
    report = progress.about("turns")
    report("sentences")
    spoken, results.turns_source = await scenes.sentences()

    def measured() -> list[scores.Score]:
        found: list[scores.Score] = []
        for number, name in enumerate(wanted.conditions, 1):
            report(f"{name} ({number} of {len(wanted.conditions)})")
            found += scores.measure(scenes.CONDITIONS[name](spoken))
        return found

    results.turns = await asyncio.to_thread(measured)


async def _measure_programs(
    wanted: Wanted,
    results: Results,
    progress: ProgressDisplay,
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
    if "listeners" in wanted.parts:
        report = progress.about("listeners")
        results.listeners = await listeners.measure(
            wanted.seconds, speech=speech, cores=cores, folder=folder, report=report
        )
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


def _time_hot_paths(names: Sequence[str], progress: ProgressDisplay) -> list[timing.Timing]:
    timings = []
    for name in names:
        progress.about("hot path")(name)
        for path in importlib.import_module(f"benchmarks.hot_paths.{name}").paths():
            timings.append(timing.measure(path))
    return timings


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and write the results; return the exit status."""
    wanted = read_arguments(arguments)
    logging.basicConfig(level=logging.ERROR)
    screen, results, status = table.console(), Results(), 0
    with ProgressDisplay(screen) as progress:
        try:
            uvloop.run(_until_terminated(wanted, results, progress))
        except (SubjectFailed, EngineError) as error:
            print(f"measurement failed: {error}", file=sys.stderr)
            status = 1
        except (KeyboardInterrupt, asyncio.CancelledError):
            print("interrupted", file=sys.stderr)
            status = 1
    show(screen, results)
    if results.interpretation:
        golden, bounds = wanted.interpretation, wanted.interpretation.requirements
        title = f"interpretation, {golden.engine}, {golden.mode}"
        interpretation_table.show(screen, title, results.interpretation, bounds)
        status = status or int(bool(interpretation_table.unmet(results.interpretation, bounds)))
    results.write(wanted.json)
    screen.print(f"{wanted.json}")
    return status


async def _until_terminated(wanted: Wanted, results: Results, progress: ProgressDisplay) -> None:
    """Measure; SIGTERM cancels like Ctrl+C, so that all processes end."""
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    await measure(wanted, results, progress)


def show(screen: Console, results: Results) -> None:
    """Print all results."""
    if results.line:
        table.show_line(screen, results.line)
    if results.stall is not None:
        table.show_stall(screen, results.stall)
    if results.flood is not None:
        table.show_flood(screen, results.flood)
    if results.listeners:
        listeners.show(screen, results.listeners)
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
    if results.turns:
        turns_table.show(screen, results.turns, results.turns_source)
    if results.lag:
        lag.show(screen, results.lag)


def read_arguments(arguments: Sequence[str] | None) -> Wanted:
    """Parse the arguments; exit with status 2 if they are invalid."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure the bot's delay and CPU time beside a minimal relay."
    )
    add = parser.add_argument
    add(
        "--calls",
        type=_counts,
        help="numbers of calls, separated by commas (default: " + ",".join(map(str, CALLS)) + "; more for --capacity)",
    )
    add("--seconds", default=12.0, type=_seconds, help="seconds measured per run (default: %(default)s)")
    add(
        "--only",
        choices=(*PARTS, INTERPRETATION, *HOT_PATHS),
        metavar="NAME",
        help=f"one of {', '.join((*PARTS, INTERPRETATION, *HOT_PATHS))}",
    )
    add("--capacity", action="store_true", help="increase the calls until each program reaches its limit, instead")
    add("--quick", action="store_true", help=f"ends of turns only under {', '.join(scenes.QUICK)}; fewer utterances")
    add("--long", action="store_true", help=f"stall the model for {LONG_STALL_S:.0f} s")
    add(
        "--output",
        default=Path("out/bench"),
        type=Path,
        help="folder for results and logs (default: %(default)s)",
    )
    add("--json", type=Path, metavar="FILE", help="file for the results (default: results.json in that folder)")
    options.add_options(parser)
    read = parser.parse_args(arguments)
    one_part = read.only in (*PARTS, INTERPRETATION)
    parts = frozenset({"capacity"} if read.capacity else {read.only} if one_part else PARTS)
    hot_paths: Sequence[str] = HOT_PATHS
    if read.only in HOT_PATHS:
        parts, hot_paths = frozenset({"hot-paths"}), (read.only,)
    stall_s = LONG_STALL_S if read.long else STALL_S
    calls = read.calls or (capacity.STEPS if read.capacity else CALLS)
    conditions = scenes.QUICK if read.quick else tuple(scenes.CONDITIONS)
    try:
        interpretation = options.read(read)
    except (UnusableSet, SettingsError) as error:
        parser.error(str(error))
    output: Path = read.output.resolve()
    file = (read.json or output / "results.json").resolve()
    return Wanted(calls, read.seconds, parts, hot_paths, stall_s, conditions, interpretation, output, file)


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
