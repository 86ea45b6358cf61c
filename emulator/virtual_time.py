"""An event loop in virtual time: its clock jumps to the next timer when nothing else is pending.

It works with real sockets as long as both ends are in this process: the kernel delivers over loopback before `send`
returns, so a `select` without results means that nothing is in transit. What `select` does not show is waited for:

* bytes that the kernel holds back for lack of room at the other end or to fill a packet (Linux only);
* work in threads (`asyncio.to_thread`, executors): the clock stops until it is done, and results are delivered in the
  order in which the work was submitted;
* child processes: while a child runs, the clock runs in real time.

`emulator.clock` follows this loop. Other code that calls `time.time()` keeps the machine's time: in a long run, tokens
with a date then look expired or not yet valid; `tests/support/wall_time.py` shows the remedy.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import fcntl
import itertools
import selectors
import sys
import time
from asyncio.selector_events import _SelectorSocketTransport  # type: ignore[attr-defined]  # not in the stub
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

Ready = list[tuple[selectors.SelectorKey, int]]

PATIENCE_S = 30.0
"""Real seconds that work in threads may take; longer means that it waits for this loop, a deadlock."""
KERNEL_S = 0.5
"""Real seconds to wait for bytes that the kernel holds back; longer means that the other end does not read."""
_UNSENT = 0x894B  # SIOCOUTQNSD of Linux: bytes written to a connection that have not been sent
_NUMBER = bytes(4)
_TURNS = 32  # sockets are polled at least every so many turns, for tasks that poll one in a loop


class LoopDeadlock(RuntimeError):
    """Every task waits, no timer is set, and nothing outside the loop can wake it."""


class _Selector(selectors.DefaultSelector):
    """A selector that advances the clock instead of waiting, unless something outside the loop is pending."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.now = start
        self.jobs: deque[tuple[concurrent.futures.Future[Any], asyncio.Future[Any]]] = deque()
        """Work in threads and the futures that wait for it, in order of submission."""
        self.threads = 0
        """Number of foreign threads that will wake the loop."""
        self.children = 0
        """Number of child processes that may wake the loop."""
        self.written: set[int] = set()
        """File descriptors of connections that may have unsent bytes."""
        self._turns = 0
        self._stuck: dict[int, int] = {}
        """Unsent bytes of connections whose other end does not read; they are not waited for again."""

    def select(self, timeout: float | None = None) -> Ready:
        if timeout is not None and timeout <= 0:
            # There are callbacks to run. Polling sockets only after them saves a third of the time.
            self._turns += 1
            return super().select(0) if self._turns % _TURNS == 0 else []
        ready = super().select(0)
        if ready:
            return ready
        if self.jobs:
            self._finish_job()
        elif self.threads:
            ready = super().select(PATIENCE_S)
            if not ready:
                raise LoopDeadlock(f"no thread woke the loop within {PATIENCE_S:.0f} s")
        elif self.children:
            return self._wait_in_real_time(timeout)
        elif (unsent := self._unsent()) and unsent != self._stuck:
            ready = self._wait_for_the_kernel()
        elif timeout is None:
            raise LoopDeadlock("every task waits, no timer is set, and nothing can wake the loop")
        else:
            self.now += timeout
        return ready

    def _finish_job(self) -> None:
        """Deliver the result of the work submitted first, whichever was done first, so that runs are repeatable."""
        work, waiter = self.jobs.popleft()
        done, _ = concurrent.futures.wait((work,), PATIENCE_S)
        if not done:
            raise LoopDeadlock(f"work in a thread took more than {PATIENCE_S:.0f} s: does it wait for the loop?")
        if waiter.cancelled() or work.cancelled():
            waiter.cancel()
        elif (error := work.exception()) is not None:
            waiter.set_exception(error)
        else:
            waiter.set_result(work.result())

    def _unsent(self) -> dict[int, int]:
        """Return the number of bytes that the kernel has not sent yet, by connection."""
        unsent: dict[int, int] = {}
        for fd in self.written:
            try:
                waiting = fcntl.ioctl(fd, _UNSENT, _NUMBER)
            except OSError:
                continue  # closed, or not a TCP connection
            if waiting != _NUMBER:
                unsent[fd] = int.from_bytes(waiting, sys.byteorder)
        self.written = set(unsent)
        return unsent

    def _wait_for_the_kernel(self) -> Ready:
        """Wait for bytes that the kernel holds back until the other end has room; the kernel tries again in 0.2 s."""
        ready = super().select(KERNEL_S)
        if not ready:
            self._stuck = self._unsent()
        return ready

    def _wait_in_real_time(self, timeout: float | None) -> Ready:
        began = time.monotonic()
        ready = super().select(timeout)
        passed = time.monotonic() - began
        self.now += passed if ready or timeout is None else max(timeout, passed)
        return ready


class _Transport(_SelectorSocketTransport):  # type: ignore[misc]  # so it is Any
    """A transport that records that it was written to."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        super().write(data)
        self._loop._clock.written.add(self._sock_fd)

    def _write_ready(self) -> None:
        super()._write_ready()
        self._loop._clock.written.add(self._sock_fd)


class _Task(asyncio.Task[Any]):
    """A task hashed by number instead of address, so that task groups end their tasks in the same order in each run."""

    number = 0

    def __hash__(self) -> int:
        return self.number


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, for `asyncio.Runner(loop_factory=VirtualTimeLoop)`. Runs are repeatable.

    Attributes:
        wall_offset: seconds by which the wall clock of `emulator.clock` is ahead of `time()`.
    """

    def __init__(self, *, start: float = 1_000.0, wall_start: float | None = None) -> None:
        """Args:
        start: first value of `time()`.
        wall_start: first value of the wall clock, seconds since 1970; None: the present time.
        """
        self._clock = _Selector(start)
        super().__init__(self._clock)
        self._threads: ThreadPoolExecutor | None = None
        self._numbers = itertools.count(1)
        self.set_task_factory(self._make_task)
        self.wall_offset = (time.time() if wall_start is None else wall_start) - start

    def time(self) -> float:
        return self._clock.now

    @contextmanager
    def waiting_for_a_thread(self) -> Iterator[None]:
        """Stop the clock while inside, to wait for a thread unknown to this loop that will call it back."""
        self._clock.threads += 1
        try:
            yield
        finally:
            self._clock.threads -= 1

    def run_in_executor(self, executor: Executor | None, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]  # the stub's type variables cannot be repeated here
        if executor is None:
            executor = self._threads = self._threads or ThreadPoolExecutor(thread_name_prefix="virtual time")
        work = executor.submit(func, *args)
        waiter: asyncio.Future[Any] = self.create_future()
        self._clock.jobs.append((work, waiter))
        return waiter

    async def shutdown_default_executor(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)

    def _make_task(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
        # The number comes first: a task is added to the set of all tasks before its constructor returns.
        task = _Task.__new__(_Task)
        task.number = next(self._numbers)
        task.__init__(coro, loop=loop, **options)  # type: ignore[misc]  # see above
        return task

    def _make_socket_transport(
        self, sock: Any, protocol: Any, waiter: Any = None, *, extra: Any = None, server: Any = None
    ) -> _Transport:
        return _Transport(self, sock, protocol, waiter, extra, server)

    async def _make_subprocess_transport(self, *args: Any, **kwargs: Any) -> Any:
        self._clock.children += 1
        try:
            return await super()._make_subprocess_transport(*args, **kwargs)  # type: ignore[misc]  # not in the stub
        except Exception:  # it was never started; the end of a started child is reported below
            self._clock.children -= 1
            raise

    def _child_watcher_callback(self, *args: Any) -> None:
        """Handle the end of a child; called in the thread that waited for it."""
        self.call_soon_threadsafe(self._child_ended)
        super()._child_watcher_callback(*args)  # type: ignore[misc]  # not in the stub

    def _child_ended(self) -> None:
        self._clock.children -= 1
