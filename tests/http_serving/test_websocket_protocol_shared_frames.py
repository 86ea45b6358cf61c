"""Shared frames: a message made once reaches real clients as any other, of any size."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
import uvicorn
from websockets.asyncio.client import connect

from http_serving.server import server_config
from http_serving.websocket_protocol import BINARY, EXTENSION, TEXT, SharedFrames, whole_frame

pytestmark = pytest.mark.line


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
async def test_a_shared_frame_is_read_by_a_client_and_refused_after_the_close(size: int) -> None:
    found: list[SharedFrames] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        frames: SharedFrames = scope["extensions"][EXTENSION]
        found.append(frames)
        await receive()
        assert not frames.write_frame(whole_frame(TEXT, b"before the upgrade"))
        await send({"type": "websocket.accept"})
        if size < 1_000:  # otherwise the first frame fills what is kept
            frames.keep_little()
        assert frames.write_frame(whole_frame(BINARY, bytes(size)))
        assert frames.write_frame(whole_frame(TEXT, b"x" * size))
        await send({"type": "websocket.send", "bytes": b"usual"})
        await send({"type": "websocket.close", "code": 1000})
        assert not frames.write_frame(whole_frame(TEXT, b"after the close"))

    server = uvicorn.Server(server_config(app, lifespan="off"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[listening]))
            while not server.started:  # noqa: ASYNC110  (uvicorn offers no event to wait for)
                await asyncio.sleep(0.005)
            url = f"ws://127.0.0.1:{listening.getsockname()[1]}"
            async with connect(url, proxy=None, compression=None) as client:
                assert [message async for message in client] == [bytes(size), "x" * size, b"usual"]
            server.should_exit = True
    assert len(found) == 1
