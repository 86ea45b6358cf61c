"""One short run of both programs under one call: everything is measured, nothing is lost, nobody is left behind."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks import line
from benchmarks.line import Cores, Meter, Run, measure
from benchmarks.speech import synthesise

SAID_BYTES = 1_200 * 48
"""Of each sentence: 1.2 s is enough to be interpreted."""


@pytest.mark.engine
@pytest.mark.timeout(60)
async def test_both_programs_under_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "WARM_UP_S", 0.2)
    speech = {language: [pcm[:SAID_BYTES] for pcm in said] for language, said in (await synthesise()).items()}
    before = set(psutil.Process().children())

    async def run(name: str) -> Run:
        anywhere = Cores(None, None)
        return await measure(name, 1, 3.0, speech=speech, cores=anywhere, folder=tmp_path, report=print)

    for measured in await asyncio.gather(run("floor"), run("bot")):
        assert measured.up is not None and measured.up.count >= 10
        assert 0 < measured.up.p50 < 1_000
        assert measured.down is not None and 0 < measured.down.p50 < 1_000
        assert measured.jitter is not None and measured.jitter.p50 < 20
        assert measured.cpu_per_call_minute > 0
        assert measured.lost_to_the_call.sent >= 40
        assert measured.lost_to_the_call.missing == 0
    assert set(psutil.Process().children()) == before


def test_strangers_on_a_core_are_seen() -> None:
    """This process counts as a stranger to a process that does nothing."""
    core = min(os.sched_getaffinity(0))
    allowed = os.sched_getaffinity(0)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]) as idle:
        try:
            os.sched_setaffinity(0, {core})
            meter, own = Meter(psutil.Process(idle.pid), core), Meter(psutil.Process(), core)
            until = time.monotonic() + 0.5
            while time.monotonic() < until:
                pass
            assert (meter.others_share or 0.0) > 0.2
            assert meter.seconds < 0.2 < own.seconds + 0.1
        finally:
            os.sched_setaffinity(0, allowed)
            idle.kill()


def test_where_nothing_is_pinned_nobody_is_a_stranger() -> None:
    assert Meter(psutil.Process(), None).others_share is None
