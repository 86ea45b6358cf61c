"""Serves the Realtime API over HTTP: accepts upgrades and creates a connection with a session for each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import replace
from types import TracebackType
from typing import Self

from aiohttp import WSCloseCode, web

from emulator.clock import wall
from emulator.engine.base import Engine
from emulator.realtime.base_session import BaseSession
from emulator.realtime.client_secrets import ClientSecrets
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.connection import JournalWriter, KeepAlive, RealtimeConnection
from emulator.realtime.conversation import ConversationSession
from emulator.realtime.deployments import DeploymentKind, read_deployments
from emulator.realtime.errors import http_error
from emulator.realtime.faults.plan import ConnectionFaults, RealtimeFaultPlan
from emulator.realtime.faults.rules import RealtimeFaults
from emulator.realtime.http_api import HttpApi
from emulator.realtime.transcription import TranscriptionSession
from emulator.realtime.translation import TranslationSession
from emulator.realtime.upgrade import (
    BETA_GONE,
    PREVIEW_PATHS,
    REALTIME_PATHS,
    SUBPROTOCOL,
    TRANSLATION_PATHS,
    Refused,
    UpgradePolicy,
)
from emulator.realtime.wire import encode_event

logger = logging.getLogger(__name__)

MAX_FRAME_BYTES = 24 * 1024 * 1024
"""Frame limit: an append of 15 MiB in base64, with its JSON."""
SECRET_HEADERS = frozenset({"authorization", "api-key", "cookie", "sec-websocket-protocol"})
BETA_CLOSE_CODE = 4000
DRAIN_TIMEOUT_S = 3.0
NO_FAULTS = RealtimeFaults()
DEFAULT_CONFIG = RealtimeConfig()


SESSIONS: dict[DeploymentKind, type[ConversationSession | TranslationSession | TranscriptionSession]] = {
    "conversation": ConversationSession,
    "translation": TranslationSession,
    "transcription": TranscriptionSession,
}


class RealtimeServer:
    """An emulated Realtime service; serve its `application()`.

    The caller enters the engine before the server and leaves it afterwards. Leaving the server closes every connection
    with 1001.
    """

    def __init__(
        self,
        engine: Engine,
        journal: JournalWriter,
        *,
        key: str,
        deployments: Iterable[str] | None = None,
        config: RealtimeConfig = DEFAULT_CONFIG,
        faults: RealtimeFaults = NO_FAULTS,
    ) -> None:
        """Create a server.

        Args:
            key: key that clients must present.
            deployments: deployments as `read_deployments` parses them; replaces those of `config`.

        Raises:
            ValueError: a deployment cannot be parsed.
        """
        self._engine = engine
        self._journal = journal
        self._config = config if deployments is None else replace(config, deployments=read_deployments(deployments))
        secrets = ClientSecrets(self._config.seed)
        self._policy = UpgradePolicy(
            key,
            self._config.deployments,
            self._config.translation_bearer,
            lambda value: secrets.find(value, wall()),
        )
        self._http = HttpApi(self._policy, secrets, self._config, journal, self._unconnected)
        self._plan = RealtimeFaultPlan(faults)
        self._upgrades = 0
        self._connections: set[RealtimeConnection] = set()
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close_connections()

    @property
    def faults(self) -> RealtimeFaults:
        """Return the fault document; setting it counts connections from 1 again and resets all uses."""
        return self._plan.faults

    @faults.setter
    def faults(self, faults: RealtimeFaults) -> None:
        self._plan.replace(faults, self._upgrades)

    def application(self) -> web.Application:
        application = web.Application()
        for path in (*REALTIME_PATHS, *TRANSLATION_PATHS, *PREVIEW_PATHS):
            application.router.add_get(path, self._serve)
        self._http.add_routes(application.router)
        application.router.add_route("*", "/{tail:.*}", self._not_found)
        application.on_shutdown.append(lambda _: self.close_connections())
        return application

    async def close_connections(self) -> None:
        """Close every socket with 1001 and wait at most DRAIN_TIMEOUT_S until the sessions have ended.

        Upgrades delayed by `slow_handshake` are answered immediately.
        """
        self._stopping.set()
        self._stopping = asyncio.Event()
        for connection in self._connections:
            connection.close(WSCloseCode.GOING_AWAY, "The server is going away.")
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await self._all_gone.wait()
        except TimeoutError:
            logger.warning("connections not closed before the drain timeout", extra={"count": len(self._connections)})

    def stop_reading(self, seconds: float) -> None:
        """Stop reading from all open connections for this long; `faults` can do the same to new connections."""
        for connection in self._connections:
            connection.stop_reading(seconds)

    # -- requests

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self._upgrades += 1
        number = self._upgrades
        connection_id = f"connection-{number}"
        self._journal.note(
            "realtime.connection",
            connection_id=connection_id,
            number=number,
            target=_without_key(request),
            headers={
                name: "***" if name.lower() in SECRET_HEADERS else value for name, value in request.headers.items()
            },
        )
        faults = ConnectionFaults(self._plan, number)
        try:
            await self._misbehave(request, faults)
            admission = self._policy.admit(request.path, request.query, request.headers)
        except Refused as refused:
            self._journal.note("realtime.refused", connection_id=connection_id, status=refused.status)
            return web.json_response(refused.body, status=refused.status, headers=refused.headers)
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,), compress=False, max_msg_size=MAX_FRAME_BYTES, timeout=1.0, autoping=False
        )
        try:
            await socket.prepare(request)
        except ConnectionError:  # the client left before the answer
            self._journal.note("realtime.closed", connection_id=connection_id, code=None, reason="lost")
            return web.Response(status=400)
        if admission.beta:
            await self._refuse_beta(socket, connection_id)
            return socket
        transport = request.transport
        assert transport is not None  # only a lost connection has none
        session = SESSIONS[admission.kind](
            self._config, faults, model=admission.model, connection_id=connection_id, unix_time=wall()
        )
        session.preset(admission.preset)
        keep_alive = KeepAlive(self._config.ping_interval_s, self._config.ping_timeout_s)
        connection = RealtimeConnection(
            connection_id, socket, transport, session, self._engine, self._journal, keep_alive
        )
        self._connections.add(connection)
        self._all_gone.clear()
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            if not self._connections:
                self._all_gone.set()
        return socket

    async def _refuse_beta(self, socket: web.WebSocketResponse, connection_id: str) -> None:
        reason = f"{BETA_GONE.kind}.{BETA_GONE.code}"
        try:
            await socket.send_str(encode_event({"type": "error", "event_id": None, "error": BETA_GONE.body()}))
            await socket.close(code=BETA_CLOSE_CODE, message=reason.encode())
        except ConnectionError:
            reason = "lost"
        self._journal.note("realtime.closed", connection_id=connection_id, code=BETA_CLOSE_CODE, reason=reason)

    async def _misbehave(self, request: web.Request, faults: ConnectionFaults) -> None:
        """Carry out the fault rules for upgrades. Raises Refused."""
        if fault := faults.take("slow_handshake"):
            try:
                async with asyncio.timeout(fault.seconds):
                    await self._stopping.wait()
            except TimeoutError:
                pass
        if faults.take("hang_up") and request.transport is not None:
            request.transport.abort()
            raise Refused(503, {})  # never sent: the transport is gone
        if fault := faults.take("refuse"):
            headers = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
            body = http_error(fault.error_code or str(fault.status), fault.message, kind=fault.error_type)
            raise Refused(fault.status, body, headers)

    def _unconnected(self, kind: DeploymentKind, model: str) -> BaseSession:
        """Return a session whose configuration is all that is wanted of it."""
        no_faults = ConnectionFaults(RealtimeFaultPlan(NO_FAULTS), 0)
        return SESSIONS[kind](self._config, no_faults, model=model, connection_id="", unix_time=0)

    async def _not_found(self, request: web.Request) -> web.Response:
        body = http_error("404", f"Resource not found: {request.method} {request.path}")
        return web.json_response(body, status=404)


def _without_key(request: web.Request) -> str:
    """Return the request target for the journal, without an `api-key`."""
    url = request.rel_url
    return str(url.update_query({"api-key": "***"}) if "api-key" in url.query else url)
