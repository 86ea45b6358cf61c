"""Health checks: whether the process is alive, and whether it accepts new calls."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from bot.calls.active_calls import ActiveCalls
from bot.realtime.capabilities import Capabilities


def router(calls: ActiveCalls, capabilities: Capabilities | None) -> APIRouter:
    """Return the routes `/healthz` and `/readyz`."""
    routes = APIRouter(tags=["operations"])

    @routes.get("/healthz", summary="Whether the process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get(
        "/readyz",
        summary="Whether new calls are accepted",
        responses={503: {"description": "Draining: no new calls are accepted"}},
    )
    async def readyz() -> JSONResponse:
        ready = calls.accepting
        body: dict[str, object] = {
            "status": "ready" if ready else "draining",
            "live_calls": len(calls),
        }
        if capabilities is not None:
            body["translation"] = capabilities.report()
        return JSONResponse(body, 200 if ready else 503)

    return routes
