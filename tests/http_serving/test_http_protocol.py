"""What a connection does that cannot be timed over a socket; the rest is in tests/access."""

from __future__ import annotations

from typing import Any

import pytest
from uvicorn.server import ServerState

from http_serving.connection_limit import ConnectionLimit
from http_serving.server import server_config
from tests.support.websocket_protocol import FakeTransport


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Never called."""


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01 no HTTP\r\n\r\n"])
async def test_a_connection_makes_room_though_it_is_closing_already(said: bytes) -> None:
    """The regression: the new connection failed instead, and stayed open uncounted."""
    config = server_config(application, connections=ConnectionLimit(1), lifespan="off")
    config.load()
    build: Any = config.http_protocol_class
    transports = [FakeTransport(), FakeTransport()]
    for transport in transports:
        protocol = build(config=config, server_state=ServerState(), app_state={})
        protocol.connection_made(transport)
        if transport is transports[0]:
            protocol.data_received(said)
    assert [one.is_closing() for one in transports] == [True, False]
