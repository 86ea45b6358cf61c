"""Publishes a frame to every listener of a channel. Hot: 50 frames per second for hundreds of listeners."""

from __future__ import annotations

import asyncio

from benchmarks.hot_paths.timing import HotPath
from listeners.feed import Feed
from listeners.readers import AudioReader

READERS = 500
FRAMES = 50


def paths() -> list[HotPath]:
    return [
        HotPath(f"feed: publish to {READERS} that do not read", FRAMES, _publish_only),
        HotPath(f"feed: publish to {READERS} that read", FRAMES, _publish_and_read),
    ]


def _publish_only() -> None:
    """Publish to readers whose queues are full: each frame is encoded once, and the oldest dropped by everybody."""
    asyncio.run(_to_readers(reading=False))


def _publish_and_read() -> None:
    """Publish to readers, including waking every reader's task, and starting the tasks once."""
    asyncio.run(_to_readers(reading=True))


async def _to_readers(*, reading: bool) -> None:
    feed = Feed()
    async with asyncio.TaskGroup() as group:
        for _ in range(READERS):
            reader = feed.read_audio("room", "es-ES")
            if reading:
                group.create_task(_read(reader))
        await asyncio.sleep(0)
        for _ in range(FRAMES):
            feed.audio("room", "es-ES", bytes(960))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        feed.close("done")


async def _read(reader: AudioReader) -> None:
    async for _ in reader:
        pass
