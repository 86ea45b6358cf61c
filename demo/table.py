"""The report as a person reads it: a table of all turns, what went wrong, one line that sums it up."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from demo.progress import plural
from demo.report import Report, Spread, TurnResult


def show(report: Report, screen: Console) -> None:
    """Print it."""
    screen.print()
    if report.turns:
        screen.print(table(report))
        screen.print()
    for line in [*report.failures, *([report.broken_off] if report.broken_off else [])]:
        screen.print(Text(f" ✗ {line}", "red"), soft_wrap=True)
    screen.print(Text(summary(report), "bold green" if report.exit_code == 0 else "bold red"), soft_wrap=True)


def table(report: Report) -> Table:
    """One row for each turn."""
    grid = Table(box=box.HORIZONTALS, pad_edge=False, header_style="bold", expand=True, caption_justify="left")
    grid.add_column("", justify="right", no_wrap=True)
    grid.add_column("said", ratio=5)
    grid.add_column("recognised", ratio=4)
    grid.add_column("interpreted", ratio=4)
    grid.add_column("heard by", ratio=5)
    grid.add_column("delay", justify="right", no_wrap=True)
    grid.add_column("ours", justify="right", no_wrap=True)
    for turn in report.turns:
        grid.add_row(
            str(turn.number),
            _said(turn),
            Text(turn.recognised) if turn.recognised else _missing(),
            Text(turn.translated) if turn.translated else _missing(),
            _heard(turn),
            _milliseconds(turn.delay_ms) + ("*" if turn.overlapping else ""),
            _milliseconds(turn.own_share_ms),
        )
    notes = [
        "delay: ms from the end of speech to the first interpreted sound, both measured in the listener's recording",
        "ours: ms of it that are the interpreter's own, without the end-of-turn pause, the model and waiting",
    ]
    if any(turn.overlapping for turn in report.turns):
        notes.append("*: two spoke at once, so that one interpretation waits for the other")
    grid.caption = "\n".join(notes)
    return grid


def summary(report: Report) -> str:
    """The whole meeting in one line."""
    if not report.turns:
        return f"No meeting was held · {report.total_s:.0f} s in all"
    words = report.words
    interpreted = sum(turn.interpreted for turn in report.turns)
    return (
        f"{plural(len(report.turns), 'utterance')}, {interpreted} interpreted · "
        f"{words.right} of {plural(words.wanted, 'word')} heard right · "
        f"delay {_spread(report.delay)} · ours {_spread(report.own_share)} · "
        f"{report.total_s:.0f} s in all"
    )


def _said(turn: TurnResult) -> RenderableType:
    head = Text.assemble((turn.speaker, "cyan"), (f" {turn.source}", "dim"))
    note = Text(turn.why if turn.said else "recording", "dim italic")
    return Group(head, Text(turn.said or turn.why), *([note] if note else []))


def _heard(turn: TurnResult) -> RenderableType:
    rows = []
    for one in turn.heard:
        count = f" {one.words.right}/{one.words.wanted}"
        style = "green" if one.words.right == one.words.wanted else "yellow"
        rows.append(Text.assemble((one.listener, "cyan"), (count, style), "\n", one.text or "—"))
    return Group(*rows) if rows else _missing()


def _missing() -> Text:
    return Text("—", "red")


def _milliseconds(value: float | None) -> str:
    return "—" if value is None else f"{value:.0f}"


def _spread(spread: Spread) -> str:
    if spread.median is None or spread.p95 is None:
        return "not measured"
    return f"{spread.median:.0f} ms median, {spread.p95:.0f} ms p95"
