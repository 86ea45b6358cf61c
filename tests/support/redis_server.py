"""A redis-server of our own: on a free loopback port, keeping nothing, ended by its process id."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from demo.processes import free_ports

TRIES = 5
START_S = 30.0


class RedisServer:
    """`start` and `stop` block; in a loop they belong into a thread. A restart keeps the port and loses the data."""

    def __init__(self, program: str, folder: str) -> None:
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        for _ in range(TRIES):  # between our choice of a port and its use, somebody else may take it
            port = self.port or free_port()
            command = [self._program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
            self._process = subprocess.Popen(
                [*command, "--dir", self._folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            if _answers(port, self._process):
                self.port = port
                return
            self.stop()
        raise RuntimeError("redis-server does not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It keeps its connections and answers nobody, until `thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def set(self, key: str, value: int) -> None:
        _command(self.port, b"SET %s %d\r\n" % (key.encode(), value))

    def flush(self) -> None:
        _command(self.port, b"FLUSHALL\r\n")


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A running one; a test without redis-server on its machine is skipped."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed: scripts/system-packages.sh redis")
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(program, folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """One for all tests that leave it as it is."""
    with redis_server() as server:
        yield server


@pytest.fixture
def empty_redis(shared_redis: RedisServer) -> RedisServer:
    shared_redis.flush()
    return shared_redis


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """One to be stopped and started."""
    with redis_server() as server:
        yield server


def free_port() -> int:
    """A port where nobody listens, for what does not report its own."""
    (port,) = free_ports(1)
    return port


def _answers(port: int, process: subprocess.Popen[bytes]) -> bool:
    until = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < until:
        try:
            return _command(port, b"PING\r\n") == b"+PONG\r\n"
        except OSError:
            time.sleep(0.005)
    return False


def _command(port: int, command: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=START_S) as connection:
        connection.sendall(command)
        return connection.recv(64)
