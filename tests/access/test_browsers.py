"""What a browser is told: nothing for pages of other origins, how not to read, keep or frame an answer, and /docs."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
from playwright.async_api import async_playwright
from starlette.routing import WebSocketRoute

from http_serving.docs_page import CACHED_S, DOCS, SCRIPT, STYLES
from http_serving.security_headers import SAFE_HEADERS
from tests.support.access import ADMIN
from tests.support.line import Line, line
from tests.support.virtual_time import in_virtual_time

pytestmark = [in_virtual_time, pytest.mark.timeout(60)]

PAGE = "https://elsewhere.example"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


def endpoints(whole: Line) -> list[tuple[str, str]]:
    """Every method of every route of the application that is no socket."""
    found = [
        (method, route.path.replace("{", "").replace("}", ""))
        for route in flat(whole.service.app.routes)
        if not isinstance(route, WebSocketRoute)
        for method in sorted(route.methods or ())
    ]
    assert {("GET", "/api/rooms"), ("POST", "/webhooks/eventgrid"), ("GET", "/docs")} <= set(found)
    return found


def flat(routes: Any) -> list[Any]:
    """Routes, those of included routers too: FastAPI keeps these as they were made."""
    found: list[Any] = []
    for one in routes:
        included = getattr(one, "original_router", None)
        found += flat(included.routes) if included is not None else [one]
    return found


async def test_pages_of_other_origins_are_allowed_nothing() -> None:
    async with line() as whole:
        preflight = {
            "Origin": PAGE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-api-key",
        }
        answered = set()
        for method, path in endpoints(whole):
            for asked, headers in ((method, {"Origin": PAGE} | ADMIN), ("OPTIONS", preflight)):
                async with whole.http.request(asked, whole.base_url + path, headers=headers) as response:
                    shared = [name for name in response.headers if name.lower().startswith("access-control-")]
                    assert shared == [], (asked, path)
                    if asked == "OPTIONS" and response.status not in (404, 405):
                        answered.add(path)
                    missing = {name for name in SAFE_HEADERS if name not in response.headers}
                    assert missing == set(), (asked, path)
        assert answered == {"/webhooks/eventgrid"}  # the handshake, and for it 400: it is none
        async with whole.http.options(f"{whole.base_url}/webhooks/eventgrid", headers=preflight) as response:
            assert response.status == 400


async def test_errors_and_answers_of_nobody_carry_the_headers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("unforeseen")

    async with line() as whole:
        monkeypatch.setattr("rooms_admin.rooms.service.RoomService.get", broken, raising=False)
        for path, status in (("/nowhere", 404), ("/api/rooms/room-0", 500)):
            async with whole.http.get(whole.base_url + path, headers=ADMIN) as response:
                assert response.status == status
                assert {name: response.headers[name] for name in SAFE_HEADERS} == SAFE_HEADERS


async def test_the_page_of_the_api_names_no_other_host_and_its_parts_are_here() -> None:
    async with line() as whole:
        async with whole.http.get(f"{whole.base_url}{DOCS}") as response:
            page, policy = await response.text(), response.headers["Content-Security-Policy"]
        assert "://" not in page + policy
        for name, kind in ((SCRIPT, "text/javascript"), (STYLES, "text/css")):
            assert f'"{DOCS}/{name}"' in page
            async with whole.http.get(f"{whole.base_url}{DOCS}/{name}") as response:
                assert (response.status, response.content_type) == (200, kind)
                assert response.headers["Cache-Control"] == f"public, max-age={CACHED_S}"
                assert len(await response.read()) > 100_000
        async with whole.http.get(f"{whole.base_url}{DOCS}/redoc.standalone.js") as response:
            assert response.status == 400


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
async def test_the_page_of_the_api_works_under_its_policy_and_loads_nothing_from_elsewhere() -> None:
    async with line() as whole, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            page = await browser.new_page()
            complaints: list[str] = []
            page.on("console", lambda message: complaints.append(message.text))
            loaded: list[str] = []
            page.on("request", lambda request: loaded.append(request.url))
            await page.goto(f"{whole.base_url}/docs")
            await page.get_by_role("heading", name=whole.service.app.title).wait_for(timeout=30_000)
            await page.locator(".opblock").first.click()
            await page.get_by_text("Responses").first.wait_for(timeout=30_000)
            assert complaints == []
            assert [url for url in loaded if not url.startswith((f"{whole.base_url}/", "data:"))] == []
            assert {f"{whole.base_url}/docs/{name}" for name in (SCRIPT, STYLES)} < set(loaded)
            # And what the policy is for: a script that got into the page does not run.
            await page.evaluate(
                "document.body.append(Object.assign(document.createElement('script'), {text: 'window.got_in = true'}))"
            )
            assert await page.evaluate("window.got_in") is None
            assert any("Content Security Policy" in text for text in complaints)
        finally:
            await browser.close()
