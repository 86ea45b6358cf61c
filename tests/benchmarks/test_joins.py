"""The time to the connect request is measured as deployed, once for every delivery."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import joins
from benchmarks.line import Cores


@pytest.mark.timeout(90)
async def test_every_delivery_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joins, "JOINS", 5)
    told: list[str] = []
    (found,) = await joins.measure([0], speech={}, cores=Cores(None, None), folder=tmp_path, report=told.append)
    assert found.calls == 0 and found.delay_ms is not None
    assert found.delay_ms.count == 5 and found.delay_ms.p50 > 0
    assert told == ["starting", "5 joins"]
