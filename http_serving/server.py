"""Configures uvicorn: protocols, limits and signal handling."""

from __future__ import annotations

import contextlib
import gc
import logging
import resource
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from http_serving.connection_limit import MOST_CONNECTIONS, ConnectionLimit
from http_serving.http_protocol import BoundedHttpProtocol
from http_serving.refusals import Refusals
from http_serving.websocket_protocol import QuickWebSocketProtocol

logger = logging.getLogger(__name__)

LARGEST_MESSAGE = 256 * 1024
"""Bytes of a WebSocket message; an audio frame of ACS has 1.4 kB."""
PING_S = 3.0
"""Seconds between pings, and to answer them. A second media socket of a call is refused while the first seems alive, so
a dead one must be noticed before ACS dials again (`bot/calls/media_recovery.py`)."""
OTHER_FILES = 500
"""Open files beside the connections of callers: to the model, ACS and the store, databases and logs."""


def server_config(
    app: ASGIApp,
    *,
    connections: ConnectionLimit | None = None,
    refusals: Refusals | None = None,
    **options: Any,
) -> uvicorn.Config:
    """Return the server configuration used in production and in tests.

    Args:
        connections: counts and limits what is open; by default `MOST_CONNECTIONS`.
        refusals: counts what is refused; None if nobody reads the counts.
        options: passed to uvicorn.
    """
    if connections is None:
        connections = ConnectionLimit(MOST_CONNECTIONS)
    protocol = partial(BoundedHttpProtocol, limit=connections, refusals=refusals or Refusals())
    return uvicorn.Config(
        app,
        http=cast(type[BoundedHttpProtocol], protocol),  # uvicorn only calls it
        ws=QuickWebSocketProtocol,
        ws_max_size=LARGEST_MESSAGE,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        log_config=None,
        access_log=False,
        server_header=False,
        **options,
    )


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the service: uvicorn would close the media sockets at once."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # The 160,000 objects of modules and routes live as long as the process. A full garbage collection over them
        # would stop every call for 0.1 to 0.2 s; frozen objects are skipped.
        gc.collect()
        gc.freeze()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def allow_open_files(connections: int) -> None:
    """Raise the limit of open files, of which each connection is one, as far as the system allows.

    Many systems begin with 1,024. A limit that stays too low is logged.
    """
    wanted = connections + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        fields = {"reason": "MAX_CONNECTIONS is higher than the system's limit", "allowed": allowed, "wanted": wanted}
        logger.warning("open files limited", extra=fields)
