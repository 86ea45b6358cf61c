from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks import capacity
from benchmarks.line import Generator, Run
from benchmarks.percentiles import Spread
from tests.support.benchmarks import run

SLOW = Spread(100, 10.0, 40.0, 50.0, 60.0)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"up": SLOW}, "delay"),
        ({"down": SLOW}, "delay"),
        ({"up": None, "down": None}, "delay"),
        ({"core_share": 0.97}, "core"),
        ({"generator": Generator(20.0, 0.5, 0)}, "load"),
        ({"generator": Generator(1.0, 0.99, 0)}, "load"),
        ({"generator": Generator(1.0, 0.5, 3)}, "load"),
        ({"generator": Generator(20.0, 0.5, 0), "up": SLOW}, "load"),
        ({"generator": Generator(20.0, 0.5, 0, others_share=0.5)}, "others"),
        ({"generator": Generator(1.0, 0.5, 0, others_share=0.5)}, None),
    ],
)
def test_why_no_more(changes: dict[str, Any], why: str | None) -> None:
    assert capacity.limit_of(run(**changes)) == why


async def test_steps_until_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: Iterator[Run] = iter([run(calls=5), run(calls=10), run(calls=20, up=SLOW), run(calls=40)])

    async def measure(*_: object, **__: object) -> Run:
        return next(runs)

    monkeypatch.setattr(capacity, "measure", measure)
    nothing: Any = None  # what `measure` above does not look at
    found = await capacity.measure_capacity(
        "bot", speech={}, cores=nothing, folder=nothing, report=print, steps=(5, 10, 20, 40)
    )
    assert (found.calls, found.stopped_by, len(found.runs)) == (10, "delay", 3)
