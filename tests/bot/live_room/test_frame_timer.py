from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.live_room.frame_timer import EARLY_S, TICK_S, FrameTimer
from tests.support.virtual_time import virtual_time


@asynccontextmanager
async def running(frame_timer: FrameTimer) -> AsyncIterator[None]:
    task = asyncio.create_task(frame_timer.run(), name="frame_timer")
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


class Diary:
    """Who was rung, and when, since the beginning of the test."""

    def __init__(self, frame_timer: FrameTimer) -> None:
        self._began = asyncio.get_running_loop().time()
        self.rings: list[tuple[str, float]] = []
        self._frame_timer = frame_timer

    def alarm(self, name: str, *deadlines: float) -> None:
        """One that asks for these deadlines, the first now, and each next one when it is rung."""
        asked = iter(deadlines)

        def ring(now: float) -> None:
            self.rings.append((name, round(now - self._began, 6)))
            following = next(asked, None)
            alarm.set(None if following is None else self._began + following)

        alarm = self._frame_timer.alarm(ring)
        alarm.set(self._began + next(asked))


@virtual_time
async def test_each_is_rung_when_it_asked_to_be() -> None:
    frame_timer = FrameTimer()
    diary = Diary(frame_timer)
    diary.alarm("a", 0.02, 0.04, 0.06)
    diary.alarm("b", 0.05)
    async with running(frame_timer):
        await asyncio.sleep(1)
    assert diary.rings == [("a", 0.02), ("a", 0.04), ("b", 0.05), ("a", 0.06)]


@virtual_time
async def test_one_that_asks_while_the_others_sleep_is_rung_in_time() -> None:
    frame_timer = FrameTimer()
    diary = Diary(frame_timer)
    async with running(frame_timer):
        diary.alarm("late", 10.0)
        await asyncio.sleep(1)
        diary.alarm("early", 2.0)
        diary.alarm("at once", 0.5)
        await asyncio.sleep(20)
    assert diary.rings == [("at once", 1.0), ("early", 2.0), ("late", 10.0)]


@virtual_time
async def test_deadlines_close_together_are_served_in_one_turn() -> None:
    frame_timer = FrameTimer()
    diary = Diary(frame_timer)
    diary.alarm("a", 1.0)
    diary.alarm("b", 1.0 + EARLY_S / 2)
    diary.alarm("c", 1.0 + TICK_S / 2 + EARLY_S / 2)
    async with running(frame_timer):
        await asyncio.sleep(2)
    assert [name for name, _ in diary.rings] == ["a", "b", "c"]
    a, b, c = (at for _, at in diary.rings)
    assert a == b == 1.0
    assert c == pytest.approx(1.0 + TICK_S)


@virtual_time
async def test_voices_keep_their_rhythm_and_share_their_turns() -> None:
    """Each asks for the next frame 20 ms after the last one was due, not after it was rung."""
    frame_timer = FrameTimer()
    diary = Diary(frame_timer)
    for name, first in (("a", 0.001), ("b", 0.0033), ("c", 0.0077)):
        diary.alarm(name, *(first + frame * 0.02 for frame in range(50)))
    async with running(frame_timer):
        await asyncio.sleep(2)
    rung_at = {name: [at for rung, at in diary.rings if rung == name] for name in "abc"}
    assert rung_at["a"] == rung_at["b"] == pytest.approx([0.005 + frame * 0.02 for frame in range(50)])
    assert rung_at["c"] == pytest.approx([0.01 + frame * 0.02 for frame in range(50)])


@virtual_time
async def test_a_late_turn_serves_only_what_was_due_at_its_instant() -> None:
    frame_timer = FrameTimer()
    diary = Diary(frame_timer)
    diary.alarm("a", 1.0049)
    diary.alarm("b", 1.0057)
    await asyncio.sleep(1.0054)  # nobody keeps time
    async with running(frame_timer):
        await asyncio.sleep(1)
    assert diary.rings == [("a", 1.0054), ("b", 1.01)]


@virtual_time
async def test_how_late_it_woke_is_counted_unless_it_was_woken_early() -> None:
    frame_timer = FrameTimer()
    diary = Diary(frame_timer)
    async with running(frame_timer):
        diary.alarm("a", 3.0)
        await asyncio.sleep(0.1)
        diary.alarm("b", 0.5)
        await asyncio.sleep(1)
        assert frame_timer.lateness.read().counts[0] == frame_timer.lateness.read().count == 1


@virtual_time
async def test_one_that_always_asks_for_now_does_not_keep_the_others_from_their_turn() -> None:
    """The regression: a ring that asked for what was due already was served again in the same turn, for ever."""
    frame_timer = FrameTimer()
    loop = asyncio.get_running_loop()
    diary = Diary(frame_timer)
    rings = 0

    def again(now: float) -> None:
        nonlocal rings
        rings += 1
        greedy.set(now)

    greedy = frame_timer.alarm(again)
    greedy.set(loop.time())
    diary.alarm("patient", 0.05)
    async with running(frame_timer):
        await asyncio.sleep(0.1)
    ((_, rung_at),) = diary.rings
    assert rung_at == pytest.approx(0.05, abs=2 * TICK_S)
    assert rings <= 0.1 / TICK_S + 2


@virtual_time
async def test_an_earlier_ring_is_kept_and_a_later_one_may_be_asked_for_then() -> None:
    frame_timer = FrameTimer()
    began = asyncio.get_running_loop().time()
    rings: list[float] = []

    def ring(now: float) -> None:
        rings.append(round(now - began, 6))

    alarm = frame_timer.alarm(ring)
    async with running(frame_timer):
        alarm.set(began + 2.0)
        alarm.set(began + 5.0)
        alarm.set(None)
        alarm.set(began + 1.0)
        await asyncio.sleep(10)
        assert rings == [1.0]
        alarm.set(began + 12.0)
        await asyncio.sleep(10)
    assert rings == [1.0, 12.0]


@virtual_time
async def test_one_that_is_cleared_is_not_rung() -> None:
    frame_timer = FrameTimer()
    diary = Diary(frame_timer)
    diary.alarm("a", 1.0)
    alarm = frame_timer.alarm(lambda now: pytest.fail("was cleared"))
    async with running(frame_timer):
        alarm.set(asyncio.get_running_loop().time() + 0.5)
        alarm.clear()
        await asyncio.sleep(2)
    assert diary.rings == [("a", 1.0)]


@virtual_time
async def test_what_was_missed_is_served_late_and_once() -> None:
    frame_timer = FrameTimer()
    diary = Diary(frame_timer)
    diary.alarm("a", 0.02, 0.04, 0.06)
    await asyncio.sleep(1)  # nobody keeps time
    async with running(frame_timer):
        await asyncio.sleep(1)
    assert [at for _, at in diary.rings] == [1.0, 1.0 + TICK_S, 1.0 + 2 * TICK_S]


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 300), min_size=1, max_size=6), min_size=1, max_size=6))
def test_nobody_is_rung_early_nor_noticeably_late(wishes: list[list[int]]) -> None:
    """Deadlines in milliseconds, as they come; one in the past means now."""

    @virtual_time
    async def script() -> None:
        frame_timer = FrameTimer()
        diary = Diary(frame_timer)
        for name, deadlines in enumerate(wishes):
            diary.alarm(str(name), *(deadline / 1000 for deadline in deadlines))
        async with running(frame_timer):
            await asyncio.sleep(1)
        for name, deadlines in enumerate(wishes):
            rung_at = [at for rung, at in diary.rings if rung == str(name)]
            assert len(rung_at) == len(deadlines)
            due_at = 0.0
            for at, deadline in zip(rung_at, deadlines, strict=True):
                due_at = max(due_at, deadline / 1000)
                assert due_at - EARLY_S - 1e-6 <= at <= due_at + TICK_S + 1e-6
                due_at = at

    script()
