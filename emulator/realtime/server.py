"""The HTTP side of the Realtime service: paths, keys, deployments, refused upgrades. Knows no session rule."""

from __future__ import annotations

import asyncio
import hmac
import logging
from collections.abc import Collection
from types import TracebackType
from typing import Self

from aiohttp import WSCloseCode, web

from emulator.clock import wall
from emulator.engine.base import Engine
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.connection import Journal, RealtimeConnection
from emulator.realtime.conversation import ConversationSession
from emulator.realtime.errors import http_error
from emulator.realtime.faults import ConnectionFaults, FaultPlan, FaultRule, RealtimeFaults

logger = logging.getLogger(__name__)

CONVERSATION_PATHS = ("/v1/realtime", "/openai/v1/realtime")
MAX_FRAME_BYTES = 24 * 1024 * 1024
"""An append of 15 MiB in base64, and its wrapping."""
SECRET_HEADERS = frozenset({"authorization", "api-key", "cookie"})
DRAIN_TIMEOUT_S = 3.0
NO_FAULTS = RealtimeFaults()
DEFAULT_CONFIG = RealtimeConfig()


class Refused(Exception):
    """An upgrade that is answered with an HTTP error."""

    def __init__(self, status: int, body: dict[str, object], headers: dict[str, str] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = headers or {}


class RealtimeServer:
    """A stand-in for the Realtime service; serve its `application()`.

    The engine belongs to the caller, who has entered it before and leaves it after. Leaving the server closes
    every connection with 1001.
    """

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        *,
        key: str,
        deployments: Collection[str] | None = None,
        config: RealtimeConfig = DEFAULT_CONFIG,
        faults: RealtimeFaults = NO_FAULTS,
    ) -> None:
        """`key`: what clients must present. `deployments`: the models there are; None takes every name."""
        self._engine = engine
        self._journal = journal
        self._key = key.encode()
        self._deployments = None if deployments is None else frozenset(deployments)
        self._config = config
        self._plan = FaultPlan(faults)
        self._upgrades = 0
        self._connections: set[RealtimeConnection] = set()
        self._all_gone = asyncio.Event()
        self._all_gone.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close_connections()

    @property
    def faults(self) -> RealtimeFaults:
        """What is to go wrong; setting it counts connections anew and puts all rules back to unused."""
        return self._plan.faults

    @faults.setter
    def faults(self, faults: RealtimeFaults) -> None:
        self._plan.replace(faults, self._upgrades)

    def application(self) -> web.Application:
        application = web.Application()
        for path in CONVERSATION_PATHS:
            application.router.add_get(path, self._serve_conversation)
        application.router.add_route("*", "/{tail:.*}", self._not_found)
        application.on_shutdown.append(lambda _: self.close_connections())
        return application

    async def close_connections(self) -> None:
        """Close every socket with 1001 and wait until the sessions are gone, a few seconds at most."""
        for connection in self._connections:
            connection.close(WSCloseCode.GOING_AWAY, "The server is going away.")
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await self._all_gone.wait()
        except TimeoutError:
            logger.warning("connections left behind", extra={"count": len(self._connections)})

    def stop_reading(self, seconds: float) -> None:
        """Read nothing from any connection there is, for so long; `faults` can do the same to those to come."""
        for connection in self._connections:
            connection.stop_reading(seconds)

    # -- requests

    async def _serve_conversation(self, request: web.Request) -> web.StreamResponse:
        self._upgrades += 1
        number = self._upgrades
        connection_id = f"connection-{number}"
        self._journal.note(
            "realtime.connection",
            connection_id=connection_id,
            number=number,
            target=request.path_qs,
            headers={
                name: "***" if name.lower() in SECRET_HEADERS else value for name, value in request.headers.items()
            },
        )
        faults = ConnectionFaults(self._plan, number)
        try:
            if fault := faults.take("slow_handshake"):
                await asyncio.sleep(fault.seconds)
            if fault := faults.take("refuse"):
                raise _refusal(fault)
            self._authorize(request)
            model = self._model(request)
        except Refused as refused:
            self._journal.note("realtime.refused", connection_id=connection_id, status=refused.status)
            return web.json_response(refused.body, status=refused.status, headers=refused.headers)
        socket = web.WebSocketResponse(compress=False, max_msg_size=MAX_FRAME_BYTES, timeout=1.0)
        try:
            await socket.prepare(request)
        except ConnectionError:  # gone before it was answered
            self._journal.note("realtime.closed", connection_id=connection_id, code=None, reason="lost")
            return web.Response(status=400)
        transport = request.transport
        assert transport is not None  # only a lost connection has none
        session = ConversationSession(self._config, faults, model=model, connection_id=connection_id, unix_time=wall())
        connection = RealtimeConnection(connection_id, socket, transport, session, self._engine, self._journal)
        self._connections.add(connection)
        self._all_gone.clear()
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            if not self._connections:
                self._all_gone.set()
        return socket

    async def _not_found(self, request: web.Request) -> web.Response:
        body = http_error("404", f"Resource not found: {request.method} {request.path}")
        return web.json_response(body, status=404)

    def _authorize(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        presented = token.strip() if scheme.lower() == "bearer" else request.headers.get("api-key", "")
        if not hmac.compare_digest(presented.encode(), self._key):
            raise Refused(
                401,
                http_error(
                    "401",
                    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a "
                    "valid key for an active subscription.",
                    kind="authentication_error",
                ),
            )

    def _model(self, request: web.Request) -> str:
        if "api-version" in request.query:
            raise Refused(401, http_error("401", "The GA path takes no api-version.", "api-version"))
        if "intent" in request.query:
            raise Refused(400, http_error("invalid_value", "Only conversations are served on this path.", "intent"))
        model = request.query.get("model", "")
        if not model:
            raise Refused(
                400, http_error("missing_required_parameter", "Missing required parameter: 'model'.", "model")
            )
        if self._deployments is not None and model not in self._deployments:
            message = (
                "The API deployment for this resource does not exist. If you created the deployment within the last "
                "5 minutes, please wait a moment and try again."
            )
            raise Refused(404, http_error("DeploymentNotFound", message))
        if not request.headers.get("Upgrade", "").lower() == "websocket":
            raise Refused(426, http_error("upgrade_required", "This path speaks WebSocket."))
        return model


def _refusal(fault: FaultRule) -> Refused:
    headers = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
    return Refused(
        fault.status, http_error(fault.error_code or str(fault.status), fault.message, kind=fault.error_type), headers
    )
