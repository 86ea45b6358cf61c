"""One short run of both programs under one call: everything is measured, nothing is lost, nobody is left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from benchmarks import line
from benchmarks.line import Cores, Run, measure
from benchmarks.speech import synthesise


@pytest.mark.engine
@pytest.mark.timeout(60)
async def test_both_programs_under_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "WARM_UP_S", 0.5)
    speech = await synthesise()
    before = set(psutil.Process().children())

    async def run(name: str) -> Run:
        anywhere = Cores(None, None)
        return await measure(name, 1, 4.5, speech=speech, cores=anywhere, folder=tmp_path, report=print)

    for measured in await asyncio.gather(run("floor"), run("bot")):
        assert measured.up is not None and measured.up.count >= 10
        assert 0 < measured.up.p50 < 1_000
        assert measured.down is not None and 0 < measured.down.p50 < 1_000
        assert measured.jitter is not None and measured.jitter.p50 < 20
        assert measured.cpu_per_call_minute > 0
        assert measured.lost_to_the_call.sent >= 100
        assert measured.lost_to_the_call.missing == 0
    assert set(psutil.Process().children()) == before
