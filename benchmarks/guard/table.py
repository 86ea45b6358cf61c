"""The guard's figures for people; measures nothing."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.guard.scores import STRATA, Scores, Share


def show(screen: Console, found: Sequence[Scores]) -> None:
    """Of each set: what was found of what was put in, how often a fault was one, how often a clean text had one."""
    for scores in found:
        name = scores.which.replace("_", " ")
        recall = _table(f"guard, {name}: faults put in", "", "recognised", "95 %", "noticed", "original unknown")
        for injected, share in scores.recall.items():
            recall.add_row(
                injected,
                _counts(share),
                _interval(share),
                f"{scores.noticed[injected].value:.1%}",
                f"{scores.alone[injected].value:.1%}",
            )
        screen.print(recall)
        alarms = _table(f"guard, {name}: alarms", "", "of this kind", "95 %", "faulty at all", "95 %", "on clean texts")
        for fault, share in scores.precision.items():
            faulty, false = scores.faulty[fault], scores.false_alarms[f"of {fault}"]
            alarms.add_row(
                fault,
                _counts(share),
                _interval(share),
                _counts(faulty),
                _interval(faulty),
                f"{false.count} of {false.of}",
            )
        screen.print(alarms)
        clean = _table(f"guard, {name}: false alarms", "texts", "clean, any fault", "95 %", "faulty, any fault", "95 %")
        for stratum in ("all", *STRATA, "original unknown"):
            share, caught = scores.false_alarms[stratum], scores.caught.get(stratum)
            noticed = () if caught is None else (_counts(caught), _interval(caught))
            clean.add_row(stratum, _counts(share), _interval(share), *noticed)
        screen.print(clean)
        screen.print(f"{scores.us_per_interpretation:.0f} µs per interpretation")


def _table(title: str, *columns: str) -> Table:
    shown = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        shown.add_column(column, justify="left" if number == 0 else "right")
    return shown


def _counts(share: Share) -> str:
    return f"{share.value:.1%} ({share.count} of {share.of})"


def _interval(share: Share) -> str:
    low, high = share.interval
    return f"{low:.1%} - {high:.1%}"
