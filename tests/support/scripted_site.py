"""The pages in a browser without a service: files by a server, API and sockets by a script."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from playwright.async_api import Browser, Page, Request, Route, WebSocketRoute, async_playwright, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
ORIGIN = "http://localhost"
FOLDER = Path(__file__).parents[2] / "listeners" / "pages"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:;"
    " connect-src 'self' ws://localhost; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script';"
    " trusted-types 'none'"
)
"""As `listeners/page_routes.py` sends it; what it forbids is an error of the page."""
PAGES = {"console": "console.html", "speaker": "speaker.html", "listen": "listen.html", "join": "join.html"}

expect.set_options(timeout=30_000)  # milliseconds: others may use the cores

Answer = tuple[int, Any, dict[str, str]]
Respond = Callable[[Request], Answer]


@dataclass
class Site:
    """What the script answers, and what the page asked."""

    answers: dict[str, Respond | Answer] = field(default_factory=dict)
    """By method and path, such as `GET /api/rooms`."""
    asked: list[Request] = field(default_factory=list)
    sockets: dict[str, list[WebSocketRoute]] = field(default_factory=dict)
    """Open sockets by kind: captions, signaling, audio."""
    received: list[tuple[str, str | bytes]] = field(default_factory=list)
    """Messages of the page, with the kind of socket."""
    hello: dict[str, dict[str, Any]] = field(default_factory=dict)
    """First message of each kind of socket."""
    problems: list[str] = field(default_factory=list)
    """What the browser complained about."""

    async def serve(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        self.asked.append(route.request)
        found = self.answers.get(f"{route.request.method} {path}")
        if found is None:
            found = refusal(404, "not_found", "not found")
        status, content, headers = found(route.request) if callable(found) else found
        if isinstance(content, str):
            await route.fulfill(status=status, body=content, content_type="text/plain", headers=headers)
        else:
            await route.fulfill(
                status=status, body=json.dumps(content), headers={"Content-Type": "application/json", **headers}
            )

    def connect(self, socket: WebSocketRoute) -> None:
        kind = urlsplit(socket.url).path.split("/")[2]
        self.sockets.setdefault(kind, []).append(socket)
        socket.on_message(lambda message: self.received.append((kind, message)))
        if kind in self.hello:
            socket.send(json.dumps(self.hello[kind]))

    def send(self, kind: str, **message: Any) -> None:
        """Send a message over the newest socket of a kind."""
        self.sockets[kind][-1].send(json.dumps(message))

    def bodies(self, method: str, path: str) -> list[Any]:
        """Bodies of the requests to a route, oldest first."""
        found = [one for one in self.asked if one.method == method and urlsplit(one.url).path == path]
        return [one.post_data_json for one in found]


def answer(content: Any = None, status: int = 200, **headers: str) -> Answer:
    return status, content, headers


def refusal(status: int, code: str, message: str, **more: Any) -> Answer:
    return status, {"error": {"code": code, "message": message, **more}}, {}


async def _page(request: web.Request) -> web.FileResponse:
    name = PAGES.get(request.match_info["page"])
    if name is None:
        raise web.HTTPNotFound
    return web.FileResponse(
        FOLDER / name, headers={"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
    )


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A browser for which `ORIGIN` is a server with the pages and their files."""
    app = web.Application()
    app.router.add_static("/pages/~/", FOLDER)
    app.router.add_get("/{page}", _page)
    app.router.add_get("/{page}/{code}", _page)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        here = f"--host-resolver-rules=MAP localhost:80 127.0.0.1:{runner.addresses[0][1]}"
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, here])
            try:
                yield browser
            finally:
                await browser.close()
    finally:
        await runner.cleanup()


@asynccontextmanager
async def visit(browser: Browser, site: Site, path: str, **options: Any) -> AsyncIterator[Page]:
    """The page at a path. It fails at the end if the browser complained of anything but refused requests."""
    options = {"locale": "en-US", "viewport": {"width": 1280, "height": 800}, **options}
    context = await browser.new_context(**options)
    page = await context.new_page()

    def complain(message: Any) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            site.problems.append(message.text)

    page.on("console", complain)
    page.on("pageerror", lambda error: site.problems.append(str(error)))
    await page.route("**/api/**", site.serve)
    await page.route_web_socket("**/ws/**", site.connect)
    try:
        await page.goto(f"{ORIGIN}{path}")
        yield page
        assert site.problems == []
    finally:
        await context.close()
