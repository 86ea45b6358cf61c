"""Readers are woken a few at a time, so that what else is due in the loop waits for few of them."""

from __future__ import annotations

import asyncio

from http_serving.websocket_protocol import TEXT, whole_frame
from listeners.feed import Feed
from listeners.messages import CaptionMessage, Line
from listeners.readers import AT_ONCE, LINES_LIMIT, PUTS
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


@virtual_time
async def test_of_a_large_audience_everybody_gets_every_line_once_and_in_order() -> None:
    feed = Feed()
    feed.call_began("room-1")
    readers = [feed.read_captions("room-1") for _ in range(PUTS * 2 + 1)]
    for number in range(3):
        feed.caption(caption(number))
    assert sorted(reader._waiting() for reader in readers) == [0] * (PUTS + 1) + [1] * PUTS, "the others come later"
    late = feed.read_captions("room-1", since=1)
    gone = next(reader for reader in readers if not reader._waiting())
    gone.close()
    readers.remove(gone)
    await asyncio.sleep(0.1)
    feed.caption(caption(3))
    feed.close_room("room-1", "room_ended")
    for reader in (*readers, late):
        assert [line.caption.text for line in [line async for line in reader]] == ["0.0", "1.0", "2.0", "3.0"]
        assert reader.reason == "room_ended"
    assert not gone._waiting()


@virtual_time
async def test_lines_that_come_faster_than_they_are_handed_out_are_bounded_and_none_is_lost() -> None:
    feed = Feed(caption_limit=1_000)
    feed.call_began("room-1")
    readers = [feed.read_captions("room-1") for _ in range(PUTS * 2)]
    for number in range(LINES_LIMIT * 3):
        feed.caption(caption(number))
        assert len(feed._wakes._lines) <= LINES_LIMIT
    await asyncio.sleep(0.1)
    assert {reader._waiting() for reader in readers} == {LINES_LIMIT * 3}
    assert feed.statistics().dropped_lines == 0
