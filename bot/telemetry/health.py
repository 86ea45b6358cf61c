"""Health checks: whether the process is alive, and whether it accepts new calls.

What all replicas depend on alike, ACS, the model and a shared store, is reported and makes none of them unready: with
no replica ready, ACS could not dial again for the calls that go on.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from bot.calls.active_calls import ActiveCalls
from bot.calls.replicas.load import ReplicaLoad
from bot.errors import OK, RequestOutcomes
from bot.realtime.capabilities import Capabilities
from bot.tasks import Background
from bot.ticket_agreement import TicketAgreement
from storage.health import StoreHealth


def router(
    calls: ActiveCalls,
    capabilities: Capabilities | None,
    store: StoreHealth,
    background: Background,
    services: Mapping[str, RequestOutcomes],
    tickets: TicketAgreement | None = None,
    load: ReplicaLoad | None = None,
) -> APIRouter:
    """Return the routes `/healthz`, `/readyz` and, given the load, `/load`.

    Args:
        services: what the service depends on, by name.
    """
    routes = APIRouter(tags=["operations"])

    @routes.get("/healthz", summary="Whether the process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get(
        "/readyz",
        summary="Whether new calls are accepted",
        responses={503: {"description": "No new calls are accepted: draining, failed, or the store does not work"}},
    )
    async def readyz() -> JSONResponse:
        if background.failed.is_set():
            status = "failed"
        else:
            # Without a ready replica ACS could not dial again for media, which needs no store.
            unusable = bool(store.problem) and not store.shared
            status = "draining" if not calls.accepting else "store_unavailable" if unusable else "ready"
        body: dict[str, object] = {"status": status, "live_calls": len(calls), "store": store.problem or OK}
        body |= {name: outcomes.last for name, outcomes in services.items()}
        if store.unreadable:
            body["unreadable_records"] = store.unreadable
        if tickets is not None and tickets.differs:
            body["ticket_secret"] = "differs among replicas"
        if capabilities is not None:
            body["translation"] = capabilities.report()
        return JSONResponse(body, 200 if status == "ready" else 503)

    if load is not None:

        @routes.get("/load", summary="Calls and connections of all replicas, for scaling")
        async def total() -> dict[str, int]:
            return {"calls": load.total.calls, "connections": load.total.connections}

    return routes
