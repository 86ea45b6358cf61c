"""Headers that keep answers from being read as anything else, kept, or shown in a frame; the page that describes the
API, with a policy of its own. Nothing is shared with pages of other origins: no answer has an Access-Control header.
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
"""Of every answer that does not say otherwise itself."""
DOCS = "/docs"
SWAGGER_UI = "https://cdn.jsdelivr.net"
"""Where FastAPI's page has its script and its styles from."""


class SecurityHeaders:
    """Adds `SAFE_HEADERS`. Media sockets pass by: nothing is wrapped round them."""

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
    """Add the headers to what the application answers, and its page at `DOCS`; made without `docs_url`."""
    app.add_middleware(SecurityHeaders)
    page = get_swagger_ui_html(openapi_url=app.openapi_url or "", title=app.title, swagger_favicon_url="data:,")
    page.headers["Content-Security-Policy"] = docs_policy(bytes(page.body).decode())

    @app.get(DOCS, include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return page


def docs_policy(page: str) -> str:
    """Allow what the page consists of: scripts of one place and the one it holds, told by its digest."""
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
