from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from benchmarks import hot_paths
from benchmarks.__main__ import HOT_PATHS
from benchmarks.hot_paths.timing import HotPath, Timing, measure

FILES = {path.stem for path in Path(hot_paths.__path__[0]).glob("*.py")} - {"__init__", "timing", "sounds"}


def test_every_file_is_measured() -> None:
    assert set(HOT_PATHS) == FILES


ASKS_UNAME = {"telemetry"}
"""What they import starts a process."""


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.line if one in ASKS_UNAME else ()) for one in HOT_PATHS]
)
def test_every_path_works_and_says_why_it_is_hot(name: str) -> None:
    module = importlib.import_module(f"benchmarks.hot_paths.{name}")
    assert "Hot:" in (module.__doc__ or "")
    for path in module.paths():
        timing = measure(path, budget_s=0.01)
        assert timing.us_per_frame > 0


def test_the_cost_is_per_frame() -> None:
    calls: list[int] = []
    path = HotPath("sum", 10, lambda: calls.append(sum(range(20_000))))
    timing = measure(path, budget_s=0.02)
    whole = measure(HotPath("sum", 1, path.step), budget_s=0.02)
    assert len(calls) > 2
    assert timing.us_per_frame < whole.us_per_frame


def test_share_of_a_core() -> None:
    assert Timing("", 20.0).core_share == pytest.approx(0.1)
