"""Assembles the emulator: one port for ACS, one for the Realtime API, one journal and one fault plan."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any

from aiohttp import web

from emulator.acs.api.server import AcsServer
from emulator.acs.api.tls import Authority, make_authority
from emulator.acs.auth.keys import SigningKey
from emulator.acs.calls.calls import Calls
from emulator.config import Config
from emulator.engine.base import Engine
from emulator.faults import FaultPlan, RealtimePart
from emulator.journal import Journal
from emulator.openapi import descriptions
from emulator.randomness import use_seed
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.faults.rules import RealtimeFaults
from emulator.realtime.personas import read_answers
from emulator.realtime.server import RealtimeServer
from emulator.realtime.translation_model import TranslationModel

# Seconds that clients get to close their connections when the emulator stops.
_SHUTDOWN_S = 2.0


class ListenFailed(Exception):
    """A port could not be opened; the message names the address and the reason."""


class Emulator:
    """A running emulator, an async context manager.

    Addresses, `calls` and `realtime` are set once the context is entered.

    Attributes:
        journal: entries of both sides.
        faults: the fault plan in force.
        acs_url, realtime_url: addresses of the two sides, without trailing slash.
        acs_tls_url, realtime_tls_url: the two sides over https; empty without a port for it.
        authority: the certificate (PEM) that clients must trust to use those addresses.
        calls, realtime: the calls and the Realtime server, for callers in the same process.
    """

    calls: Calls
    realtime: RealtimeServer

    def __init__(
        self,
        config: Config,
        *,
        key: SigningKey | None = None,
        engine: Engine | None = None,
        realtime: RealtimeConfig | None = None,
    ) -> None:
        """Args: key, engine, realtime: replace those that the configuration would create."""
        self.journal = Journal(path=config.journal_path)
        self.faults = FaultPlan(config.switches)
        self.acs_url = ""
        self.acs_tls_url = ""
        self.authority = b""
        self.realtime_url = ""
        self.realtime_tls_url = ""
        self.config = config
        self._key = key
        self._engine = engine
        self._realtime_config = realtime
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Emulator:
        use_seed(self.config.seed)
        async with AsyncExitStack() as stack:
            stack.callback(self.journal.close)
            authority = await self._make_authority()
            engine = self._engine or _engine(self.config.engine, self.config.languages)
            await stack.enter_async_context(engine)
            await self._start_realtime(stack, authority, engine)
            await self._start_acs(stack, authority, engine)  # last: an answer from it means that both sides are ready
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    @property
    def connection_string(self) -> str:
        """The connection string of the ACS resource, over https where that is served."""
        return f"endpoint={self.acs_tls_url or self.acs_url}/;accesskey={self.config.access_key}"

    async def reset(self) -> None:
        """End running calls and delete all state, as `POST /emulator/reset` does."""
        await self._acs.reset()

    async def _make_authority(self) -> Authority | None:
        if self.config.tls_port is None and self.config.realtime_tls_port is None:
            return None
        authority = await asyncio.to_thread(make_authority, self.config.host)
        self.authority = authority.certificate
        if self.config.ca_file is not None:
            await asyncio.to_thread(self.config.ca_file.write_bytes, authority.certificate)
        return authority

    async def _start_acs(self, stack: AsyncExitStack, authority: Authority | None, engine: Engine) -> None:
        server = AcsServer(self.config, self.journal, self.faults, engine, self._key, descriptions.routes())
        await stack.enter_async_context(server)
        self._acs = server
        self.calls = server.calls
        runner = await self._runner(stack, server.application())
        self.acs_url = await self._listen(runner, self.config.acs_port)
        if self.config.tls_port is not None and authority is not None:
            self.acs_tls_url = await self._listen(runner, self.config.tls_port, authority.context)

    async def _start_realtime(self, stack: AsyncExitStack, authority: Authority | None, engine: Engine) -> None:
        behaviour = self._realtime_config or RealtimeConfig(
            translation=TranslationModel(listens_for=self.config.languages),
            default_languages=self.config.languages,
            persona=self.config.persona,
            answers=read_answers(self.config.answers),
            seed=self.config.seed,
        )
        server = RealtimeServer(
            engine,
            self.journal,
            key=self.config.realtime_key,
            deployments=self.config.deployments,
            config=behaviour,
        )
        await stack.enter_async_context(server)
        self.realtime = server

        def prepare(document: Mapping[str, Any]) -> Callable[[], None]:
            faults = RealtimeFaults.from_dict(document)
            return lambda: setattr(server, "faults", faults)

        self.faults.attach(RealtimePart(prepare, lambda: server.faults.to_dict()))
        runner = await self._runner(stack, server.application())
        self.realtime_url = await self._listen(runner, self.config.realtime_port)
        if self.config.realtime_tls_port is not None and authority is not None:
            self.realtime_tls_url = await self._listen(runner, self.config.realtime_tls_port, authority.context)

    async def _runner(self, stack: AsyncExitStack, application: web.Application) -> web.AppRunner:
        runner = web.AppRunner(application, handle_signals=False, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        return runner

    async def _listen(self, runner: web.AppRunner, port: int, tls: ssl.SSLContext | None = None) -> str:
        """Listen and return the address; port 0 takes a free one.

        Raises:
            ListenFailed: the port is taken, or the address is not one of this machine.
        """
        site = web.TCPSite(runner, self.config.host, port, ssl_context=tls)
        try:
            await site.start()
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "the port is already in use" if taken else error.strerror or str(error)
            raise ListenFailed(f"cannot listen on {self.config.host}:{port}: {reason}") from error
        bound = runner.addresses[-1][1]
        return f"{'https' if tls else 'http'}://{self.config.host}:{bound}"


def _engine(name: str, languages: Sequence[str]) -> Engine:
    """Return the engine of that name. Imports it only now: the local one loads its libraries."""
    if name == "scripted":
        from emulator.engine.scripted import ScriptedEngine

        return ScriptedEngine()
    from emulator.engine.local import LocalEngine

    return LocalEngine(languages=languages)
