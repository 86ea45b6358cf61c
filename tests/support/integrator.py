"""The endpoint of an integrator, on a socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class Integrator:
    """A receiver that answers as it is told."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.url = ""
        self.gate: asyncio.Event | None = None
        """Until it is set, requests are not answered."""
        self.most_at_once = 0
        self._at_once = 0
        self._news = asyncio.Condition()

    async def until(self, received: int) -> None:
        async with self._news:
            await self._news.wait_for(lambda: len(self.received) >= received)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        async with self._news:
            self.received.append(({name.lower(): value for name, value in request.headers.items()}, body))
            self._news.notify_all()
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self._at_once -= 1
        status = self.answers.pop(0) if self.answers else 204
        return web.Response(status=status, headers={"Location": self.url} if status == 302 else {})

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        app = web.Application()
        app.router.add_post("/hook", self.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"{site.name}/hook"
        try:
            yield
        finally:
            await runner.cleanup()
