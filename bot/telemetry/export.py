"""Sends traces, metrics and log lines elsewhere, if the settings name a place: a collector (OTLP), or Azure Monitor."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bot.config import Settings
from bot.telemetry.metrics import Metrics
from bot.telemetry.spans import UtteranceSpan

if TYPE_CHECKING:
    from bot.telemetry.otel import OpenTelemetryExport

METRICS_S = 60.0
"""Seconds between two exports of metrics."""
CLOSE_S = 10.0
"""Seconds for what is left when the service stops; it is lost if nobody takes it."""

SendSpan = Callable[[UtteranceSpan], None]


@asynccontextmanager
async def exporting(settings: Settings, metrics: Metrics) -> AsyncIterator[SendSpan | None]:
    """Export while the context is open; gives what sends a span, or None without a destination."""
    if settings.otel_exporter_otlp_endpoint is None and settings.applicationinsights_connection_string is None:
        yield None
        return
    loop = asyncio.get_running_loop()
    export = await asyncio.to_thread(_open, settings)
    began = time.time()
    sending = asyncio.create_task(_send_metrics(export, metrics, began), name="export of metrics")
    try:
        yield lambda span: export.span(span, time.time() - loop.time())
    finally:
        sending.cancel()
        await asyncio.wait([sending])
        try:
            async with asyncio.timeout(CLOSE_S):
                await asyncio.to_thread(export.metrics, list(metrics.registry.collect()), began, time.time())
                await asyncio.to_thread(export.close)
        except TimeoutError:
            pass


def _open(settings: Settings) -> OpenTelemetryExport:
    from bot.telemetry import otel  # it takes a second, which only those pay who export

    attributes = {"service.name": "interpreter", "service.instance.id": socket.gethostname()}
    if settings.region:
        attributes["cloud.region"] = settings.region
    destinations = []
    if settings.otel_exporter_otlp_endpoint is not None:
        headers = settings.otel_exporter_otlp_headers
        pairs = () if headers is None else headers.get_secret_value().split(",")
        given = {name.strip(): value.strip() for name, _, value in (pair.partition("=") for pair in pairs)}
        destinations.append(otel.otlp(settings.otel_exporter_otlp_endpoint.rstrip("/"), given))
    if settings.applicationinsights_connection_string is not None:
        # Where ACS is reached with the managed identity there is one.
        identity = settings.azure_communication_connection_string is None
        connection_string = settings.applicationinsights_connection_string.get_secret_value()
        destinations.append(otel.azure_monitor(connection_string, attributes, identity=identity))
    return otel.OpenTelemetryExport(destinations, attributes)


async def _send_metrics(export: OpenTelemetryExport, metrics: Metrics, began: float) -> None:
    """Send metrics until cancelled. They are read in the event loop, like all that they are read from."""
    while True:
        await asyncio.sleep(METRICS_S)
        await asyncio.to_thread(export.metrics, list(metrics.registry.collect()), began, time.time())
