"""One Redis: its connections, and its errors as ours. Knows no key; those are in the other `redis_*.py`.

Nothing is tried twice here: whoever swaps or pushes must know whether it may have been done. A connection that Redis
has closed is noticed when it is taken from the pool and opened anew, so that all goes on by itself after a restart.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

from storage.errors import StoreUnavailable, UnusableStore

logger = logging.getLogger(__name__)

PREFIX = "{interpreter}:"
"""Of all our keys. The braces keep them in one slot of a Redis that spreads its keys over nodes: scripts need that."""
CONNECT_S = 2.0
ANSWER_S = 5.0
"""Longer than any of our commands waits on purpose."""
LONGEST_WAIT_S = 2.0
"""Of a command that waits on purpose; more is asked for in several pieces."""
CONNECTIONS = 32
"""For commands, which take less than a millisecond each; who finds none free waits `CONNECT_S`."""
WAITING_CONNECTIONS = 1_000
"""For those who wait for a queue: one each."""
RETRY_MS = 1_000

Part = str | bytes | int | float


class Script:
    """Lua functions in a file. Sent to Redis at the first call, and named by their digest from then on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest: str | None = None


class RedisClient:
    """An async context manager round the connections to one Redis. `url`: `redis://` or `rediss://`, with password."""

    def __init__(self, url: str, *, connect_s: float = CONNECT_S, answer_s: float = ANSWER_S) -> None:
        self._url = url
        options: dict[str, Any] = {
            "socket_connect_timeout": connect_s,
            # The library's own deadline is a `wait_for`, which may swallow a cancellation; ours is a timeout.
            "socket_timeout": None,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "driver_info": None,  # finding out its own version would read a file in the loop, with each connection
        }
        self._commands = redis.Redis.from_pool(
            redis.BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS, timeout=connect_s, **options)
        )
        self._waits = redis.Redis.from_pool(
            redis.ConnectionPool.from_url(url, max_connections=WAITING_CONNECTIONS, **options)
        )
        self._answer_s = answer_s
        self._failing = False

    async def __aenter__(self) -> RedisClient:
        """Connect.

        Raises:
            UnusableStore: nobody answers, or not us; in words for an operator, without the password.
        """
        try:
            async with asyncio.timeout(self._answer_s):
                await _execute(self._commands, "PING")
                await self.warn()
        except (RedisError, OSError) as error:
            await self.close()
            raise UnusableStore(f"Redis at {self.address} cannot be used: {str(error) or 'no answer'}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._commands.aclose()
        await self._waits.aclose()

    async def warn(self) -> None:
        """Tell an operator what of its configuration would cost us data. Some do not let us ask; that is no error."""
        try:
            told: dict[str, Any] = await _execute(self._commands, "INFO")
        except ResponseError:
            return
        policy = str(told.get("maxmemory_policy", "noeviction"))
        if policy != "noeviction":
            logger.warning("redis may evict what is kept: set maxmemory-policy noeviction", extra={"policy": policy})
        if not told.get("aof_enabled"):
            logger.warning("redis may lose what is kept when it restarts: set appendonly yes")

    @property
    def address(self) -> str:
        """Host and port, as far as they are given."""
        return urlsplit(self._url).netloc.rpartition("@")[2]

    async def call(self, *command: Part) -> Any:
        """One command; its answer as Redis gives it, texts as bytes.

        Raises:
            StoreUnavailable: Redis cannot be reached or does not do it. It may have been done all the same.
        """
        async with self._answering():
            return await _execute(self._commands, *command)

    async def wait(self, *command: Part) -> Any:
        """The same for a command that waits, for `LONGEST_WAIT_S` at most. Cancelled, its connection is closed."""
        async with self._answering(LONGEST_WAIT_S):
            return await _execute(self._waits, *command)

    async def together(self, commands: Sequence[Sequence[Part]]) -> list[Any]:
        """Several commands on one way; others may come between them."""
        async with self._answering():
            pipeline = self._commands.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            return list(await pipeline.execute())

    async def run(self, script: Script, function: str, keys: Sequence[str], *values: Part) -> Any:
        """Run a function of a script, atomically: nothing comes between."""
        call = (len(keys), *keys, function, *values)
        async with self._answering():
            if script.digest is None:
                script.digest = await self._load(script)
            try:
                return await _execute(self._commands, "EVALSHA", script.digest, *call)
            except NoScriptError:  # it has been restarted; nothing was done
                script.digest = await self._load(script)
                return await _execute(self._commands, "EVALSHA", script.digest, *call)

    async def run_each(self, script: Script, function: str, calls: Sequence[Sequence[Part]]) -> list[Any]:
        """Run a function without keys once per list of values, in one pipeline. Must be safe to run twice."""
        if not calls:
            return []
        async with self._answering():
            if script.digest is None:
                script.digest = await self._load(script)
            try:
                return await self._each(script.digest, function, calls)
            except NoScriptError:
                script.digest = await self._load(script)
                return await self._each(script.digest, function, calls)

    async def _each(self, digest: str, function: str, calls: Sequence[Sequence[Part]]) -> list[Any]:
        pipeline = self._commands.pipeline(transaction=False)
        for values in calls:
            pipeline.execute_command("EVALSHA", digest, 0, function, *values)
        return list(await pipeline.execute())

    async def _load(self, script: Script) -> str:
        text = await asyncio.to_thread(script.path.read_text)
        digest: bytes | str = await _execute(self._commands, "SCRIPT LOAD", text)
        return digest.decode() if isinstance(digest, bytes) else digest

    @asynccontextmanager
    async def _answering(self, longer_s: float = 0.0) -> AsyncIterator[None]:
        """Until the deadline; errors of the library and of the network as ours."""
        try:
            async with asyncio.timeout(self._answer_s + longer_s):
                yield
        except (RedisError, OSError) as error:
            if not self._failing:
                logger.error("store failed", extra={"error": type(error).__name__})
                self._failing = True
            raise StoreUnavailable("the store cannot be used now", retry_after_ms=RETRY_MS) from error
        self._failing = False


async def _execute(client: redis.Redis, *command: Part) -> Any:
    return await client.execute_command(*command)  # type: ignore[no-untyped-call]  # the library does not type it
