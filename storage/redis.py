"""Connections to a Redis, with its errors translated. Knows no key.

Commands are not retried: the caller must know whether one may have been carried out twice. A connection closed by Redis
is noticed when it is taken from the pool and opened again, so that the service recovers from a restart of Redis.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis.asyncio as redis
from redis.asyncio.connection import AbstractConnection as Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError, NoScriptError, RedisError, ResponseError

from storage.errors import StoreUnavailable, UnusableStore
from storage.health import StoreHealth

logger = logging.getLogger(__name__)

PREFIX = "{interpreter}:"
"""Prefix of all keys. The braces keep them in one slot of a Redis cluster, which scripts require."""
CONNECT_S = 2.0
ANSWER_S = 5.0
"""Seconds for a response; longer than any command blocks on purpose."""
LONGEST_WAIT_S = 2.0
"""Seconds a blocking command may wait; longer waits are split."""
CONNECTIONS = 32
"""Connections for commands of less than a millisecond each; a caller waits up to `CONNECT_S` for a free one."""
WAITING_CONNECTIONS = 1_000
"""Connections for blocking commands, which occupy one each."""
RETRY_MS = 1_000
RENEW_S = 240.0
"""Seconds before a password expires at which a connection gives the next one; when it expires, Redis closes the
connection. Azure's credential library renews its own tokens 300 s before they expire."""
RENEW_AGAIN_S = 20.0
"""Seconds between attempts when there is no newer password yet."""

Part = str | bytes | int | float


@dataclass(frozen=True, slots=True)
class Password:
    """A password that Redis accepts for a while, such as a token."""

    text: str
    expires_on: float
    """seconds of the wall clock"""


GetPassword = Callable[[], Awaitable[Password]]
"""Returns the password of the moment. Called for each connection, and again before its password expires."""


class _Passwords(CredentialProvider):
    """Gives the library user and password when it opens a connection."""

    def __init__(self, user: str, get: GetPassword) -> None:
        self._user = user
        self._get = get
        self.renew_at = 0.0
        """When the password returned last has to be replaced, in seconds of the wall clock."""

    async def get_credentials_async(self) -> tuple[str, str]:
        try:
            password = await self._get()
        except Exception as error:  # whatever a credential library raises; the command fails like any other
            raise AuthenticationError(f"no password: {type(error).__name__}") from error
        self.renew_at = max(password.expires_on - RENEW_S, time.time() + RENEW_AGAIN_S)
        return self._user, password.text


class _Renewing:
    """Mixed into the library's connections: authenticates again before the password expires."""

    _renew_at = 0.0

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        await super().on_connect_check_health(check_health)  # type: ignore[misc]  # of the library's connection
        self._renew_at = self.credential_provider.renew_at  # type: ignore[attr-defined]  # of the library's connection

    async def check_health(self) -> None:
        """Run before each command."""
        connection: Any = self
        if time.time() >= self._renew_at:
            user, password = await connection.credential_provider.get_credentials_async()
            self._renew_at = connection.credential_provider.renew_at
            await connection.send_command("AUTH", user, password, check_health=False)
            await connection.read_response()
        await super().check_health()  # type: ignore[misc]  # of the library's connection


class Script:
    """Lua functions in a file. Sent to Redis at the first call, and named by their digest from then on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest: str | None = None


class RedisClient:
    """Connections to a Redis; an async context manager.

    Args:
        url: `redis://` or `rediss://`, with user and password.
        password: replaces the password, for passwords that expire.
    """

    def __init__(
        self,
        url: str,
        *,
        password: GetPassword | None = None,
        connect_s: float = CONNECT_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._url = url
        options: dict[str, Any] = {
            "socket_connect_timeout": connect_s,
            # The library would use `wait_for`, which may swallow a cancellation; `_answering` sets a timeout instead.
            "socket_timeout": None,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "driver_info": None,  # it would read a file in the loop with each connection
        }
        self._commands = redis.Redis.from_pool(
            redis.BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS, timeout=connect_s, **options)
        )
        self._waits = redis.Redis.from_pool(
            redis.ConnectionPool.from_url(url, max_connections=WAITING_CONNECTIONS, **options)
        )
        if password is not None:
            provider = _Passwords(urlsplit(url).username or "default", password)
            for pool in (self._commands.connection_pool, self._waits.connection_pool):
                pool.connection_kwargs.pop("username", None)
                pool.connection_kwargs["credential_provider"] = provider
                pool.connection_class = type("RenewingConnection", (_Renewing, pool.connection_class), {})
        self._answer_s = answer_s
        self.health = StoreHealth(shared=True)
        self.risks: tuple[str, ...] = ()
        """What should be set in this Redis so that it loses nothing, such as `appendonly yes`; known once connected."""

    async def __aenter__(self) -> RedisClient:
        """Connect.

        Raises:
            UnusableStore: Redis does not respond or rejects the connection. The message is without the password.
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
        """Log settings of Redis that risk losing data. A Redis that does not allow reading them is no error."""
        try:
            info: dict[str, Any] = await _execute(self._commands, "INFO")
        except ResponseError:
            return
        safe = {
            "maxmemory-policy noeviction": str(info.get("maxmemory_policy", "noeviction")) == "noeviction",
            "appendonly yes": bool(info.get("aof_enabled")),
        }
        self.risks = tuple(setting for setting, as_is in safe.items() if not as_is)
        for setting in self.risks:
            logger.warning("redis configuration may lose data: set %s", setting)

    @property
    def address(self) -> str:
        """Host and port of the Redis, for messages."""
        return urlsplit(self._url).netloc.rpartition("@")[2]

    async def call(self, *command: Part) -> Any:
        """Run a command; return the response as Redis gives it, texts as bytes.

        Raises:
            StoreUnavailable: Redis failed or cannot be reached. The command may have been carried out nevertheless.
        """
        async with self._answering():
            return await _execute(self._commands, *command)

    async def wait(self, *command: Part) -> Any:
        """Run a command that blocks for up to `LONGEST_WAIT_S`. Cancelling it closes its connection."""
        async with self._answering(LONGEST_WAIT_S):
            return await _execute(self._waits, *command)

    async def together(self, commands: Sequence[Sequence[Part]]) -> list[Any]:
        """Run several commands in a pipeline; commands of others may come between them."""
        async with self._answering():
            pipeline = self._commands.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            return list(await pipeline.execute())

    @asynccontextmanager
    async def lent_connection(self) -> AsyncIterator[Connection]:
        """Lend a connection for what `say` and `hear` do with it; it is closed at the end.

        Raises:
            StoreUnavailable: Redis cannot be reached.
        """
        pool = self._waits.connection_pool
        async with self._answering():
            connection = await pool.get_connection()  # type: ignore[no-untyped-call]  # the library does not type it
        try:
            yield connection
        finally:
            await connection.disconnect(nowait=True)
            await pool.release(connection)

    async def say(self, connection: Connection, *command: Part) -> None:
        """Send a command over a lent connection."""
        async with self._answering():
            # Nothing may be sent beside it: a connection that is subscribed to something takes few commands.
            await connection.send_command(*command, check_health=False)

    async def hear(self, connection: Connection, within_s: float) -> Any:
        """Return what comes next over a lent connection. `StoreUnavailable` if nothing comes in time."""
        async with self._answering(within_s - self._answer_s):
            return await connection.read_response(timeout=math.inf)

    async def run(self, script: Script, function: str, keys: Sequence[str], *values: Part) -> Any:
        """Run a function of a script, atomically: nothing comes between."""
        call = (len(keys), *keys, function, *values)
        async with self._answering():
            if script.digest is None:
                script.digest = await self._load(script)
            try:
                return await _execute(self._commands, "EVALSHA", script.digest, *call)
            except NoScriptError:  # Redis was restarted; nothing was done
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
        """Set a deadline, and translate errors of the library and the network into `StoreUnavailable`."""
        try:
            async with asyncio.timeout(self._answer_s + longer_s):
                yield
        except (RedisError, OSError) as error:
            self.health.failed(type(error).__name__)
            raise StoreUnavailable("the store is temporarily unavailable", retry_after_ms=RETRY_MS) from error
        self.health.worked()


async def _execute(client: redis.Redis, *command: Part) -> Any:
    return await client.execute_command(*command)  # type: ignore[no-untyped-call]  # the library does not type it
