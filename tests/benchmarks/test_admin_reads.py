"""The admin API is measured as deployed: every answer is a whole one, and a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import admin_reads
from benchmarks.admin_reads import KINDS, AdminReads
from benchmarks.line import Cores
from benchmarks.subjects import SubjectFailed


@pytest.mark.timeout(60)
async def test_every_kind_of_read_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_reads, "ROOMS", 2)
    monkeypatch.setattr(admin_reads, "WARM_UP_S", 0.1)
    told: list[str] = []
    found = await admin_reads.measure(0.3, cores=Cores(None, None), folder=tmp_path, report=told.append)
    assert [reads.kind for reads in found] == list(KINDS)
    assert all(reads.per_second > 10 and reads.core_share > 0 and reads.delay_ms for reads in found)
    assert told == ["starting", *KINDS]


@pytest.mark.timeout(60)
async def test_an_answer_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_reads, "ROOMS", 1)
    monkeypatch.setattr(admin_reads, "WARM_UP_S", 0.1)
    monkeypatch.setattr(admin_reads, "KINDS", {"nothing": "/api/rooms/{room_id}/nothing"})
    with pytest.raises(SubjectFailed, match="404"):
        await admin_reads.measure(0.1, cores=Cores(None, None), folder=tmp_path, report=lambda _: None)


def test_what_a_core_would_do() -> None:
    assert AdminReads("a room", 300.0, None, 0.25).per_core == 1200.0
    assert AdminReads("a room", 0.0, None, 0.0).per_core == 0.0
