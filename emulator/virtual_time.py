"""An event loop whose clock jumps to the next timer when nothing is under way: hours of meeting in seconds.

It works with real sockets as long as both ends live in this process: the kernel delivers over loopback before `send`
returns, so a `select` that shows nothing means that nothing is on its way. What the kernel cannot see is waited for:

* work in threads (`asyncio.to_thread`, executors): the clock stands still until it is done;
* child processes: while one lives, time runs as on the wall.

`emulator.clock` follows this loop by itself. Code of others that asks `time.time()` keeps the machine's time: in a
long run, tokens that carry a date then look expired, or not valid yet; `tests/virtual/wall_time.py` shows what to do.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any

Ready = list[tuple[selectors.SelectorKey, int]]

PATIENCE_S = 30.0
"""Real seconds that work in threads may take; longer means that it waits for this loop, and both for ever."""


class NothingWillHappen(RuntimeError):
    """Every task waits, no timer is set, and nobody outside is left who could change that."""


class _Selector(selectors.DefaultSelector):
    """Asked to wait, it turns the clock instead, unless something outside the loop is under way."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.now = start
        self.jobs = 0
        """Threads that will wake the loop."""
        self.children = 0
        """Processes that may."""

    def select(self, timeout: float | None = None) -> Ready:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.jobs:
            return self._wait_for_jobs()
        if self.children:
            return self._wait_in_real_time(timeout)
        if timeout is None:
            raise NothingWillHappen("everybody waits, and nothing will ever happen")
        self.now += timeout
        return ready

    def _wait_for_jobs(self) -> Ready:
        ready = super().select(PATIENCE_S)
        if not ready:
            raise NothingWillHappen(f"work in a thread took more than {PATIENCE_S:.0f} s: does it wait for the loop?")
        return ready

    def _wait_in_real_time(self, timeout: float | None) -> Ready:
        began = time.monotonic()
        ready = super().select(timeout)
        passed = time.monotonic() - began
        self.now += passed if ready or timeout is None else max(timeout, passed)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """For `asyncio.Runner(loop_factory=VirtualTimeLoop)`. Two runs of the same program do the same in the same order.

    Attributes:
        wall_offset: what the wall clock of `emulator.clock` is ahead of `time()`.
    """

    def __init__(self, *, start: float = 1_000.0, wall_start: float | None = None) -> None:
        """Args:
        start: what `time()` says first.
        wall_start: what the wall clock says first, seconds since 1970; None: what it is now.
        """
        self._clock = _Selector(start)
        super().__init__(self._clock)
        self.wall_offset = (time.time() if wall_start is None else wall_start) - start

    def time(self) -> float:
        return self._clock.now

    @contextmanager
    def waiting_for_a_thread(self) -> Iterator[None]:
        """The clock stands still inside: for threads this loop does not know of that will call it back."""
        self._clock.jobs += 1
        try:
            yield
        finally:
            self._clock.jobs -= 1

    def run_in_executor(self, executor: Executor | None, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]  # the stub's type variables cannot be repeated here
        future: asyncio.Future[Any] = super().run_in_executor(executor, func, *args)
        self._clock.jobs += 1
        future.add_done_callback(self._job_done)
        return future

    async def shutdown_default_executor(self) -> None:
        with self.waiting_for_a_thread():
            await super().shutdown_default_executor()

    async def _make_subprocess_transport(self, *args: Any, **kwargs: Any) -> Any:
        self._clock.children += 1
        try:
            return await super()._make_subprocess_transport(*args, **kwargs)  # type: ignore[misc]  # not in the stub
        except Exception:  # it was never started; once it is, its end is told below, whatever becomes of the wait here
            self._clock.children -= 1
            raise

    def _child_watcher_callback(self, *args: Any) -> None:
        """A child has ended; called in the thread that waited for it."""
        self.call_soon_threadsafe(self._child_ended)
        super()._child_watcher_callback(*args)  # type: ignore[misc]  # not in the stub

    def _child_ended(self) -> None:
        self._clock.children -= 1

    def _job_done(self, future: asyncio.Future[Any]) -> None:
        self._clock.jobs -= 1
