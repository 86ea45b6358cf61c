"""Prints the report: a table of all turns, the failures, and a summary line."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from demo.progress import plural
from demo.recording_analysis import QUIETEST_DB
from demo.report import LEAK_DB, DelaySpread, Report, TurnResult
from demo.script import primary


def show(report: Report, screen: Console) -> None:
    """Print the report."""
    screen.print()
    if report.turns:
        screen.print(table(report))
        screen.print()
    for line in [*report.failures, *([report.broken_off] if report.broken_off else [])]:
        screen.print(Text(f" ✗ {line}", "red"), soft_wrap=True)
    screen.print(Text(summary(report), "bold green" if report.exit_code == 0 else "bold red"), soft_wrap=True)


def table(report: Report) -> Table:
    """Return the table, a row for each turn."""
    grid = Table(box=box.HORIZONTALS, pad_edge=False, header_style="bold", expand=True, caption_justify="left")
    grid.add_column("", justify="right", no_wrap=True)
    grid.add_column("said", ratio=4)
    grid.add_column("recognised", ratio=4)
    grid.add_column("interpreted", ratio=5)
    grid.add_column("heard by, delay", width=17)  # name, "12/12", "1234*"
    if bridged := report.leak_db is not None:
        grid.add_column("own voice", no_wrap=True)
    grid.add_column("ours", justify="right", no_wrap=True)
    for turn in report.turns:
        grid.add_row(
            str(turn.number),
            _said(turn),
            _recognised(turn),
            _interpreted(turn),
            _heard(turn),
            *([_originals(turn)] if bridged else []),
            _milliseconds(turn.own_share_ms),
        )
    notes = [
        "chrF: the interpretation against a reference, 100 if they are the same",
        "heard by: recognised words in each listener's recording, of the words that the interpreter was to say",
        "delay: ms from the end of speech to the first interpreted sound in the listener's recording",
        "ours: ms of the delay due to the interpreter, without the end-of-turn pause, the model and waiting",
    ]
    if bridged:
        notes.insert(1, "own voice: level of the speaker's voice in that recording, in dB; ✓: found there")
    if any(turn.said is None and turn.transcript is None for turn in report.turns):
        notes.insert(0, "recognised: whether a recording says that, only you can tell; these count as “as recognised”")
    if any(turn.overlapping or one.queued for turn in report.turns for one in turn.heard):
        notes.append("*: had to wait for another interpretation; not counted below")
    grid.caption = "\n".join(notes)
    return grid


def summary(report: Report) -> str:
    """Return a line about the whole meeting."""
    if not report.turns:
        return f"No meeting was held · {report.total_s:.0f} s in all"
    words = report.words
    unverified = sum(turn.unverified for turn in report.turns)
    interpreted = sum(turn.interpreted for turn in report.turns) - unverified
    as_recognised = f", {unverified} as recognised" if unverified else ""
    return (
        f"{plural(len(report.turns), 'utterance')}, {interpreted} interpreted{as_recognised} · "
        f"{words.right} of {plural(words.wanted, 'word')} heard correctly ({words.share:.0%}) · "
        f"{'' if report.chrf is None else f'chrF {report.chrf:.0f} · '}"
        f"{_leak(report.leak_db)}"
        f"delay {_spread(report.delay)} · ours {_spread(report.own_share)} · "
        f"{report.total_s:.0f} s in all"
    )


def _said(turn: TurnResult) -> RenderableType:
    head = Text.assemble((turn.speaker, "cyan"), (f" {turn.source}", "dim"))
    note = Text(turn.why if turn.said else "recording", "dim italic")
    return Group(head, Text(turn.said or turn.why), *([note] if note else []))


def _recognised(turn: TurnResult) -> RenderableType:
    text = Text(turn.recognised) if turn.recognised else _missing()
    words = turn.understood
    if words is None or (turn.said and words.right == words.wanted):
        return text
    wrong = f"{words.wanted - words.right} of {plural(words.wanted, 'word')} wrong"
    return Group(text, Text(wrong, "green" if words.right == words.wanted else "yellow"))


def _interpreted(turn: TurnResult) -> RenderableType:
    rows = [Text.assemble((f"{primary(tag)} ", "dim"), text) for tag, text in turn.translated.items()]
    rows += [Text(f"{primary(tag)} chrF {score:.0f}", "dim") for tag, score in turn.chrf.items()]
    return Group(*rows) if rows else _missing()


def _heard(turn: TurnResult) -> RenderableType:
    """Return each listener's word counts, and the recognised words if they differ from the expected ones."""
    rows = []
    for one in turn.heard:
        right = one.words.right == one.words.wanted
        count = f" {one.words.right}/{one.words.wanted}"
        waited = "*" if turn.overlapping or one.queued else ""
        delay = f" {_milliseconds(one.delay_ms)}{waited}"
        words = "" if right else f"\n{one.text or '—'}"
        rows.append(Text.assemble((one.listener, "cyan"), (count, "green" if right else "yellow"), delay, words))
    return Group(*rows) if rows else _missing()


def _originals(turn: TurnResult) -> RenderableType:
    rows = []
    for one in turn.originals:
        well = one.found if one.wanted else one.level_db <= LEAK_DB
        level = "silent" if one.level_db <= QUIETEST_DB else f"{round(one.level_db)}"
        mark = " ✓" if one.found else ""
        rows.append(Text.assemble((one.listener, "cyan"), (f" {level}{mark}", "" if well else "red")))
    return Group(*rows)


def _leak(level_db: float | None) -> str:
    return "" if level_db is None else f"other languages' voices at most {level_db:.0f} dB · "


def _missing() -> Text:
    return Text("—", "red")


def _milliseconds(value: float | None) -> str:
    return "—" if value is None else f"{value:.0f}"


def _spread(spread: DelaySpread) -> str:
    if spread.median is None or spread.p95 is None:
        return "not measured"
    return f"{spread.median:.0f} ms median, {spread.p95:.0f} ms p95"
