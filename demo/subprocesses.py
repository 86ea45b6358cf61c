"""Child processes with a log each: started, waited for until they answer, watched, ended; what they do is their own."""

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
"""Until a part answers. The engine needs a few seconds to learn its phrases, a minute is a hang."""
LOOK_S = 0.05
FAREWELL_S = 6.0
"""What a part gets to end by itself; then its process group is killed."""
LAST_GASP_S = 0.5
"""A connection breaks before the process behind it has ended: so long is waited to see whether that is why."""
TAIL_LINES = 15
"""Of a dead part's log, shown to whoever asked for the demo."""


class PartFailed(Exception):
    """A part ended, or did not begin; the message says which, how, and its last words."""


@dataclass(frozen=True, slots=True)
class Starting:
    """How a child is started."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    logs: Path
    """A folder that is there; the child works in it and its output goes to `<name>.log`."""


@dataclass(frozen=True, slots=True)
class Child:
    """One process."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    def failed(self) -> PartFailed:
        """What became of it, with its last words."""
        return PartFailed(describe_end(self.name, self.process.returncode, self.log))


def describe_end(name: str, returncode: int | None, log: Path) -> str:
    """Which part, how it ended, the end of its log."""
    if returncode is None:
        how = "does not answer"
    elif returncode < 0:
        how = f"was ended by {signal.Signals(-returncode).name}"
    else:
        how = f"ended with status {returncode}"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    tail = "\n".join(f"  | {line}" for line in lines[-TAIL_LINES:]) or "  | (nothing was written)"
    return f"the {name} {how}; the end of {log}:\n{tail}"


@asynccontextmanager
async def child(starting: Starting) -> AsyncIterator[Child]:
    """A running process, ended with its whole process group when this is left, however that happens."""
    log = starting.logs / f"{starting.name}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *starting.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=starting.environment,
            cwd=starting.logs,
            start_new_session=True,  # Ctrl-C in the terminal is for us; we tell them
        )
    try:
        yield Child(starting.name, process, log)
    finally:
        await _end(process)


async def until_ready(one: Child, url: str, status: int | None) -> None:
    """Wait until an address answers, with this status or with any.

    Raises:
        PartFailed: the child ended, or said nothing for READY_S.
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
async def watched(children: Sequence[Child]) -> AsyncIterator[asyncio.TaskGroup]:
    """While the body runs, see to it that no child ends. The group is for what else is to run meanwhile.

    Raises:
        PartFailed: one did. Whatever else went wrong at that time follows from it, and is not told.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            watching = [tasks.create_task(_ended(one)) for one in children]
            yield tasks
            for task in watching:
                task.cancel()
    except BaseExceptionGroup as group:
        raise await _cause(group, children) from group


async def _ended(one: Child) -> None:
    await one.process.wait()
    raise one.failed()


async def _cause(group: BaseExceptionGroup[BaseException], children: Sequence[Child]) -> BaseException:
    """The one error to tell: a dead part before what followed from its death."""
    async with asyncio.TaskGroup() as tasks:
        ends = [tasks.create_task(one.process.wait()) for one in children]
        await asyncio.wait(ends, timeout=LAST_GASP_S, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
    for one in children:
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
    """Ask the process group to go, then make it. When cancelled meanwhile it is killed at once."""
    try:
        if process.returncode is None:
            _signal(process, signal.SIGTERM)
            async with asyncio.timeout(FAREWELL_S):
                await process.wait()
    except TimeoutError:
        pass  # it had its time
    finally:
        _signal(process, signal.SIGKILL)  # and whatever it may leave behind
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)  # a session leader's group has its own id
