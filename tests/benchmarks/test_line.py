"""The meter of CPU time; real runs are measured in `test_subjects`."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil

from benchmarks.line import Meter


def test_other_programs_on_a_core_are_seen() -> None:
    """This process counts as another program to an idle process."""
    core = min(os.sched_getaffinity(0))
    allowed = os.sched_getaffinity(0)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]) as idle:
        try:
            os.sched_setaffinity(0, {core})
            began = time.monotonic()
            meter, own = Meter(psutil.Process(idle.pid), core), Meter(psutil.Process(), core)
            while own.seconds < 0.6:
                pass
            took_s = time.monotonic() - began
            assert (meter.others_share or 0.0) > 0.2 / took_s
            assert meter.seconds < 0.2
        finally:
            os.sched_setaffinity(0, allowed)
            idle.kill()


def test_other_programs_are_not_measured_without_pinning() -> None:
    assert Meter(psutil.Process(), None).others_share is None
