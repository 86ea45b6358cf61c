"""Readers are woken a few at a time, so that what else is due in the loop waits for few of them."""

from __future__ import annotations

import asyncio

from http_serving.websocket_protocol import TEXT, whole_frame
from listeners.feed import Feed
from listeners.messages import CaptionMessage, Line
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


def caption(number: int, revision: int = 0) -> CaptionMessage:
    return CaptionMessage("room-1", f"u-{number}", revision, "a", "A", "es-ES", f"{number}.{revision}", False, 0)


@virtual_time
async def test_a_line_goes_straight_to_the_connection_while_it_takes_them_and_is_queued_in_order_otherwise() -> None:
    feed = Feed()
    feed.call_began("room-1")
    reader = feed.read_captions("room-1")
    written: list[bytes] = []
    read: list[Line] = []
    free = True

    def write(frame: bytes) -> bool:
        if free:
            written.append(frame)
        return free

    async def reads() -> None:
        async for line in reader:
            read.append(line)

    reader.direct = write
    feed.caption(caption(0))
    async with asyncio.TaskGroup() as group:
        group.create_task(reads())
        await asyncio.sleep(0.1)
        assert [line.caption.text for line in read] == ["0.0"], "what waited before the first wait comes first"
        feed.caption(caption(1))
        feed.caption(caption(2))
        await asyncio.sleep(0.1)
        assert written == [whole_frame(TEXT, line.encode()) for line in _encoded(feed)[1:]]
        free = False
        feed.caption(caption(3))
        await asyncio.sleep(0.1)
        free = True
        feed.caption(caption(3, 1))
        feed.caption(caption(4))
        await asyncio.sleep(0.1)
        assert [line.caption.text for line in read] == ["0.0", "3.0"]
        assert written[2:] == [whole_frame(TEXT, line.encode()) for line in _encoded(feed)[3:]]
        reader.close()


def _encoded(feed: Feed) -> list[str]:
    """Every line of the room in its latest revision, as it was sent when it came."""
    reader = feed.read_captions("room-1", since=1)
    reader.close()
    return [line.encoded.replace(',"history":true', "") for line in reader._lines.values()]
