"""How many calls one core carries: more and more of them, until the delay or the core says no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.line import Cores, Report, Run, measure

STEPS = (25, 50, 75, 100, 125, 150, 175, 200, 225, 250, 300, 350, 400)
SECONDS = 10.0
"""Per step."""
LIMIT_MS = 50.0
"""Of the 99th percentile of the added delay, either way."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How far one program got."""

    subject: str
    calls: int
    """The most it carried within the limit; 0 if not even the first step."""
    stopped_by: str
    """Why no more was tried: `delay`, `core`, `strangers` (who used the cores), `load` (which was at its own limits) or
    `steps` (there were no more)."""
    runs: list[Run]


def limit_of(run: Run) -> str | None:
    """Why this run counts as too much; None if it does not. A load that is late proves nothing against the program."""
    if run.generator.overloaded:
        return "strangers" if run.generator.disturbed else "load"
    delays = [spread.p99 for spread in (run.up, run.down) if spread is not None]
    if not delays or max(delays) >= LIMIT_MS:
        return "delay"
    return "core" if run.full else None


async def measure_capacity(
    name: str,
    *,
    speech: Mapping[str, Sequence[bytes]],
    cores: Cores,
    folder: Path,
    report: Report,
    steps: Sequence[int] = STEPS,
) -> Capacity:
    """Raise the calls step by step. Raises SubjectFailed as `line.measure` does."""
    runs: list[Run] = []
    carried = 0
    for calls in steps:

        def tell(text: str, calls: int = calls) -> None:
            report(f"{calls} calls, {text}")

        run = await measure(name, calls, SECONDS, speech=speech, cores=cores, folder=folder, report=tell)
        runs.append(run)
        stopped_by = limit_of(run)
        if stopped_by is not None:
            return Capacity(name, carried, stopped_by, runs)
        carried = calls
    return Capacity(name, carried, "steps", runs)
