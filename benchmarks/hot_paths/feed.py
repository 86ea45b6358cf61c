"""Publishes a frame to every listener of a channel. Hot: 50 frames per second for hundreds of listeners."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benchmarks.hot_paths.timing import HotPath
from listeners.feed import Feed
from listeners.readers import AudioReader

READERS = 500
FRAMES = 50


def paths() -> list[HotPath]:
    return [
        HotPath(f"feed: publish to {READERS} that do not read", FRAMES, _publish_only()),
        HotPath(f"feed: publish to {READERS} that read", FRAMES, _publish_and_read),
    ]


def _publish_only() -> Callable[[], None]:
    feed = Feed()
    for _ in range(READERS):
        feed.read_audio("room", "es-ES")
    pcm = bytes(960)

    def step() -> None:
        for _ in range(FRAMES):
            feed.audio("room", "es-ES", pcm)

    return step


def _publish_and_read() -> None:
    """Publish to readers, including waking every reader's task, and starting the tasks once."""
    asyncio.run(_to_readers())


async def _to_readers() -> None:
    feed = Feed()
    async with asyncio.TaskGroup() as group:
        for _ in range(READERS):
            group.create_task(_read(feed.read_audio("room", "es-ES")))
        await asyncio.sleep(0)
        for _ in range(FRAMES):
            feed.audio("room", "es-ES", bytes(960))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        feed.close("done")


async def _read(reader: AudioReader) -> None:
    async for _ in reader:
        pass
