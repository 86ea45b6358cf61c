"""Rates per core; real reads are measured in `test_subjects`."""

from __future__ import annotations

from benchmarks.admin_reads import AdminReads


def test_reads_per_core() -> None:
    assert AdminReads("a room", 300.0, None, 0.25).per_core == 1200.0
    assert AdminReads("a room", 0.0, None, 0.0).per_core == 0.0
