"""Runs each module of the table under its own test file alone (`test_floor.py`; `test_session.py` and
`test_session_*.py`) and asks 100 % branch coverage of it.

A module that other modules' tests happen to cover is not tested; one that cannot be tested alone is cut wrong.
Each run is a fork of one process that has the tools loaded, but nothing of ours.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import blockbuster  # noqa: F401  # what every run would load for itself
import coverage
import hypothesis.stateful  # noqa: F401  # the same
import pytest
import pytest_asyncio  # noqa: F401  # the same

ROOT = Path(__file__).resolve().parent.parent
WITHOUT_BEHAVIOUR = {"__init__", "events", "effects"}
"""Of `bot/interpreting`: a docstring, and dataclasses that are nothing but fields."""
LIFECYCLE = ("call", "state_machine", "reconciler", "media_recovery", "registry")
"""Of `bot/calls`: what decides how calls are joined, won back and taken over."""


@dataclass(frozen=True)
class Result:
    module: Path
    percent: float = 0.0
    missing: str = ""
    """Lines and branches, or why there is no figure."""
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        return self.percent == 100.0 and not self.missing


def modules() -> list[Path]:
    """Relative to the root."""
    interpreting = (ROOT / "bot/interpreting").rglob("*.py")
    found = [module for module in sorted(interpreting) if module.stem not in WITHOUT_BEHAVIOUR]
    found += [ROOT / "media_streaming/messages.py", ROOT / "webhooks/events.py"]
    found += [ROOT / "bot" / "calls" / f"{name}.py" for name in LIFECYCLE]
    return [module.relative_to(ROOT) for module in found]


def measure(module: Path) -> Result:
    """Run the module's test file in this process, and read what coverage says of the module."""
    tests = Path("tests", module.parent, f"test_{module.name}")
    files = [tests, *sorted(tests.parent.glob(f"test_{module.stem}_*.py"))]
    if not tests.exists():
        return Result(module, missing=f"there is no {tests}")
    began = time.monotonic()
    measured = coverage.Coverage(data_file=None, branch=True, include=[str(module)])
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output), measured.collect():
        failed = pytest.main(["-q", "--no-header", "--assert=plain", "-p", "no:cacheprovider", *map(str, files)])
    if failed:
        return Result(module, missing=f"{tests} fails:\n{output.getvalue()[-4000:]}")
    report = io.StringIO()
    try:
        percent = measured.report(include=[str(module)], file=report, show_missing=True, skip_covered=True)
    except coverage.exceptions.NoDataError:
        return Result(module, missing=f"{tests} does not touch it")
    rows = [row.split("%", 1)[1].strip() for row in report.getvalue().splitlines() if row.startswith(str(module))]
    return Result(module, percent, " ".join(rows), time.monotonic() - began)


def main() -> int:
    began = time.monotonic()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    todo = modules()
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        results = pool.map(measure, todo, chunksize=1)
    width = max(len(str(module)) for module in todo)
    print(f"{'module, by its own test file alone':{width}}  branches  seconds")
    for result in results:
        print(f"{result.module!s:{width}}  {result.percent:7.1f}%  {result.seconds:7.1f}")
        if result.missing:
            print(f"  missing: {result.missing}")
    short = [result for result in results if not result.complete]
    verdict = f"{len(short)} not complete" if short else "all complete"
    print(f"{len(results)} modules, {verdict}, {time.monotonic() - began:.0f} s")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
