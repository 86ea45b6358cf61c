"""uvicorn, set up for us: which protocols, which bounds, and who handles signals."""

from __future__ import annotations

import contextlib
import gc
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from http_serving.http_protocol import BoundedHttpProtocol
from http_serving.websocket_protocol import QuickWebSocketProtocol

LARGEST_MESSAGE = 256 * 1024
"""Bytes of one WebSocket message; a frame of ACS has 1.4 kB."""
PING_S = 3.0
"""Seconds between pings, and for their answer. A call's second media socket is refused as long as its first seems to
live; ACS's re-dial, which has the seconds of `recovery.py` to come, must not be refused for one that is dead."""


def server_config(app: ASGIApp, **options: Any) -> uvicorn.Config:
    """The service is served like this, in production and in tests; `options` are uvicorn's."""
    return uvicorn.Config(
        app,
        http=BoundedHttpProtocol,
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
    """Leaves signals to us: uvicorn would close the media sockets first and ask afterwards."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is there now stays: 160,000 objects of modules and routes. Whenever the collector goes through them all,
        # every call stands still for 0.1 to 0.2 s; frozen, they are not looked at again.
        gc.collect()
        gc.freeze()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
