"""When a room is left by people who speak by browser. What follows: `tests/bot/listening/test_web_speakers.py`."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace

import pytest

from bot.calls.by_browser.attendance import IDLE_S, Attendance
from bot.calls.state_machine import CallTrigger
from bot.live_room.hearing import Hearing
from bot.live_room.microphones import Microphones
from tests.support.media_streams import NumberedSpeech
from tests.support.meeting import ADA, TWO_LANGUAGES
from tests.support.virtual_time import virtual_time

LEFT, EXPIRED = (CallTrigger.EVERYBODY_LEFT, "everybody_left"), (CallTrigger.ROOM_DELETED, "room_expired")


@pytest.mark.parametrize(
    ("expected_first", "opened", "closed", "in_call", "open_s", "expected"),
    [
        (True, None, None, False, math.inf, [(IDLE_S, LEFT)]),
        (True, 10.0, 20.0, False, math.inf, [(20.0 + IDLE_S, LEFT)]),
        (True, 10.0, None, False, 1_000.0, [(1_000.0, EXPIRED)]),
        (True, 10.0, 20.0, False, 20.0 + IDLE_S, [(20.0 + IDLE_S, EXPIRED)]),
        (True, None, None, False, -5.0, [(0.0, EXPIRED)]),
        (False, None, None, False, math.inf, []),
        (False, 10.0, None, False, math.inf, []),
        (False, 10.0, 20.0, True, math.inf, []),
        (False, 10.0, 20.0, False, math.inf, [(20.0 + IDLE_S, LEFT)]),
    ],
)
def test_who_is_waited_for_and_how_long(
    expected_first: bool,
    opened: float | None,
    closed: float | None,
    in_call: bool,
    open_s: float,
    expected: list[object],
) -> None:
    @virtual_time
    async def script() -> None:
        loop = asyncio.get_running_loop()
        began, found = loop.time(), []
        hearing = Hearing(TWO_LANGUAGES, NumberedSpeech(), lambda _: None, loop.time, None, None)
        microphones = Microphones(hearing, lambda _: None, lambda _: True, loop.time)
        attendance = Attendance(
            microphones,
            replace(TWO_LANGUAGES, open_until=open_s),
            expected=expected_first,
            is_attended=lambda: in_call,
            happen=lambda trigger, reason: found.append((round(loop.time() - began, 3), (trigger, reason))),
            wall_clock=lambda: loop.time() - began,
        )
        watching = asyncio.create_task(attendance.watch())
        if opened is not None:
            await asyncio.sleep(opened)
            microphone = microphones.open(ADA, lambda _: None)
            if closed is not None:
                await asyncio.sleep(closed - opened)
                microphone.close()
        await asyncio.sleep(2_000.0)
        assert found == expected
        assert watching.done() == bool(expected)
        watching.cancel()
        await asyncio.wait([watching])

    script()
