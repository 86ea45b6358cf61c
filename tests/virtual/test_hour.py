"""Minutes or an hour of meeting in seconds, and the same to the last journal entry with the same seed."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.hour import EVERY_S, HOUR_S, JOIN_EVERY_S, PEOPLE, comparable, hold

ROOT = Path(__file__).parent.parent.parent
CPU_SHARE = 1 / 60
"""CPU seconds per second of meeting: far above what it takes (see docs/emulator.md), and far below real time."""
START_S = 10.0
"""CPU seconds to start with."""
ROUND_S = PEOPLE * EVERY_S


@pytest.mark.soak
@pytest.mark.parametrize("seconds", [2 * ROUND_S, HOUR_S])
@pytest.mark.timeout(240)
def test_a_meeting_passes_in_seconds_and_the_same_way_twice(seconds: int) -> None:
    """The second time is another process, with other hash seeds, at the same time on another core."""
    command = [sys.executable, "-m", "tests.support.hour", "7", str(seconds)]
    again = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    began = time.process_time()
    try:
        hour = hold(7, seconds)
        cpu_s = time.process_time() - began
        second, _ = again.communicate(timeout=200)
    finally:
        again.kill()
        again.wait()
    assert again.returncode == 0

    assert [passage["state"] for passage in hour.passages] == ["spoken"] * (seconds // EVERY_S)
    assert max(passage["ear_voice_span_ms"] for passage in hour.passages) < 4_000
    assert {robot["rounds"] for robot in hour.robots} == {seconds // ROUND_S - 1}  # the last one is cut off
    frames_heard = [robot["frames_heard"] for robot in hour.robots]
    assert frames_heard == pytest.approx([seconds * 50] * PEOPLE, abs=50 + 50 * PEOPLE * JOIN_EVERY_S)
    lasted = float(hour.journal[-1]["at"]) - float(hour.journal[0]["at"])
    assert lasted == pytest.approx(seconds, abs=30)
    assert cpu_s < START_S + CPU_SHARE * seconds

    first = comparable(hour.journal)
    differences = [pair for pair in itertools.zip_longest(first, second.split(b"\n")) if pair[0] != pair[1]]
    assert differences[:3] == []
    assert len(first) > seconds / 4


@pytest.mark.soak
@pytest.mark.timeout(90)
def test_another_seed_gives_another_hour() -> None:
    assert comparable(hold(1, seconds=10).journal)[:12] != comparable(hold(2, seconds=10).journal)[:12]
