"""Prints the results as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.admin_reads import JUDGED, TARGET_PER_S, AdminReads
from benchmarks.capacity import LIMIT_MS, Capacity
from benchmarks.flood import Flood
from benchmarks.hot_paths.timing import SPEAKING, Timing
from benchmarks.joins import TARGET_MS as JOIN_TARGET_MS
from benchmarks.joins import Joins
from benchmarks.line import Generator, Run
from benchmarks.observations import Losses
from benchmarks.percentiles import Spread
from benchmarks.stall import Stall

FEW = 20
"""Minimum number of values for a meaningful 95th percentile; below it the table shows the number."""


@dataclass(frozen=True, slots=True)
class Row:
    """A measure of floor and bot. `met` is None without a target."""

    measure: str
    floor: str
    bot: str
    ratio: str = ""
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """How a measure is shown and compared with its target."""

    name: str
    show: Callable[[Run], str]
    value: Callable[[Run], float | None] = lambda run: None
    """Returns the number to compare."""
    compared: bool = False
    """Whether to show the ratio of bot to floor."""
    limit: float | None = None
    """Maximum of the bot's value, or of the ratio if `limits_ratio`."""
    limits_ratio: bool = False
    target: str = ""
    judged_from: int = 1
    """Minimum number of calls for a verdict: with fewer, fixed costs of the process dominate."""

    def row(self, floor: Run | None, bot: Run | None) -> Row:
        first, second = (None if run is None else self.value(run) for run in (floor, bot))
        ratio = second / first if first and second and first > 0 and second > 0 else None
        judged = ratio if self.limits_ratio else second
        return Row(
            self.name,
            "–" if floor is None else self.show(floor),
            "–" if bot is None else self.show(bot),
            f"{ratio:.1f} ×" if self.compared and ratio is not None else "",
            self.target,
            None
            if judged is None or self.limit is None or bot is None or bot.calls < self.judged_from
            else judged <= self.limit,
        )


def rows(floor: Run | None, bot: Run | None) -> list[Row]:
    """Return all measures for a number of calls."""
    return [measure.row(floor, bot) for measure in MEASURES]


def _spread(spread: Spread | None) -> str:
    if spread is None:
        return "–"
    few = f" ({spread.count}×)" if spread.count < FEW else ""
    return f"{spread.p50:.1f} / {spread.p95:.1f} / {spread.p99:.1f}{few}"


def _p95(spread: Spread | None) -> float | None:
    return None if spread is None else spread.p95


def _p99(spread: Spread | None) -> float | None:
    return None if spread is None else spread.p99


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _loss(losses: Losses) -> str:
    return f"{losses.missing} of {losses.sent}"


def _lost(losses: Losses) -> float | None:
    """Return the missing frames; None if none were sent."""
    return losses.missing if losses.sent else None


def _others(load: Generator) -> str:
    return "–" if load.others_share is None else f"{load.others_share:.0%}"


# Targets apply to the bot alone.
MEASURES: tuple[Measure, ...] = (
    Measure(
        "frame in → model, ms  p50 / p95 / p99",
        lambda run: _spread(run.up),
        lambda run: _p95(run.up),
        compared=True,
        limit=5.0,
        target="p95 ≤ 5",
    ),
    Measure(
        "model → first frame out, ms  p50 / p95 / p99",
        lambda run: _spread(run.down),
        lambda run: _p95(run.down),
        compared=True,
        limit=5.0,
        target="p95 ≤ 5",
    ),
    Measure(
        "own share of the ear-voice span, ms",
        lambda run: _spread(run.own_share),
        lambda run: _p95(run.own_share),
        compared=True,
        limit=80.0,
        target="p95 ≤ 80",
    ),
    Measure(
        "pacing jitter, ms  p50 / p95 / p99",
        lambda run: _spread(run.jitter),
        lambda run: _p99(run.jitter),
        compared=True,
        limit=10.0,
        target="p99 ≤ 10",
    ),
    Measure(
        "most ahead of real time, ms",
        lambda run: _number(run.ahead_ms),
        lambda run: run.ahead_ms,
        limit=200.0,
        target="≤ 200",
    ),
    Measure(
        "CPU s per call-minute",
        lambda run: _number(run.cpu_per_call_minute, 3),
        lambda run: run.cpu_per_call_minute,
        compared=True,
        limit=2.0,
        limits_ratio=True,
        target="≤ 2 × floor",
    ),
    Measure("share of its core", lambda run: f"{run.core_share:.0%}", lambda run: run.core_share, compared=True),
    Measure(
        "memory per call, MiB",
        lambda run: _number(run.mib_per_call, 2),
        lambda run: run.mib_per_call,
        limit=2.0,
        target="≤ 2",
        judged_from=10,
    ),
    Measure(
        "speech frames lost",
        lambda run: _loss(run.lost_to_the_model),
        lambda run: _lost(run.lost_to_the_model),
        limit=0,
        target="0",
    ),
    Measure(
        "interpretation frames lost",
        lambda run: _loss(run.lost_to_the_call),
        lambda run: _lost(run.lost_to_the_call),
        limit=0,
        target="0",
    ),
    Measure("load: lateness p99, ms", lambda run: _number(run.generator.late_p99_ms)),
    Measure("load: share of its core", lambda run: f"{run.generator.core_share:.0%}"),
    Measure("other programs on either core", lambda run: _others(run.generator)),
)


# --- on the screen -------------------------------------------------------------------------------


def console() -> Console:
    """Return a console on standard output: coloured in a terminal, plain and wide elsewhere."""
    screen = Console(highlight=False)
    return screen if screen.is_terminal else Console(highlight=False, width=132)


def show_line(screen: Console, runs: Sequence[Run]) -> None:
    """Print a table for each number of calls, in order."""
    for calls in sorted({run.calls for run in runs}):
        floor, bot = (
            next((run for run in runs if run.calls == calls and run.subject == name), None) for name in ("floor", "bot")
        )
        seconds = max(run.seconds for run in runs if run.calls == calls)
        table = new_table(
            f"{calls_in_words(calls)}, two speakers each, {seconds:.0f} s",
            "",
            "floor",
            "bot",
            "ratio",
            "target",
            "met",
        )
        for row in rows(floor, bot):
            table.add_row(row.measure, row.floor, row.bot, row.ratio, row.target, mark(row.met))
        screen.print(table)
        generators = [run.generator for run in (floor, bot) if run is not None]
        if any(generator.disturbed for generator in generators):
            screen.print(Text("Other programs used these cores; repeat the measurement without them.", style="yellow"))
        elif any(generator.overloaded for generator in generators):
            screen.print(Text("The load was at its limit; the delays include its lateness.", style="yellow"))


def show_stall(screen: Console, stall: Stall) -> None:
    """Print the effect of the stall."""
    title = f"the model reads nothing for {stall.seconds:.0f} s, {calls_in_words(stall.calls)}"
    table = new_table(title, "", "bot", "target", "met")
    memory = f"{stall.mib_before:.0f} → {stall.mib_worst:.0f} → {stall.mib_after:.0f}"
    growth = (stall.mib_worst - stall.mib_before) / stall.calls
    table.add_row("memory before → maximum → after, MiB", memory, "≤ 2 per call", mark(growth <= 2.0))
    oldest = stall.oldest_heard_ms
    table.add_row(
        "age of the oldest audio interpreted afterwards, s",
        _seconds(oldest),
        "≤ 3",
        mark(None if oldest is None else oldest <= 3_000),
    )
    table.add_row(
        "longest ear-voice span afterwards, s",
        _seconds(stall.oldest_interpreted_ms),
        "",
        "",
    )
    table.add_row("utterances during the stall, interpreted", f"{stall.utterances}, {stall.interpreted}", "", "")
    screen.print(table)


def show_flood(screen: Console, flood: Flood) -> None:
    """Print the effect on the other calls."""
    title = f"one call flooded, {calls_in_words(flood.calls)} beside it"
    table = new_table(title, "", "quiet", "flooded", "ratio", "target", "met")
    quiet, flooded, ratio = flood.quiet, flood.flooded, flood.jitter_ratio
    table.add_row(
        "playout jitter, ms  p50 / p95 / p99",
        _spread(quiet.jitter),
        _spread(flooded.jitter),
        _number(ratio, 2),
        "",
        "",
    )
    table.add_row(
        "own share of the ear-voice span, ms  p50 / p95 / p99", _spread(quiet.own_share), _spread(flooded.own_share)
    )
    lost = [part.lost_to_the_call for part in (quiet, flooded)]
    table.add_row("frames lost", *map(_loss, lost), "", "0", mark(not any(one.missing for one in lost)))
    table.add_row("bot's share of a core", f"{quiet.core_share:.0%}", f"{flooded.core_share:.0%}")
    table.add_row("load: lateness p99, ms", _number(quiet.late_p99_ms), _number(flooded.late_p99_ms))
    table.add_row("flood: frames per second", "", f"{flood.frames_per_s:.0f}")
    answers = ", ".join(f"{count} × {status}" for status, count in flood.answers.items())
    table.add_row("flood: answers by status", "", answers)
    screen.print(table)


def show_hot_paths(screen: Console, timings: Sequence[Timing]) -> None:
    """Print the cost of each hot path."""
    table = new_table("hot paths", "", "µs per frame", f"share of a core, {SPEAKING} speaking")
    for timing in timings:
        table.add_row(timing.name, f"{timing.us_per_frame:.2f}", f"{timing.core_share:.1%}")
    screen.print(table)


def show_admin_reads(screen: Console, found: Sequence[AdminReads]) -> None:
    """Print the speed of the admin API."""
    table = new_table(
        "admin reads", "", "per second", "share of a core", "per core", "ms  p50 / p95 / p99", "target", "met"
    )
    for reads in found:
        judged = reads.kind in JUDGED
        table.add_row(
            reads.kind,
            f"{reads.per_second:.0f}",
            f"{reads.core_share:.0%}",
            f"{reads.per_core:.0f}",
            _spread(reads.delay_ms),
            f"≥ {TARGET_PER_S}" if judged else "",
            mark(reads.per_core >= TARGET_PER_S) if judged else "",
        )
    screen.print(table)


def show_joins(screen: Console, found: Sequence[Joins]) -> None:
    """Print the delays from Event Grid's delivery to the connect request."""
    table = new_table("delivery to connect request", "", "joins", "ms  p50 / p95 / p99", "target p95", "met")
    for joins in found:
        met = None if joins.delay_ms is None else joins.delay_ms.p95 <= JOIN_TARGET_MS
        beside = "at rest" if not joins.calls else f"beside {joins.calls} calls"
        count = "0" if joins.delay_ms is None else str(joins.delay_ms.count)
        table.add_row(beside, count, _spread(joins.delay_ms), f"≤ {JOIN_TARGET_MS:.0f}", mark(met))
    screen.print(table)


def show_capacity(screen: Console, capacities: Sequence[Capacity]) -> None:
    """Print the capacity of a core."""
    table = new_table(f"calls on one core, delay p99 < {LIMIT_MS:.0f} ms", "", "calls", "stopped by", "target", "met")
    for capacity in capacities:
        enough = capacity.calls >= 200 or (None if capacity.stopped_by in ("load", "others") else False)
        met = mark(enough) if capacity.subject == "bot" else ""
        target = "≥ 200" if capacity.subject == "bot" else ""
        table.add_row(capacity.subject, str(capacity.calls), capacity.stopped_by, target, met)
    screen.print(table)
    for capacity in capacities:
        steps = new_table(
            f"{capacity.subject}, step by step",
            "calls",
            "in, p99 ms",
            "out, p99 ms",
            "core",
            "load late",
            "its core",
            "others",
        )
        for run in capacity.runs:
            up, down = _number(_p99(run.up)), _number(_p99(run.down))
            load = run.generator
            late, busy = _number(load.late_p99_ms), f"{load.core_share:.0%}"
            steps.add_row(str(run.calls), up, down, f"{run.core_share:.0%}", late, busy, _others(load))
        screen.print(steps)


def new_table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", no_wrap=True)
    return table


def mark(met: bool | None) -> Text:
    if met is None:
        return Text("")
    return Text("✓", style="green") if met else Text("✗", style="bold red")


def _seconds(ms: float | None) -> str:
    return "–" if ms is None else f"{ms / 1000:.1f}"


def calls_in_words(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"
