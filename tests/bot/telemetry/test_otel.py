"""What a collector and Azure Monitor get, over real sockets."""

from __future__ import annotations

import gzip
import json
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bot.log_format import log_context
from bot.telemetry import catalogue
from bot.telemetry.metrics import Metrics
from bot.telemetry.otel import Destination, OpenTelemetryExport, azure_monitor, otlp
from bot.telemetry.spans import UtteranceSpan, trace_id

pytestmark = pytest.mark.line

TRACE = trace_id("u-1")
SPANS = (
    UtteranceSpan("utterance", TRACE, "a" * 16, "", 10.0, 12.5, {"room.id": "room-1"}, failed=True),
    UtteranceSpan("first_delta", TRACE, "b" * 16, "a" * 16, 11.0, 11.8),
)


class Taker(ThreadingHTTPServer):
    """Takes whatever is posted, by path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: defaultdict[str, list[bytes]] = defaultdict(list)
        self.tokens: set[str | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Taker)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        packed = self.headers.get("Content-Encoding") == "gzip"
        self.server.taken[self.path].append(gzip.decompress(body) if packed else body)
        self.server.tokens.add(self.headers.get("x-token"))
        answer = b'{"itemsReceived": 1, "itemsAccepted": 1, "errors": []}' if "track" in self.path else b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def taker() -> Iterator[Taker]:
    with Taker() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def export_everything(destination: Destination) -> None:
    """Two spans, three metrics twice, and two log lines."""
    export = OpenTelemetryExport([destination], {"service.name": "interpreter", "cloud.region": "westeurope"})
    metrics = Metrics()
    metrics.record(catalogue.UTTERANCES, catalogue.STAGES)
    for now in (2_000.0, 2_060.0):
        metrics.add(catalogue.UTTERANCES, 1, "utterance", "spoken", "")
        metrics.observe(catalogue.STAGES, 0.8, "first_delta", trace=TRACE)
        export.metrics(list(metrics.registry.collect()), 1_000.0, now)
    for span in SPANS:
        export.span(span, 1_700_000_000.0)
    with log_context(room_id="room-1", correlation_id="corr-1"):
        logging.getLogger("bot.test").warning("call refused", extra={"reason": "full", "speaker": "4:+4915112345678"})
        logging.getLogger("azure.core").warning("not ours")
    export.close()


def test_a_collector_gets_traces_metrics_and_log_lines(taker: Taker) -> None:
    export_everything(otlp(taker.url, {"x-token": "secret"}))
    traces = [ExportTraceServiceRequest.FromString(body) for body in taker.taken["/v1/traces"]]
    spans = [span for one in traces for part in one.resource_spans[0].scope_spans for span in part.spans]
    root, child = sorted(spans, key=lambda span: span.name, reverse=True)
    assert (root.name, root.trace_id.hex(), root.span_id.hex()) == ("utterance", TRACE, "a" * 16)
    assert root.start_time_unix_nano == 1_700_000_010 * 10**9
    assert (child.name, child.parent_span_id.hex()) == ("first_delta", "a" * 16)
    resource = {one.key: one.value.string_value for one in traces[0].resource_spans[0].resource.attributes}
    assert (resource["service.name"], resource["cloud.region"]) == ("interpreter", "westeurope")

    last = ExportMetricsServiceRequest.FromString(taker.taken["/v1/metrics"][-1])
    metrics = {one.name: one for one in last.resource_metrics[0].scope_metrics[0].metrics}
    (total,) = metrics["interpreter_utterances_total"].sum.data_points
    assert total.as_double == 2, "since the start"
    (stage,) = metrics["interpreter_stage_seconds"].histogram.data_points
    assert (stage.count, round(stage.sum, 3), sum(stage.bucket_counts)) == (2, 1.6, 2)
    assert list(stage.explicit_bounds) == list(catalogue.DELAYS)

    logs = [ExportLogsServiceRequest.FromString(body) for body in taker.taken["/v1/logs"]]
    (line,) = [line for one in logs for part in one.resource_logs[0].scope_logs for line in part.log_records]
    said = {one.key: one.value.string_value for one in line.attributes}
    assert line.body.string_value == "call refused"
    assert (said["reason"], said["correlation_id"], said["speaker"]) == ("full", "corr-1", "4:+*78")
    assert taker.tokens == {"secret"}


def test_azure_monitor_gets_requests_what_was_added_and_warnings(taker: Taker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED", "true")  # as in the image
    key = "00000000-0000-0000-0000-000000000001"
    export_everything(
        azure_monitor(
            f"InstrumentationKey={key};IngestionEndpoint={taker.url}/", {"service.name": "interpreter"}, identity=False
        )
    )
    bodies = [body for posted in taker.taken.values() for body in posted]
    items: list[dict[str, Any]] = [item for body in bodies for item in json.loads(body)]
    by_kind = defaultdict(list)
    for item in items:
        by_kind[item["data"]["baseType"]].append(item)
    (request,) = by_kind["RequestData"]
    assert request["tags"]["ai.operation.id"] == TRACE
    assert request["data"]["baseData"]["properties"]["room.id"] == "room-1"
    assert request["data"]["baseData"]["success"] is False
    (stage,) = by_kind["RemoteDependencyData"]
    assert (stage["data"]["baseData"]["name"], stage["tags"]["ai.operation.parentId"]) == ("first_delta", "a" * 16)
    points = [point for item in by_kind["MetricData"] for point in item["data"]["baseData"]["metrics"]]
    assert [point["value"] for point in points if point["name"] == "interpreter_utterances_total"] == [1, 1]
    assert [point["count"] for point in points if point["name"] == "interpreter_stage_seconds"] == [1, 1]
    (line,) = by_kind["MessageData"]
    assert line["data"]["baseData"]["message"] == "call refused"
