"""Connections through the load balancer: round robin, unavailable backends skipped, both ends closed together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from demo.load_balancer import HOST, LoadBalancer
from tests.support.redis_server import free_port


@asynccontextmanager
async def backend(name: str) -> AsyncIterator[int]:
    """A backend that sends its name and echoes what it receives until the other side closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name.encode())
        while piece := await reader.read(100):
            if b"hang up" in piece:
                break
            writer.write(piece)
        writer.close()

    server = await asyncio.start_server(serve, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def balanced(**ports: int) -> AsyncIterator[LoadBalancer]:
    async with AsyncExitStack() as stack:
        made = {name: port or await stack.enter_async_context(backend(name)) for name, port in ports.items()}
        yield await stack.enter_async_context(LoadBalancer(made))


async def ask(balancer: LoadBalancer, text: bytes) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(HOST, balancer.port)
    writer.write(text)
    found = b""
    while len(found) < len(text) + 1 and (piece := await reader.read(100)):
        found += piece
    return found, reader, writer


async def test_connections_go_to_backends_in_turn_with_unchanged_bytes() -> None:
    async with balanced(a=0, b=0) as balancer:
        answers = []
        for _ in range(4):
            answer, _, writer = await ask(balancer, b"GET /media/secret HTTP/1.1\r\n")
            answers.append(answer)
            writer.close()
        assert sorted(answers) == [name + b"GET /media/secret HTTP/1.1\r\n" for name in (b"a", b"a", b"b", b"b")]
        assert [one.route for one in balancer.connections] == ["media"] * 4
        assert [one.backend for one in balancer.connections] in (["a", "b"] * 2, ["b", "a"] * 2)


async def test_an_unavailable_backend_is_skipped_and_a_pinned_one_comes_first() -> None:
    async with balanced(a=free_port(), b=0, c=0) as balancer:
        for pinned, expected in ((None, {"b", "c"}), ("c", {"c"}), ("a", {"b", "c"})):
            balancer.pinned = pinned
            before = len(balancer.connections)
            for _ in range(3):
                (_, _, writer) = await ask(balancer, b"hello")
                writer.close()
            assert {one.backend for one in balancer.connections[before:]} <= expected
        assert balancer.refused == 0


async def test_without_an_available_backend_the_connection_is_closed() -> None:
    async with balanced(a=free_port()) as balancer:
        reader, writer = await asyncio.open_connection(HOST, balancer.port)
        writer.write(b"hello")
        try:
            assert await reader.read(100) == b""
        except ConnectionResetError:
            pass
        writer.close()
        assert (balancer.refused, balancer.connections) == (1, [])


async def test_a_connection_closed_by_the_backend_is_closed_for_the_client() -> None:
    async with balanced(a=0) as balancer:
        _, reader, writer = await ask(balancer, b"hello")
        writer.write(b"hang up")
        try:
            assert await reader.read(100) == b""
        except ConnectionResetError:
            pass
        writer.close()
