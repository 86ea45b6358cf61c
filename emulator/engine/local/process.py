"""A child process that answers one request at a time over pipes, and the asyncio side that starts and restarts it.

Recogniser and voice are C libraries that hold the interpreter lock for as long as they work, and the voice is under
the GPL: each lives in a process of its own behind this small protocol. A message is a header (number, status,
length) and a body; the answer carries its request's number, so the answer to a request nobody waits for any more is
passed over.

The child ends when its standard input does, so it can't outlive its parent; a request that takes longer than
`ALARM` ends it as well, even inside C code.
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
"""Seconds after which the operating system ends a child that hangs in a request."""

GOODBYE = 1.0
"""Seconds a child gets to end by itself once its input is closed; an idle one needs milliseconds."""

_HEADER = struct.Struct("<IBI")
_OK, _ERROR = 0, 1
_ROOT = Path(__file__).resolve().parents[3]


class WorkerFailed(EngineError):
    """The child refused the request, crashed on it twice or took too long; the next request gets a fresh child."""


class _Crashed(Exception):
    """The child is gone."""


class WorkerProcess:
    """One child process running the `main` of a module. `ask` may be called from many tasks; they wait their turn."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._number = 0
        self._head: tuple[int, int, int] | None = None
        self._closed = False

    @property
    def busy(self) -> bool:
        """A request is under way."""
        return self._lock.locked()

    @property
    def pid(self) -> int | None:
        """Process id of the child, None while there is none."""
        return self._process.pid if self._process else None

    async def ask(self, body: bytes, limit: float) -> bytes:
        """The child's answer, within `limit` seconds. Starts the child when there is none.

        A crash is tried once more in a fresh child; a child that takes too long is ended and not asked again.
        Cancelling is safe: the answer is passed over when it comes. Raises WorkerFailed.
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
        """End the child for good; see `end`."""
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
            raise WorkerFailed(f"{self._module} gave no answer in {limit:.1f} s") from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            await self._discard()
            raise _Crashed from error

    async def _exchange(self, body: bytes) -> bytes:
        if self._process is None:
            if self._closed:
                raise WorkerFailed(f"{self._module} is closed")
            self._process, self._head = await self._start(), None
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # both were asked for as pipes
        self._number = (self._number + 1) & 0xFFFFFFFF
        # Both in one write: a cancellation leaves whole messages only.
        stdin.write(_HEADER.pack(self._number, _OK, len(body)) + body)
        await stdin.drain()
        while True:
            # The header is kept until its body is here, for the same reason.
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
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl+C in the terminal is the parent's business
        )

    async def _discard(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await end(process, grace=0.0)


async def end(process: asyncio.subprocess.Process, grace: float = GOODBYE) -> None:
    """End a child that leads a session of its own, and its children with it.

    It gets `grace` seconds to end by itself after its input is closed; cancelling cuts them short.
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
    """The child's side: answer requests on standard input until it ends. An exception becomes the answer.

    Standard output is kept for answers; what a library prints goes to standard error.
    """
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with source, sink, contextlib.suppress(BrokenPipeError):
        while request := _read(source):
            number, body = request
            signal.alarm(ALARM)
            try:
                status, answer = _OK, handle(body)
            except Exception as error:  # the boundary of the process: the asker decides what an error means
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
