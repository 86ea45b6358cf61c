"""Tests in virtual time: hours of meeting in seconds, and always in the same order.

`pytestmark = in_virtual_time` puts the tests of a module, and the asynchronous fixtures they use, into a loop whose
clock jumps. It fits wherever both ends of all sockets live in the test's process; see `emulator.virtual_time`.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ParamSpec

import pytest

from emulator.virtual_time import VirtualTimeLoop

Arguments = ParamSpec("Arguments")

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "real": asyncio.new_event_loop,
    "virtual": VirtualTimeLoop,
}

in_virtual_time = pytest.mark.asyncio(loop_factories=["virtual"])


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Offer virtual time to tests that ask for it: a hook for `conftest.py`."""
    marker = item.get_closest_marker("asyncio")
    names = ("real",) if marker is None else marker.kwargs.get("loop_factories", ("real",))
    return {name: LOOPS[name] for name in names}


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
