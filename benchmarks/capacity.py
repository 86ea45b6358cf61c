"""Measures how many calls a core carries: adds calls until the delay or the core reaches its limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.line import Cores, ProgressCallback, Run, measure

STEPS = (25, 50, 75, 100, 125, 150, 175, 200, 225, 250, 300, 350, 400)
SECONDS = 10.0
"""Seconds per step."""
LIMIT_MS = 50.0
"""Limit of the added delay at the 99th percentile, in either direction."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """The capacity of a program."""

    subject: str
    calls: int
    """Most calls within the limit; 0 if the first step failed."""
    stopped_by: str
    """Reason of the end: `delay`, `core`, `others` (other programs used the cores), `load` (the load was at its limit)
    or `steps` (no step left)."""
    runs: list[Run]


def limit_of(run: Run) -> str | None:
    """Return the limit that a run reached, or None. If the load is late, the run says nothing about the program."""
    if run.generator.overloaded:
        return "others" if run.generator.disturbed else "load"
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
    report: ProgressCallback,
    steps: Sequence[int] = STEPS,
) -> Capacity:
    """Increase the calls step by step. Raises SubjectFailed as `line.measure` does."""
    runs: list[Run] = []
    carried = 0
    for calls in steps:

        def report_step(text: str, calls: int = calls) -> None:
            report(f"{calls} calls, {text}")

        run = await measure(name, calls, SECONDS, speech=speech, cores=cores, folder=folder, report=report_step)
        runs.append(run)
        stopped_by = limit_of(run)
        if stopped_by is not None:
            return Capacity(name, carried, stopped_by, runs)
        carried = calls
    return Capacity(name, carried, "steps", runs)
