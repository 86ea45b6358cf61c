"""Starts, watches and ends subprocesses, each with its own log file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

READY_S = 60.0
"""Timeout in seconds until a process answers; the engine needs a few seconds to load its phrases."""
LOOK_S = 0.05
STOP_S = 6.0
"""Seconds that a process gets to end after SIGTERM; then its process group is killed."""
END_GRACE_S = 0.5
"""Seconds to wait for the end of a process after an error, because its connections break before it has ended."""
TAIL_LINES = 15
"""Number of log lines shown for a process that ended."""


class ProcessFailed(Exception):
    """A process ended or did not start; the message has its name, exit status and last log lines."""


@dataclass(frozen=True, slots=True)
class SubprocessSpec:
    """How to start a process."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    logs: Path
    """Existing folder: working directory of the process, whose output goes to `<name>.log` there."""


@dataclass(frozen=True, slots=True)
class Subprocess:
    """A running process and its log."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    def failed(self) -> ProcessFailed:
        """Return the error for its end, with its last log lines."""
        return ProcessFailed(describe_end(self.name, self.process.returncode, self.log))


def describe_end(name: str, returncode: int | None, log: Path) -> str:
    """Describe how a process ended, with the end of its log."""
    if returncode is None:
        how = "does not answer"
    elif returncode < 0:
        how = f"was ended by {signal.Signals(-returncode).name}"
    else:
        how = f"ended with status {returncode}"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    tail = "\n".join(f"  | {line}" for line in lines[-TAIL_LINES:]) or "  | (the log is empty)"
    return f"the {name} {how}; the end of {log}:\n{tail}"


@asynccontextmanager
async def started(spec: SubprocessSpec) -> AsyncIterator[Subprocess]:
    """Run a process; its whole process group is ended when the context is left."""
    log = spec.logs / f"{spec.name}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *spec.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=spec.environment,
            cwd=spec.logs,
            start_new_session=True,  # Ctrl-C in the terminal is handled here
        )
    try:
        yield Subprocess(spec.name, process, log)
    finally:
        await _end(process)


async def until_ready(one: Subprocess, url: str, status: int | None) -> None:
    """Wait until a URL answers with this status, or with any.

    Raises:
        ProcessFailed: the process ended, or did not answer within READY_S.
    """
    try:
        async with aiohttp.ClientSession() as http, asyncio.timeout(READY_S):
            while True:
                if one.process.returncode is not None:
                    raise one.failed()
                with contextlib.suppress(aiohttp.ClientError):
                    async with http.get(url) as answer:
                        if status in (None, answer.status):
                            return
                await asyncio.sleep(LOOK_S)
    except TimeoutError as error:
        raise one.failed() from error


@asynccontextmanager
async def watched(processes: Sequence[Subprocess]) -> AsyncIterator[asyncio.TaskGroup]:
    """Watch processes while the body runs. The task group is for other tasks of the body.

    Raises:
        ProcessFailed: a process ended. Other errors at that time are its consequence and not reported.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            watching = [tasks.create_task(_ended(one)) for one in processes]
            yield tasks
            for task in watching:
                task.cancel()
    except BaseExceptionGroup as group:
        raise await _cause(group, processes) from group


async def _ended(one: Subprocess) -> None:
    await one.process.wait()
    raise one.failed()


async def _cause(group: BaseExceptionGroup[BaseException], processes: Sequence[Subprocess]) -> BaseException:
    """Return the error to report: the end of a process rather than its consequences."""
    async with asyncio.TaskGroup() as tasks:
        ends = [tasks.create_task(one.process.wait()) for one in processes]
        await asyncio.wait(ends, timeout=END_GRACE_S, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
    for one in processes:
        if one.process.returncode is not None:
            return one.failed()
    return next(_leaves(group))


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the process group with SIGTERM, then SIGKILL; on cancellation with SIGKILL at once."""
    try:
        if process.returncode is None:
            _signal(process, signal.SIGTERM)
            async with asyncio.timeout(STOP_S):
                await process.wait()
    except TimeoutError:
        pass  # killed below
    finally:
        _signal(process, signal.SIGKILL)  # also ends remaining children
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)  # a session leader's group has its own id
