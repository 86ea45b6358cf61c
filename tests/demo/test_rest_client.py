"""Requests of the demo, and its messages for failed requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from demo import rest_client
from demo.layouts import MeetingPlan
from demo.processes import Keys, Ports, Services
from demo.rest_client import Rest, RestFailed
from demo.script import Person

KEYS = Keys()


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[Rest]:
    """Run a server in place of both services, on a free port."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession() as http:
            yield Rest(http, Services(Ports(port, port, port), KEYS, ()))
    finally:
        await runner.cleanup()


async def test_a_room_is_created_with_its_roster_and_a_token_for_each() -> None:
    asked: list[tuple[str, str, object]] = []

    async def handler(request: web.Request) -> web.Response:
        assert request.headers["X-API-Key"] == KEYS.admin
        if request.method == "GET":
            return web.json_response({"join_code": "123456"})
        asked.append((request.method, request.path, await request.json()))
        if request.path.endswith("/token"):
            return web.json_response({"token": f"t{len(asked)}", "acs_room_id": "99"})
        return web.json_response({"room_id": "r", "participants": [{"participant_id": "p1"}, {"participant_id": "p2"}]})

    people = [Person("Ana", "en-US"), Person("Luis", "es-ES", hears="en-US")]
    people.append(Person("Kate", "en-US", by_browser=True))
    async with answering(handler) as surface:
        room_id, (ana, luis) = await surface.create_room("Demo", MeetingPlan(people, "sister"), "simultaneous")
        renewed = await surface.renewed(room_id, luis)
        assert await surface.join_code(room_id) == "123456"
    method, path, document = asked[0]
    assert (method, path) == ("POST", "/api/rooms")
    assert isinstance(document, dict)
    assert document["languages"] == ["en-US", "es-ES"]
    assert (document["settings"], document["mode"]) == ({"layout": "sister"}, "simultaneous")
    assert [one["hears"] for one in document["participants"]] == ["en-US", "en-US"]
    assert [one["speaks"] for one in document["participants"]] == ["en-US", "es-ES"]
    assert [path for _, path, _ in asked[1:]] == [
        f"/api/rooms/r/participants/{one}/token" for one in ("p1", "p2", "p2")
    ]
    assert (ana.token, luis.token, luis.acs_room_id) == ("t2", "t3", "99")
    assert renewed == replace(luis, token="t4")


async def test_an_error_has_the_request_and_the_answer() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response({"error": {"code": "conflict", "message": "no"}}, status=409)

    async with answering(handler) as surface:
        with pytest.raises(RestFailed, match=r"GET http://127\.0\.0\.1:\d+/api/rooms/r/transcript .* 409: .*conflict"):
            await surface.transcript("r")


async def test_a_service_that_hangs_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_client, "_PATIENCE", aiohttp.ClientTimeout(total=0.05))

    over = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    async with answering(handler) as surface:
        with pytest.raises(RestFailed, match="was not answered within"):
            await surface.transcript("r")
        over.set()
