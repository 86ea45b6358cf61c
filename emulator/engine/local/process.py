"""Runs a worker process that answers one request at a time over pipes, and restarts it after a crash.

Recogniser and voice are C libraries that hold the interpreter lock while they work, and the voice is under the GPL:
each runs in its own process. A message is a header (number, status, length) and a body; an answer carries its request's
number, so that answers to cancelled requests are discarded.

The process ends with its standard input, so it cannot outlive its parent; a request that takes longer than `ALARM` also
ends it, even inside C code.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from emulator.engine.base import EngineError

logger = logging.getLogger(__name__)

ALARM = 60
"""Seconds after which the operating system ends a worker that hangs in a request."""

GOODBYE = 1.0
"""Seconds to wait for the end of a process whose input was closed; an idle one needs milliseconds."""

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Workers run side by side on few cores; more threads of one would slow the other down."""

_HEADER = struct.Struct("<IBI")
_OK, _ERROR = 0, 1
_ROOT = Path(__file__).resolve().parents[3]


class WorkerFailed(EngineError):
    """The worker refused the request, crashed on it twice or timed out; the next request gets a new process."""


class _Crashed(Exception):
    """The worker process ended during a request."""


class WorkerProcess:
    """A process running the `main` of a module. Tasks may call `ask` in parallel; requests run one at a time."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._number = 0
        self._head: tuple[int, int, int] | None = None
        self._closed = False

    @property
    def busy(self) -> bool:
        """Return whether a request is running."""
        return self._lock.locked()

    @property
    def pid(self) -> int | None:
        """Return the process id, None while no process runs."""
        return self._process.pid if self._process else None

    async def ask(self, body: bytes, limit: float) -> bytes:
        """Send a request and return the answer within `limit` seconds. Starts the process if none runs.

        After a crash the request is repeated once in a new process; after a timeout the process is killed.
        Cancelling is safe: a late answer is discarded. Raises WorkerFailed.
        """
        async with self._lock:
            try:
                return await self._attempt(body, limit)
            except _Crashed:
                logger.warning("speech worker crashed", extra={"worker": self._module})
            try:
                return await self._attempt(body, limit)
            except _Crashed as error:
                raise WorkerFailed(f"{self._module} crashed twice on one request") from error

    async def close(self) -> None:
        """End the process; no further request is accepted."""
        self._closed = True
        process, self._process = self._process, None
        if process is not None:
            await end(process)

    async def _attempt(self, body: bytes, limit: float) -> bytes:
        try:
            async with asyncio.timeout(limit):
                return await self._exchange(body)
        except TimeoutError as error:
            await self._discard()
            raise WorkerFailed(f"{self._module} did not answer within {limit:.1f} s") from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            await self._discard()
            raise _Crashed from error

    async def _exchange(self, body: bytes) -> bytes:
        if self._process is None:
            if self._closed:
                raise WorkerFailed(f"{self._module} is closed")
            self._process, self._head = await self._start(), None
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # both are pipes
        self._number = (self._number + 1) & 0xFFFFFFFF
        # One write, so that a cancellation leaves only whole messages.
        stdin.write(_HEADER.pack(self._number, _OK, len(body)) + body)
        await stdin.drain()
        while True:
            # The header is kept until its body arrives, for the same reason.
            if self._head is None:
                self._head = _HEADER.unpack(await stdout.readexactly(_HEADER.size))
            number, status, length = self._head
            answer = await stdout.readexactly(length)
            self._head = None
            if number == self._number:
                break
        if status != _OK:
            raise WorkerFailed(f"{self._module}: {answer.decode()}")
        return answer

    async def _start(self) -> asyncio.subprocess.Process:
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", f"from {self._module} import main; main()"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl+C in the terminal is handled by the parent
        )

    async def _discard(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await end(process, grace=0.0)


async def end(process: asyncio.subprocess.Process, grace: float = GOODBYE) -> None:
    """End a process that leads its own session, with all its children.

    It gets `grace` seconds after its input is closed, then it is killed; also on cancellation.
    """
    if process.stdin is not None:
        process.stdin.close()
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def serve(handle: Callable[[bytes], bytes]) -> None:
    """Answer requests on standard input until it ends; runs in the worker. Exceptions are sent as answers.

    Standard output carries answers only; output of libraries goes to standard error.
    """
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with source, sink, contextlib.suppress(BrokenPipeError):
        while request := _read(source):
            number, body = request
            signal.alarm(ALARM)
            try:
                status, answer = _OK, handle(body)
            except Exception as error:  # boundary of the process: the caller handles the error
                status, answer = _ERROR, f"{type(error).__name__}: {error}".encode()
            signal.alarm(0)
            sink.write(_HEADER.pack(number, status, len(answer)) + answer)
            sink.flush()


def _read(source: BinaryIO) -> tuple[int, bytes] | None:
    head = source.read(_HEADER.size)
    if len(head) < _HEADER.size:
        return None
    number, _, length = _HEADER.unpack(head)
    body = source.read(length)
    return (number, body) if len(body) == length else None
