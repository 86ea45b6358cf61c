from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
import uvloop

from emulator.engine.local.process import WorkerFailed, WorkerProcess

MODULE = "tests.support.odd_worker"
LIMIT = 10.0


@asynccontextmanager
async def odd_worker() -> AsyncIterator[WorkerProcess]:
    worker = WorkerProcess(MODULE)
    try:
        yield worker
    finally:
        await worker.close()


async def ask(worker: WorkerProcess, command: str) -> tuple[int, str]:
    pid, _, rest = (await worker.ask(command.encode(), LIMIT)).decode().partition(" ")
    return int(pid), rest


def gone(pid: int) -> bool:
    """Wait until the process has ended."""
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)
                continue
        return True
    return False


async def test_one_process_answers_all_requests_in_order() -> None:
    async with odd_worker() as worker:
        answers = await asyncio.gather(*(ask(worker, f"say {number}") for number in range(5)))
    assert [text for _, text in answers] == ["0", "1", "2", "3", "4"]
    assert len({pid for pid, _ in answers}) == 1


async def test_nothing_starts_before_the_first_request() -> None:
    async with odd_worker() as worker:
        assert worker.pid is None
        await ask(worker, "say x")
        assert worker.pid is not None


async def test_an_error_is_an_answer() -> None:
    async with odd_worker() as worker:
        pid, _ = await ask(worker, "say x")
        with pytest.raises(WorkerFailed, match="ValueError: not that"):
            await ask(worker, "refuse not that")
        assert await ask(worker, "say y") == (pid, "y")


async def test_what_a_library_prints_is_no_answer() -> None:
    async with odd_worker() as worker:
        assert (await ask(worker, "print hello"))[1] == "hello"
        assert (await ask(worker, "say x"))[1] == "x"


async def test_a_crash_is_tried_once_more(tmp_path: Path) -> None:
    async with odd_worker() as worker:
        first, _ = await ask(worker, "say x")
        second, _ = await ask(worker, f"crash-once {tmp_path / 'crashed'}")
        assert second != first


async def test_a_request_that_always_crashes_fails_and_the_next_one_works() -> None:
    async with odd_worker() as worker:
        with pytest.raises(WorkerFailed, match="crashed twice"):
            await ask(worker, "crash")
        assert (await ask(worker, "say x"))[1] == "x"


async def test_a_worker_that_was_killed_is_replaced() -> None:
    async with odd_worker() as worker:
        first, _ = await ask(worker, "say x")
        psutil.Process(first).kill()
        second, text = await ask(worker, "say y")
        assert text == "y"
        assert second != first


async def test_a_worker_that_hangs_is_ended_and_replaced() -> None:
    async with odd_worker() as worker:
        first, _ = await ask(worker, "say x")
        with pytest.raises(WorkerFailed, match="did not answer within 0.1 s"):
            await worker.ask(b"hang", 0.1)
        assert gone(first)
        assert (await ask(worker, "say y"))[1] == "y"


@pytest.mark.parametrize("turns", [1, 2, 5, 20])
async def test_a_cancelled_request_leaves_no_answer_behind(turns: int) -> None:
    async with odd_worker() as worker:
        pid, _ = await ask(worker, "say x")
        task = asyncio.create_task(ask(worker, "sleep 0.05"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await ask(worker, "say y") == (pid, "y")


async def test_a_request_may_be_cancelled_while_the_worker_starts() -> None:
    async with odd_worker() as worker:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await ask(worker, "say x")
        assert (await ask(worker, "say y"))[1] == "y"


async def test_closing_ends_the_process() -> None:
    async with odd_worker() as worker:
        pid, _ = await ask(worker, "say x")
    assert gone(pid)
    with pytest.raises(WorkerFailed, match="is closed"):
        await ask(worker, "say y")


async def test_closing_ends_a_process_that_hangs() -> None:
    async with odd_worker() as worker:
        pid, _ = await ask(worker, "say x")
        task = asyncio.create_task(ask(worker, "hang"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert gone(pid)


def test_it_works_on_uvloop() -> None:
    async def talk() -> tuple[int, str]:
        async with odd_worker() as worker:
            return await ask(worker, "say x")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        pid, text = runner.run(talk())
    assert text == "x"
    assert gone(pid)


def test_a_worker_does_not_outlive_its_parent() -> None:
    program = f"""
import asyncio
from emulator.engine.local.process import WorkerProcess

async def talk():
    answer = await WorkerProcess({MODULE!r}).ask(b"say x", {LIMIT})
    print(answer.decode().split()[0], flush=True)
    await asyncio.Event().wait()

asyncio.run(talk())
"""
    root = Path(__file__).parents[4]
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=root)
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    assert gone(pid)
