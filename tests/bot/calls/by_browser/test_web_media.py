"""A room without a call is open as soon as it runs. People in it: `tests/bot/listening/test_web_speakers.py`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bot.calls.by_browser.web_media import WebMedia
from bot.calls.state_machine import CallState
from bot.interpreting.announcement import text as announcement
from tests.support.call_service import WEB_ROOM, ServiceHarness
from tests.support.virtual_time import virtual_time


@virtual_time
async def test_a_room_without_a_call_is_open_at_once_and_says_that_a_machine_interprets() -> None:
    async with ServiceHarness() as harness:
        plan = replace(WEB_ROOM.plan, announcement=True)
        harness.plans.rooms[WEB_ROOM.room_id] = replace(WEB_ROOM, plan=plan)
        captions = harness.feed.read_captions(WEB_ROOM.room_id)
        await harness.commands.start(WEB_ROOM.room_id)
        await asyncio.sleep(0.1)
        call = harness.active_calls.by_room(WEB_ROOM.room_id)
        assert call is not None
        assert isinstance(call.media, WebMedia)
        assert (call.state, call.media.problem, call.connection.id) == (CallState.STREAMING, None, None)
        captions.close()
        assert [line.caption.text async for line in captions] == [announcement(plan, tag) for tag in plan.languages]
        await call.media.move()
        await asyncio.sleep(0.1)
        assert call.left.is_set()
