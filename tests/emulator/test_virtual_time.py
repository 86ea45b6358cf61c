"""The loop in virtual time: its clock jumps only when nothing is pending."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import pytest

from emulator import clock, virtual_time
from emulator.virtual_time import LoopDeadlock, VirtualTimeLoop

T = TypeVar("T")
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC).timestamp()


def virtually(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(debug=True, loop_factory=partial(VirtualTimeLoop, wall_start=NEW_YEAR)) as runner:
        return runner.run(main)


def test_a_day_is_slept_through_at_once_and_in_order() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        woken: list[tuple[str, float]] = []

        async def sleeper(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            woken.append((name, loop.time() - began))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(sleeper("day", 86_400.0))
            tasks.create_task(sleeper("hour", 3600.0))
            tasks.create_task(sleeper("frame", 0.02))
        return woken

    began = time.monotonic()
    woken = virtually(main())
    assert time.monotonic() - began < 60
    assert [name for name, _ in woken] == ["frame", "hour", "day"]
    assert [at for _, at in woken] == pytest.approx([0.02, 3600, 86_400])


def test_the_emulators_clock_is_the_loops_inside_and_the_machines_outside() -> None:
    async def main() -> tuple[float, float, datetime]:
        at = clock.monotonic()
        await asyncio.sleep(3600)
        return clock.monotonic() - at, clock.wall(), clock.utc_now()

    passed, wall, now = virtually(main())
    assert passed == pytest.approx(3600)
    assert wall == pytest.approx(NEW_YEAR + 3600)
    assert now.isoformat(timespec="seconds") == "2027-01-01T01:00:00+00:00"
    assert abs(clock.monotonic() - time.monotonic()) < 1
    assert abs(clock.wall() - time.time()) < 1
    assert asyncio.run(_difference()) < 1


async def _difference() -> float:
    return abs(clock.wall() - time.time()) + abs(clock.monotonic() - time.monotonic())


def test_what_is_on_its_way_over_loopback_arrives_before_the_clock_jumps() -> None:
    """A megabyte through sockets whose buffers take far less, while a timer lurks."""

    async def main() -> tuple[int, float]:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
            writer.close()

        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            loop = asyncio.get_running_loop()
            began = loop.time()
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            small = writer.get_extra_info("socket")
            small.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            async with asyncio.timeout(0.02), asyncio.TaskGroup() as tasks:
                writer.write(bytes(1024 * 1024))
                writer.write_eof()
                reading = tasks.create_task(reader.read())
            writer.close()
            await writer.wait_closed()
            return len(reading.result()), loop.time() - began

    assert virtually(main()) == (1024 * 1024, 0.0)


def test_the_clock_stands_still_while_a_thread_works() -> None:
    async def main() -> tuple[str, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(0.01):
            await asyncio.to_thread(time.sleep, 0.1)
        return "done", loop.time() - began

    assert virtually(main()) == ("done", 0.0)


def test_what_the_kernel_holds_back_arrives_before_the_clock_jumps() -> None:
    """Without TCP_NODELAY a small second write waits for the answer to the first one."""

    async def main() -> tuple[bytes, float]:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(2))
            writer.close()

        async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
            loop = asyncio.get_running_loop()
            began = loop.time()
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
            async with asyncio.timeout(0.02):
                writer.write(b"1")
                writer.write(b"2")
                answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answer, loop.time() - began

    assert virtually(main()) == (b"12", 0.0)


def test_a_reader_that_does_not_read_does_not_stop_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_time, "KERNEL_S", 0.05)

    async def main() -> float:
        async def idle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(3600)
            writer.transport.abort()

        async with await asyncio.start_server(idle, "127.0.0.1", 0) as server:
            loop = asyncio.get_running_loop()
            began = loop.time()
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(bytes(32 * 1024 * 1024))
            with pytest.raises(ConnectionError):
                await reader.read()
            writer.transport.abort()
            return loop.time() - began

    assert virtually(main()) == pytest.approx(3600)


def test_results_of_threads_come_in_the_order_they_were_asked_for() -> None:
    async def main() -> list[int]:
        done: list[int] = []

        async def work(number: int) -> None:
            done.append(await asyncio.to_thread(_slowly, number))

        async with asyncio.TaskGroup() as tasks:
            for number in range(4):
                tasks.create_task(work(number))
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 1, 0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.to_thread(_slowly, 5)
        return done

    assert virtually(main()) == [0, 1, 2, 3]


def _slowly(number: int) -> int:
    time.sleep(0.03 * (3 - number) if number < 3 else 0)
    return number


def test_threads_of_ones_own_can_be_waited_for() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        done = asyncio.Event()
        thread = threading.Timer(0.05, partial(loop.call_soon_threadsafe, done.set))
        thread.start()
        began = loop.time()
        with loop.waiting_for_a_thread():
            await done.wait()
        thread.join()
        return loop.time() - began

    assert virtually(main()) == 0.0


def test_time_runs_while_a_child_lives_and_jumps_again_afterwards() -> None:
    async def main() -> tuple[int | None, bytes, float, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "import time; time.sleep(0.2); print(1)", stdout=asyncio.subprocess.PIPE
        )
        output, _ = await child.communicate()
        lived = loop.time() - began
        await asyncio.sleep(3600)
        return child.returncode, output.strip(), lived, loop.time() - began

    returncode, output, lived, passed = virtually(main())
    assert (returncode, output) == (0, b"1")
    assert 0.2 <= lived < 60
    assert 3600 < passed < 3661


def test_a_child_that_cannot_be_started_does_not_stop_the_clock() -> None:
    async def main() -> None:
        with pytest.raises(FileNotFoundError):
            await asyncio.create_subprocess_exec("/nowhere/to/be/found")
        shell = await asyncio.create_subprocess_shell("exit 3")
        assert await shell.wait() == 3
        await asyncio.sleep(3600)

    began = time.monotonic()
    virtually(main())
    assert time.monotonic() - began < 60


def test_waiting_for_what_will_never_happen_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(LoopDeadlock, match="nothing can wake the loop"):
        virtually(main())


def test_a_thread_that_waits_for_the_loop_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_time, "PATIENCE_S", 0.05)
    released = threading.Event()

    async def main() -> None:
        asyncio.get_running_loop().call_later(1, released.set)
        await asyncio.to_thread(released.wait, 1)

    with pytest.raises(LoopDeadlock, match="work in a thread"):
        virtually(main())


def test_sets_of_tasks_have_an_order() -> None:
    """By number; by address it would be another one in every run."""

    async def main() -> list[str]:
        ended: list[str] = []

        async def wait(name: str) -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                ended.append(name)

        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as tasks:
                for number in range(100):
                    tasks.create_task(wait(str(number)))
                await asyncio.sleep(0)
                raise ValueError
        return ended

    assert virtually(main()) == [str(number) for number in range(100)]
