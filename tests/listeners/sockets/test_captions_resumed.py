"""Whoever connects again with the last position neither loses nor repeats a caption, in whichever process."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from listeners.feed import Feed
from listeners.messages import CaptionMessage


def caption(utterance: int, revision: int, language: str) -> CaptionMessage:
    return CaptionMessage("room-1", f"u-{utterance}", revision, "8:acs:ada", "Ada", language, "text", False, 1000)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["en-US", "es-ES"])), max_size=40),
    st.lists(st.integers(0, 6), min_size=1, max_size=8),
    st.booleans(),
)
def test_reconnecting_with_the_last_position_neither_loses_nor_repeats(
    said: list[tuple[int, str]], cuts: list[int], other_process: bool
) -> None:
    """Lines are read over several connections, each of which ends after some lines; the last reads all there is.

    With `other_process`, each connection reaches another one of two processes that know the same lines.
    """

    async def scenario() -> None:
        feeds = [Feed(), Feed()]
        for feed in feeds:
            feed.call_began("room-1")
        got: list[tuple[int, str]] = []
        seen, written = 0, 0

        async def read(feed: Feed, limit: int | None) -> None:
            nonlocal seen
            reader = feed.read_captions("room-1", since=seen)
            reader.close()
            async for line in reader:
                assert line.position > seen
                seen = line.position
                got.append((line.caption.revision, line.caption.utterance_id))
                if limit is not None and (limit := limit - 1) <= 0:
                    break

        for place, cut in enumerate(cuts):
            for utterance, language in said[written : written + cut]:
                written += 1
                owner = feeds[0]
                owner.caption(caption(utterance, written, language))
                feeds[1].take("room-1", owner.kept("room-1")[0][-1:])
            await read(feeds[place % 2 if other_process else 0], max(1, cut - 1))
        await read(feeds[0], None)
        assert len(got) == len(set(got)), "nothing is repeated"
        latest: dict[tuple[int, str], int] = {}
        for revision, key in enumerate(said[:written], 1):
            latest[key] = revision
        assert {revision for revision, _ in got} >= set(latest.values()), "the latest of each line came"

    asyncio.run(scenario())
