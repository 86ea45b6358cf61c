"""Completes a short operation although the task that awaits it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def finished(work: Coroutine[Any, Any, Result]) -> tuple[Result, asyncio.CancelledError | None]:
    """Return the result of `work`, and the cancellation that arrived meanwhile: the caller cleans up and raises it.

    Only for work that ends by itself within a few seconds, since it cannot be cancelled. An exception of `work` is
    raised unless there was a cancellation, which takes precedence.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None and task.exception() is not None:
        raise cancelled from task.exception()
    return task.result(), cancelled
