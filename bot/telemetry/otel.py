"""The OpenTelemetry SDK and its exporters: the only file that imports them.

That takes a second, and is left until the settings ask for it (`export.py`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from azure.identity import DefaultAzureCredential
from azure.monitor.opentelemetry.exporter import (
    AzureMonitorLogExporter,
    AzureMonitorMetricExporter,
    AzureMonitorTraceExporter,
)
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from prometheus_client.core import Metric as Family

from bot.log_format import fields, redacted
from bot.telemetry.spans import UtteranceSpan

SCOPE = InstrumentationScope("interpreter")
NOT_EXPORTED = ("opentelemetry", "azure", "urllib3", "requests")
"""Loggers of the exporters themselves: what they say of a failed export would be exported."""
TIMEOUT_S = 4.0
"""For an export, repeated attempts included. A service that stops waits no longer for a collector that is away."""
_SEVERITY = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}


@dataclass
class Destination:
    """Where telemetry goes: an exporter for each signal."""

    spans: SpanExporter
    metrics: MetricExporter
    logs: LogRecordExporter
    log_level: int
    deltas: bool
    """Counters are sent as what was added since the last time, not since the start."""
    sent: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(default_factory=dict)
    """What was sent of each counter."""


def otlp(endpoint: str, headers: Mapping[str, str]) -> Destination:
    """Send to a collector, by OTLP over HTTP: all signals, all log lines."""
    return Destination(
        OTLPSpanExporter(f"{endpoint}/v1/traces", headers=dict(headers), timeout=TIMEOUT_S),
        OTLPMetricExporter(f"{endpoint}/v1/metrics", headers=dict(headers), timeout=TIMEOUT_S),
        OTLPLogExporter(f"{endpoint}/v1/logs", headers=dict(headers), timeout=TIMEOUT_S),
        logging.DEBUG,
        deltas=False,
    )


def azure_monitor(connection_string: str, attributes: Mapping[str, str], *, identity: bool) -> Destination:
    """Send to Application Insights. Of log lines only warnings: the platform's console log has all of them.

    Args:
        attributes: as of `OpenTelemetryExport`.
        identity: sign in with the managed identity.
    """
    make: dict[str, Any] = {
        "connection_string": connection_string,
        "disable_offline_storage": True,
        "timeout": TIMEOUT_S,
        "instrumentation_collection": True,  # so that the exporters report nothing of themselves, to nobody
    }
    if identity:
        make["credential"] = DefaultAzureCredential()
    return Destination(
        AzureMonitorTraceExporter(**make, tracer_provider=TracerProvider(resource=Resource.create(attributes))),
        AzureMonitorMetricExporter(**make),
        AzureMonitorLogExporter(**make),
        logging.WARNING,
        deltas=True,
    )


class OpenTelemetryExport:
    """Hands spans, metrics and log lines to the destinations, in threads of the SDK."""

    def __init__(self, destinations: Iterable[Destination], attributes: Mapping[str, str]) -> None:
        """`attributes`: what all telemetry of this process has."""
        self._destinations = list(destinations)
        self._resource = Resource.create(attributes)
        self._processors = [BatchSpanProcessor(one.spans) for one in self._destinations]
        self._handlers: list[_LogHandler] = []
        for one in self._destinations:
            provider = LoggerProvider(self._resource, shutdown_on_exit=False)
            provider.add_log_record_processor(BatchLogRecordProcessor(one.logs))
            self._handlers.append(_LogHandler(one.log_level, provider))
            logging.getLogger().addHandler(self._handlers[-1])

    def span(self, span: UtteranceSpan, offset_s: float) -> None:
        """Queue a span. `offset_s`: from the session's clock to the Unix epoch. Never blocks."""
        trace, nanoseconds = int(span.trace_id, 16), partial(_nanoseconds, offset_s)
        context = partial(SpanContext, trace, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        readable = ReadableSpan(
            span.name,
            context(span_id=int(span.span_id, 16)),
            context(span_id=int(span.parent_id, 16)) if span.parent_id else None,
            self._resource,
            dict(span.attributes),
            kind=SpanKind.INTERNAL if span.parent_id else SpanKind.SERVER,  # Azure Monitor shows servers as requests
            status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
            start_time=nanoseconds(span.began_at),
            end_time=nanoseconds(span.ended_at),
            instrumentation_scope=SCOPE,
        )
        for processor in self._processors:
            processor.on_end(readable)

    def metrics(self, families: list[Family], since_s: float, now_s: float) -> None:
        """Send metrics, counted from `since_s` (Unix epoch). Blocks."""
        for one in self._destinations:
            points = _Points(one, _nanoseconds(0.0, since_s), _nanoseconds(0.0, now_s))
            scope = ScopeMetrics(SCOPE, [points.metric(family) for family in families if family.samples], "")
            one.metrics.export(MetricsData([ResourceMetrics(self._resource, [scope], "")]))

    def close(self) -> None:
        """Send what is left, all at once. Blocks for `TIMEOUT_S` where nobody takes it."""
        closing: list[Callable[[], None]] = [processor.shutdown for processor in self._processors]
        for handler in self._handlers:
            logging.getLogger().removeHandler(handler)
            closing.append(handler.provider.shutdown)
        with ThreadPoolExecutor() as pool:
            for done in [pool.submit(close) for close in closing]:
                done.result()
        for one in self._destinations:
            one.metrics.shutdown()


class _LogHandler(logging.Handler):
    """Sends log lines with the same fields as `bot.log_format` prints."""

    def __init__(self, level: int, provider: LoggerProvider) -> None:
        super().__init__(level)
        self.provider = provider
        self._logger = provider.get_logger("interpreter")

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(NOT_EXPORTED):
            return
        said = fields(record)
        self._logger.emit(
            LogRecord(
                timestamp=_nanoseconds(0.0, record.created),
                severity_text=record.levelname,
                severity_number=_SEVERITY.get(record.levelno, SeverityNumber.INFO),
                body=redacted(str(said.pop("message"))),
                attributes={name: _plain(value) for name, value in said.items()},
            )
        )


@dataclass(frozen=True, slots=True)
class _Points:
    """Converts metrics as Prometheus knows them, for one destination."""

    to: Destination
    start: int
    now: int

    def metric(self, family: Family) -> Metric:
        data: Gauge | Sum | Histogram
        temporality = AggregationTemporality.DELTA if self.to.deltas else AggregationTemporality.CUMULATIVE
        if family.type == "gauge":
            data = Gauge([self._number(one.labels, one.value) for one in family.samples])
        elif family.type == "counter":
            totals = [one for one in family.samples if one.name.endswith("_total")]
            added = [self._number(one.labels, self._since(one.name, one.labels, one.value)) for one in totals]
            data = Sum(added, temporality, is_monotonic=True)
        else:
            data = Histogram(self._histograms(family), temporality)
        name = f"{family.name}_total" if family.type == "counter" else family.name
        return Metric(name, family.documentation, "s" if "_seconds" in family.name else "1", data)

    def _number(self, labels: Mapping[str, str], value: float) -> NumberDataPoint:
        return NumberDataPoint(dict(labels), self.start, self.now, value)

    def _histograms(self, family: Family) -> list[HistogramDataPoint]:
        """Take the series of a histogram together: its cumulative buckets, sum and count, by the other labels."""
        series: dict[tuple[tuple[str, str], ...], dict[str, float]] = {}
        for one in family.samples:
            labels = {name: value for name, value in one.labels.items() if name != "le"}
            kind = one.labels["le"] if one.name.endswith("_bucket") else one.name.removeprefix(family.name)
            if kind != "_created":
                values = series.setdefault(tuple(labels.items()), {})
                values[kind] = self._since(f"{one.name} {kind}", labels, one.value)
        return [self._histogram(dict(labels), values) for labels, values in series.items()]

    def _histogram(self, labels: dict[str, str], values: dict[str, float]) -> HistogramDataPoint:
        total, count = values.pop("_sum"), int(values.pop("_count"))
        cumulative = [int(value) for value in values.values()]
        counts = [upper - lower for lower, upper in zip([0, *cumulative], cumulative, strict=False)]
        bounds = [float(bound) for bound in values if bound != "+Inf"]
        mean = total / count if count else 0.0  # what was least and most is not known
        return HistogramDataPoint(labels, self.start, self.now, count, total, counts, bounds, mean, mean)

    def _since(self, name: str, labels: Mapping[str, str], value: float) -> float:
        if not self.to.deltas:
            return value
        key = name, tuple(labels.items())
        before, self.to.sent[key] = self.to.sent.get(key, 0.0), value
        return value - before


def _plain(value: object) -> str | int | float | bool:
    if isinstance(value, int | float):
        return value
    return redacted(value if isinstance(value, str) else json.dumps(value, default=str))


def _nanoseconds(offset_s: float, at_s: float) -> int:
    return round((offset_s + at_s) * 1e9)
