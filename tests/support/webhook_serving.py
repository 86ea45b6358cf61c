"""An application round a router, as the hub would serve it, and a client that reaches it without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol, cast

import httpx2
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse


class Refusal(Protocol):
    """The shape of a leaf's errors."""

    status: int
    code: str
    message: str
    details: tuple[Any, ...]
    retry_after_ms: int | None


def application(router: APIRouter, errors: type[Exception]) -> FastAPI:
    """Serves the router; errors of this type leave in the one error shape."""
    app = FastAPI()
    app.include_router(router)

    async def answer(_: Request, error: Exception) -> JSONResponse:
        refusal = cast("Refusal", error)
        body: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
        if refusal.details:
            body["details"] = list(refusal.details)
        if refusal.retry_after_ms is not None:
            body["retry_after_ms"] = refusal.retry_after_ms
        return JSONResponse({"error": body}, refusal.status)

    app.add_exception_handler(errors, answer)
    return app


@asynccontextmanager
async def client(app: FastAPI, **headers: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that sends these headers, underscores read as dashes."""
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=spelled) as http:
        yield http


def asgi_scope(method: str, path: str, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """A request as a server announces it, for clients that misbehave afterwards."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"test"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
    }
