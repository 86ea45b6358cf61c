"""Adds security headers to every response, and serves the API's documentation page with its own content policy.

No response has an Access-Control header: pages of other origins cannot read any of them.
"""

from __future__ import annotations

import base64
import hashlib
import re

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Added to every response that does not set them itself."""
DOCS = "/docs"
SWAGGER_UI = "https://cdn.jsdelivr.net"
"""Origin of the script and styles of the documentation page."""


class SecurityHeaders:
    """ASGI middleware that adds `SAFE_HEADERS` to HTTP responses; WebSockets are passed through unwrapped."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_safely)


def add_security_headers(app: FastAPI) -> None:
    """Add the headers and the documentation page at `DOCS` to an application created without `docs_url`."""
    app.add_middleware(SecurityHeaders)
    page = get_swagger_ui_html(openapi_url=app.openapi_url or "", title=app.title, swagger_favicon_url="data:,")
    page.headers["Content-Security-Policy"] = docs_policy(bytes(page.body).decode())

    @app.get(DOCS, include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return page


def docs_policy(page: str) -> str:
    """Return a content policy that allows scripts of `SWAGGER_UI`, and the page's inline script by its digest."""
    own = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in own]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {SWAGGER_UI} {allowed}",
            f"style-src {SWAGGER_UI} 'unsafe-inline'",  # Swagger UI sets style attributes
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
