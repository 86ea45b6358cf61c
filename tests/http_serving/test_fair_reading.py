"""A connection that has more than a full read waits for its turn like everybody else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from uvicorn.server import ServerState

from http_serving.fair_reading import FULL_READ, read_on_later
from http_serving.server import server_config
from http_serving.websocket_protocol import QuickWebSocketProtocol
from tests.support.websocket_protocol import BINARY, TEXT, FakeTransport, connection, frame


class Reading(asyncio.Transport):
    """Whether a transport reads."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = True
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True


@pytest.mark.parametrize(
    ("stays_paused", "closing", "reads"), [(False, False, True), (True, False, False), (False, True, False)]
)
async def test_reading_goes_on_in_the_next_turn(stays_paused: bool, closing: bool, reads: bool) -> None:
    transport = Reading()
    read_on_later(asyncio.get_running_loop(), transport, lambda: stays_paused)
    assert not transport.reads
    transport.closing = closing
    await asyncio.sleep(0)
    assert transport.reads is reads


async def test_both_protocols_wait_after_a_full_read_and_not_after_others() -> None:
    """Under uvloop the second read would come in the same turn, and thirty more."""
    async with connection(QuickWebSocketProtocol) as (protocol, transport):
        protocol.data_received(frame(BINARY, b"x" * 60_000) * 2)
        assert transport.paused
        for _ in range(2):
            await protocol.receive()
        assert not transport.paused, "the application has taken all of it"
        protocol.read_paused = True  # by messages that wait
        protocol.data_received(frame(TEXT, b"x" * 60_000) * 2)
        await asyncio.sleep(0)
        assert transport.paused
    answered = asyncio.Event()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await answered.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    built: Any = server_config(application, lifespan="off")
    built.load()
    http = built.http_protocol_class(built, server_state=ServerState(), app_state={}, _loop=asyncio.get_running_loop())
    transport = FakeTransport()
    http.connection_made(transport)
    http.data_received(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
    assert not transport.paused
    http.data_received(b"x" * FULL_READ)
    await asyncio.sleep(0)
    assert not transport.paused
    http.data_received(b"x" * FULL_READ)
    await asyncio.sleep(0)
    assert transport.paused, "the application has not taken the last"
    answered.set()
    await asyncio.gather(*http.tasks)
    http.data_received(b"x" * FULL_READ)  # nobody waits for it any more
    assert transport.paused
    await asyncio.sleep(0)
    assert not transport.paused
    http.connection_lost(None)
