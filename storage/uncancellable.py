"""Bringing a short piece of work to its end although whoever awaits it is cancelled. Knows nothing of what it does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def finished(work: Coroutine[Any, Any, Result]) -> tuple[Result, asyncio.CancelledError | None]:
    """What `work` returns, and the cancellation that came meanwhile: the caller tidies up and raises it.

    Only for work that ends by itself within a few seconds: nobody can end it earlier. What it raises is raised, unless
    there was a cancellation, which counts more.
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
