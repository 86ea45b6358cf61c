"""Collects all results and writes them as a JSON document."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from benchmarks.admin_reads import AdminReads
from benchmarks.capacity import Capacity
from benchmarks.emulator_load import EmulatorLoad
from benchmarks.flood import Flood
from benchmarks.guard.scores import Scores
from benchmarks.hot_paths.timing import Timing
from benchmarks.interpretation.scores import Direction
from benchmarks.joins import Joins
from benchmarks.lag import Outcome
from benchmarks.line import Run
from benchmarks.listeners import Listeners
from benchmarks.stall import Stall
from benchmarks.turns.scores import Score


@dataclass(slots=True)
class Results:
    """The results of a run of the benchmarks."""

    line: list[Run] = field(default_factory=list)
    stall: Stall | None = None
    capacity: list[Capacity] = field(default_factory=list)
    hot_paths: Sequence[Timing] = ()
    admin_reads: Sequence[AdminReads] = ()
    emulator: EmulatorLoad | None = None
    guard: Sequence[Scores] = ()
    flood: Flood | None = None
    joins: Sequence[Joins] = ()
    listeners: Sequence[Listeners] = ()
    turns: Sequence[Score] = ()
    turns_source: str = ""
    """Whether the sentences were recorded or synthesised."""
    lag: Sequence[Outcome] = ()
    interpretation: list[Direction] = field(default_factory=list)
    interpreted: Mapping[str, str] = field(default_factory=dict)
    """By which engine, and in which mode."""

    def document(self) -> dict[str, Any]:
        """Return the results as JSON values, with machine and time; measurements not made are left out."""
        document: dict[str, Any] = {
            "machine": machine(),
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        if self.line:
            document["line"] = [_run(run) for run in self.line]
        if self.stall is not None:
            document["stall"] = asdict(self.stall)
        if self.capacity:
            document["capacity"] = [
                {**asdict(capacity), "runs": [_run(run) for run in capacity.runs]} for capacity in self.capacity
            ]
        if self.hot_paths:
            document["hot_paths"] = [{**asdict(timing), "core_share": timing.core_share} for timing in self.hot_paths]
        if self.admin_reads:
            document["admin_reads"] = [{**asdict(reads), "per_core": reads.per_core} for reads in self.admin_reads]
        if self.emulator is not None:
            document["emulator"] = asdict(self.emulator)
        if self.guard:
            document["guard"] = [scores.document() for scores in self.guard]
        if self.joins:
            document["joins"] = [asdict(joins) for joins in self.joins]
        if self.listeners:
            document["listeners"] = [{**asdict(one), "jitter_ratio": one.jitter_ratio} for one in self.listeners]
        if self.turns:
            document["turns"] = {"speech": self.turns_source, "scores": [score.document() for score in self.turns]}
        if self.interpretation:
            directions = [direction.document() for direction in self.interpretation]
            document["interpretation"] = {**self.interpreted, "directions": directions}
        if self.lag:
            document["lag"] = [asdict(scene) for scene in self.lag]
        if self.flood is not None:
            document["flood"] = {**asdict(self.flood), "jitter_ratio": self.flood.jitter_ratio}
        return document

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(self.document(), option=orjson.OPT_INDENT_2))


def _run(run: Run) -> dict[str, Any]:
    document = asdict(run)
    document["generator"] |= {"overloaded": run.generator.overloaded, "disturbed": run.generator.disturbed}
    return document


def machine() -> dict[str, Any]:
    """Return a description of this machine."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
