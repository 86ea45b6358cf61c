"""Work is brought to its end whoever is cancelled meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from storage.uncancellable import finished


async def test_undisturbed_it_is_an_await() -> None:
    async def work() -> int:
        return 1

    assert await finished(work()) == (1, None)


async def test_however_often_cancelled_it_waits_for_the_end() -> None:
    end = asyncio.Event()

    async def work() -> int:
        await end.wait()
        return 1

    outer = asyncio.ensure_future(finished(work()))
    for _ in range(3):
        await asyncio.sleep(0)
        outer.cancel()
    await asyncio.sleep(0)
    assert not outer.done()
    end.set()
    result, cancelled = await outer
    assert result == 1
    assert isinstance(cancelled, asyncio.CancelledError)


@pytest.mark.parametrize("cancel", [False, True])
async def test_an_error_is_raised_and_a_cancellation_counts_more(cancel: bool) -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        raise ValueError

    outer = asyncio.ensure_future(finished(work()))
    await asyncio.sleep(0)
    if cancel:
        outer.cancel()
    with pytest.raises(asyncio.CancelledError if cancel else ValueError):
        await outer
