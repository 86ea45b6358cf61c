from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.acs.calls.frame_clock import CATCH_UP_TICKS, FrameClock, missed_ticks
from emulator.acs.wire.resampling import FRAME_S
from emulator.journal import Journal
from tests.support.acs_emulator import until


class Counter:
    def __init__(self, fail_at: int | None = None) -> None:
        self.due: list[float] = []
        self.errors: list[Exception] = []
        self._fail_at = fail_at

    def tick(self, now: float) -> None:
        self.due.append(now)
        if len(self.due) == self._fail_at:
            raise RuntimeError("a call's own fault")

    def failed(self, error: Exception) -> None:
        self.errors.append(error)


@given(st.floats(0, 100))
def test_after_skipping_no_more_than_the_cap_is_made_up(late: float) -> None:
    left = late - missed_ticks(late) * FRAME_S
    assert left < (CATCH_UP_TICKS + 1) * FRAME_S
    if late < CATCH_UP_TICKS * FRAME_S:
        assert missed_ticks(late) == 0


async def test_ticks_are_due_20_ms_apart_however_late_they_come() -> None:
    clock, counter = FrameClock(Journal()), Counter()
    running = asyncio.ensure_future(clock.run())
    clock.add(counter)
    await until(lambda: len(counter.due) > 5)
    time.sleep(0.1)  # noqa: ASYNC251 - the loop stalls, which is what this is about
    await until(lambda: len(counter.due) > 15)
    running.cancel()
    assert [later - earlier for earlier, later in pairwise(counter.due)] == pytest.approx(
        [FRAME_S] * (len(counter.due) - 1), abs=1e-6
    )
    assert clock.skipped == 0
    assert clock.worst_late_ms > 50


async def test_a_long_stall_is_skipped_and_counted() -> None:
    journal = Journal()
    clock, counter = FrameClock(journal), Counter()
    running = asyncio.ensure_future(clock.run())
    clock.add(counter)
    await until(lambda: len(counter.due) > 2)
    time.sleep(0.5)  # noqa: ASYNC251 - the loop stalls, which is what this is about
    before = len(counter.due)
    await until(lambda: len(counter.due) > before + CATCH_UP_TICKS + 5)
    running.cancel()
    assert 10 <= clock.skipped <= 25
    assert len(journal.entries("clock.stalled")) == 1


async def test_a_failing_call_does_not_stop_the_others() -> None:
    clock, good, bad = FrameClock(Journal()), Counter(), Counter(fail_at=2)
    running = asyncio.ensure_future(clock.run())
    for counter in (good, bad):
        clock.add(counter)
    await until(lambda: len(good.due) > 6)
    running.cancel()
    assert len(bad.due) == 2
    assert [str(error) for error in bad.errors] == ["a call's own fault"]


async def test_it_rests_and_wakes_again() -> None:
    clock, counter = FrameClock(Journal()), Counter()
    running = asyncio.ensure_future(clock.run())
    clock.add(counter)
    await until(lambda: len(counter.due) > 2)
    clock.remove(counter)
    await until(lambda: not any(clock._phases) and not clock._wanted.is_set())
    rested = len(counter.due)
    clock.add(counter)
    await until(lambda: len(counter.due) > rested + 2)
    running.cancel()
