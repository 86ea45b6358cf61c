"""Tests in virtual time: hours of meeting in milliseconds, and always in the same order."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

from emulator.virtual_time import VirtualTimeLoop

Arguments = ParamSpec("Arguments")


def virtual_time(test: Callable[Arguments, Coroutine[Any, Any, None]]) -> Callable[Arguments, None]:
    """Run a test in a loop of its own, in virtual time; a task it leaves running fails it."""

    @functools.wraps(test)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        async def alone() -> None:
            await test(*args, **kwargs)
            for _ in range(3):
                await asyncio.sleep(0)
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks left running: {[task.get_name() for task in left]}"

        with asyncio.Runner(debug=True, loop_factory=VirtualTimeLoop) as runner:
            runner.run(alone())

    return run
