"""The route that shows admins what was refused to whom."""

from __future__ import annotations

from fastapi import APIRouter, Response

from rooms_admin.api.request_guard import RequestGuard, guarded_by
from rooms_admin.api.responses import errors, written
from rooms_admin.api.schemas import Page, RefusalResponse
from rooms_admin.auth.refusal_log import RefusalLog


def refusal_routes(log: RefusalLog, guard: RequestGuard) -> APIRouter:
    """Return the route `GET /api/refusals`."""
    routes = APIRouter(prefix="/api/refusals", tags=["operations"], route_class=guarded_by(guard))

    @routes.get(
        "",
        summary="List what was refused within the last hour, most first",
        response_model=Page[RefusalResponse],
        responses=errors(),
    )
    async def list_refusals() -> Response:
        """Wrong keys, tokens and join codes, rates exceeded: by caller, of all replicas, a minute late at most."""
        items = [RefusalResponse.model_validate(one) for one in await log.recent()]
        return written(Page[RefusalResponse](items=items))

    return routes
