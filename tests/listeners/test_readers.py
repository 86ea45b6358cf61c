"""Readers are woken a few at a time, so that what else is due in the loop waits for few of them."""

from __future__ import annotations

import asyncio

from listeners.feed import Feed
from listeners.messages import CaptionMessage
from listeners.readers import AT_ONCE
from tests.support.virtual_time import virtual_time

READERS = 10 * AT_ONCE


@virtual_time
async def test_a_large_audience_is_woken_over_several_turns_of_the_loop() -> None:
    feed = Feed()
    feed.call_began("room-1")
    turns: list[int] = []
    read = 0

    async def reads() -> None:
        nonlocal read
        reader = feed.read_captions("room-1")
        for _ in range(2):
            await anext(reader)
            read += 1
        reader.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(READERS):
            group.create_task(reads())
        await asyncio.sleep(0.1)
        for number in range(2):
            for revision in range(3):  # the readers are due already
                message = CaptionMessage("room-1", f"u-{number}", revision, "a", "A", "es-ES", "x", False, 0)
                feed.caption(message)
            while read < READERS * (number + 1):
                before = read
                await asyncio.sleep(0)
                turns.append(read - before)
    assert max(turns) <= AT_ONCE
    assert read == 2 * READERS
