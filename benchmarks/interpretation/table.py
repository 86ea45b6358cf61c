"""Prints the scores of golden sets as a table, and the renditions that are worst."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from benchmarks.interpretation.scores import MEASURES, Direction, Requirements, Score, missed
from benchmarks.interpretation.scoring import Count

BESIDE = 6
"""Columns of a table; they fit into 80 characters."""
WORST = 3
"""Renditions shown of each direction."""
GOOD = 70.0
"""chrF from which a rendition is not worth showing: it differs from the reference in a word or two."""

ROWS = {
    "spoken": "spoken to the end",
    "wer": "recognised, WER %",
    "chrf": "rendition, chrF",
    "numbers": "  same numbers",
    "terms": "  right terms",
    "answered": "  answered instead",
    "heard_wer": "heard, WER %",
    "span": "ear-voice span, s",
    "span_p95": "  95 %",
    "lagging": "Average Lagging, s",
}
"""Label by measure."""


def show(screen: Console, title: str, directions: Sequence[Direction], requirements: Requirements) -> None:
    """Print a column per direction, then the worst renditions and the bounds that were missed."""
    for first in range(0, len(directions), BESIDE):
        screen.print(_table(title, directions[first : first + BESIDE], requirements))
    for one in directions:
        _show_worst(screen, one)
    for line in unmet(directions, requirements):
        screen.print(Text(f"✗ {line}", style="bold red"))


def _table(title: str, directions: Sequence[Direction], requirements: Requirements) -> Table:
    grid = Table(title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    grid.add_column("", no_wrap=True)
    for one in directions:
        grid.add_column(f"{one.name}\n{_way(one)}", justify="right", no_wrap=True)
    wrong = [missed(one, requirements) for one in directions]
    for name, label in ROWS.items():
        cells = [
            Text(_cell(one, name), style="bold red" if name in bad else "")
            for one, bad in zip(directions, wrong, strict=True)
        ]
        grid.add_row(label, *cells)
    return grid


def _way(one: Direction) -> str:
    source, target = (tag.partition("-")[0] for tag in (one.source, one.target))
    return f"{one.source} → {one.target}" if source == target else f"{source} → {target}"


def unmet(directions: Sequence[Direction], requirements: Requirements) -> list[str]:
    """Return a sentence for each bound that was missed."""
    return [
        f"{one.name}, {_way(one)}: {name} is {'not measured' if value is None else f'{value:.4g}'}, "
        f"{'at most' if MEASURES[name].most else 'at least'} {requirements[name]:g} is required"
        for one in directions
        for name, value in missed(one, requirements).items()
    ]


def _cell(one: Direction, name: str) -> str:
    counts: dict[str, Count] = {
        "spoken": one.spoken,
        "numbers": one.numbers,
        "terms": one.terms,
        "answered": one.answered,
    }
    if name in counts:
        return f"{counts[name].part}/{counts[name].whole}" if counts[name].whole else "–"
    value = MEASURES[name].value(one)
    if value is None:
        return "–"
    return f"{value:.0f}" if name in {"wer", "chrf", "heard_wer"} else f"{value:.1f}"


def _show_worst(screen: Console, one: Direction) -> None:
    worst = sorted(
        (score for score in one.scores if score.chrf < GOOD or score.kept.faults), key=lambda score: score.chrf
    )[:WORST]
    if not worst:
        return
    grid = Table(
        title=f"worst of {one.name}, {_way(one)}",
        title_justify="left",
        box=box.SIMPLE,
        show_header=False,
        pad_edge=False,
    )
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column()
    for score in worst:
        grid.add_row(*_rows(score))
    screen.print(grid)


def _rows(score: Score) -> tuple[str, Text]:
    wanted = score.of.utterance
    faults = ", ".join(score.kept.faults) or ", ".join(score.of.reasons)
    text = Text.assemble(
        wanted.transcript,
        ("\n" + wanted.references[0], "dim"),
        "\n" + (score.of.rendition or "nothing"),
        (f"  ({faults})" if faults else "", "yellow"),
    )
    return escape(f"{wanted.name}  chrF {score.chrf:.0f}"), text
