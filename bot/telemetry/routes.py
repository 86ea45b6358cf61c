"""`/metrics`, for Prometheus: sums without names or ids, for everybody, or for whoever knows a token."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder

from bot.telemetry.metrics import Metrics
from http_serving.errors import Unauthorized

OPEN_METRICS = "application/openmetrics-text"
FRESH_S = 1.0
"""Seconds for which an answer is given again: reading takes milliseconds of the event loop, whoever asks."""


def router(metrics: Metrics, token: str | None, clock: Callable[[], float] = time.monotonic) -> APIRouter:
    """Return the route `/metrics`; with a token it has to be given as a bearer token."""
    routes = APIRouter(tags=["operations"])
    fresh: dict[str, tuple[float, bytes]] = {}
    """The latest answer of both formats, and when it was made."""

    @routes.get(
        "/metrics",
        summary="Metrics in the format of Prometheus or OpenMetrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def read(request: Request) -> Response:
        if token is not None:
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode("latin-1"), f"Bearer {token}".encode()):
                raise Unauthorized("the token of /metrics is missing or wrong")
        # Of what is accepted only this counts: versions are free text, and each would be an answer of its own.
        wanted = OPEN_METRICS if OPEN_METRICS in request.headers.get("accept", "") else ""
        encode, content_type = choose_encoder(wanted)
        made_at, body = fresh.get(content_type, (float("-inf"), b""))
        if (now := clock()) - made_at >= FRESH_S:
            body = encode(metrics.registry)
            fresh[content_type] = now, body
        return Response(body, media_type=content_type)

    return routes
