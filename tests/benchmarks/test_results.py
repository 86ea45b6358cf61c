from __future__ import annotations

import json
from pathlib import Path

from benchmarks.capacity import Capacity
from benchmarks.hot_paths.timing import Timing
from benchmarks.line import Generator
from benchmarks.results import Results
from benchmarks.stall import Stall
from tests.support.benchmarks import run


def test_what_was_not_measured_is_not_in_it() -> None:
    document = Results().document()
    assert set(document) == {"machine", "measured_at"}
    assert document["machine"]["cores"] >= 1


def test_everything_can_be_read_again(tmp_path: Path) -> None:
    late = run(generator=Generator(12.0, 0.5, 0))
    results = Results(
        line=[late],
        stall=Stall(10, 30.0, 100.0, 110.0, 105.0, None, None, None, 30, 12),
        capacity=[Capacity("bot", 150, "core", [run(calls=150)])],
        hot_paths=[Timing("decode", 10.0)],
    )
    path = tmp_path / "deep" / "results.json"
    results.write(path)
    document = json.loads(path.read_bytes())
    assert document["line"][0]["up"] == {"count": 100, "p50": 1.0, "p95": 2.0, "p99": 3.0, "worst": 4.0}
    assert document["line"][0]["generator"]["overloaded"] is True
    assert document["line"][0]["generator"]["disturbed"] is False
    assert document["stall"]["oldest_heard_ms"] is None
    assert document["capacity"][0]["runs"][0]["calls"] == 150
    assert document["hot_paths"] == [{"name": "decode", "us_per_frame": 10.0, "core_share": 0.05}]
