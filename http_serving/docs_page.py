"""Serves the API's documentation page and its script and styles, with a content policy of its own.

They are those of a Python package, so that the page works without the internet and loads nothing from other hosts.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, HTMLResponse

DOCS = "/docs"
PACKAGE = "fastapi_offline"
"""Package that holds a copy of Swagger UI; its code is not used."""
SCRIPT, STYLES = "swagger-ui-bundle.js", "swagger-ui.css"
CACHED_S = 24 * 3600
"""Seconds that a browser may keep script and styles."""


def add_docs(app: FastAPI) -> None:
    """Add the page at `DOCS` to an application created without `docs_url`."""
    page = get_swagger_ui_html(
        openapi_url=app.openapi_url or "",
        title=app.title,
        swagger_js_url=f"{DOCS}/{SCRIPT}",
        swagger_css_url=f"{DOCS}/{STYLES}",
        swagger_favicon_url="data:,",
        swagger_ui_parameters={"validatorUrl": None},  # it would tell a foreign host our address
    )
    page.headers["Content-Security-Policy"] = docs_policy(bytes(page.body).decode())

    @app.get(DOCS, include_in_schema=False)
    async def docs(request: Request) -> HTMLResponse:
        return page

    @app.get(f"{DOCS}/{{name}}", include_in_schema=False)
    def part_of_docs(name: Literal["swagger-ui-bundle.js", "swagger-ui.css"]) -> FileResponse:  # in a thread: it reads
        return FileResponse(swagger_ui() / name, headers={"Cache-Control": f"public, max-age={CACHED_S}"})


@cache
def swagger_ui() -> Path:
    """Return the folder that holds Swagger UI."""
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise RuntimeError(f"the package {PACKAGE} is not installed")
    return Path(package.origin).parent / "static"


def docs_policy(page: str) -> str:
    """Return a content policy that allows our own scripts, and the page's inline script by its digest."""
    own = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in own]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src 'self' {allowed}",
            "style-src 'self' 'unsafe-inline'",  # Swagger UI sets style attributes
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )
