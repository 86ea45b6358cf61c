"""Whether anything is exported, where to, and that metrics go there once a minute and at the end."""

from __future__ import annotations

import ast
import asyncio
from typing import Any

import pytest

from bot.config import Settings
from bot.telemetry import export
from bot.telemetry.export import METRICS_S, exporting
from bot.telemetry.metrics import Metrics
from bot.telemetry.spans import UtteranceSpan
from tests.support.settings import REQUIRED
from tests.support.sources import by_name, parsed, sources
from tests.support.virtual_time import virtual_time

SPAN = UtteranceSpan("utterance", "a" * 32, "b" * 16, "", 1.0, 2.0)


def settings(**changes: str) -> Settings:
    given: dict[str, Any] = {name.lower(): value for name, value in REQUIRED.items()} | changes
    return Settings(**given)


class Export:
    """Stands for the SDK."""

    def __init__(self) -> None:
        self.spans: list[UtteranceSpan] = []
        self.sent: list[float] = []
        self.closed = False

    def span(self, span: UtteranceSpan, offset_s: float) -> None:
        self.spans.append(span)

    def metrics(self, families: list[Any], since_s: float, now_s: float) -> None:
        self.sent.append(now_s - since_s)

    def close(self) -> None:
        self.closed = True


@virtual_time
async def test_without_a_destination_the_sdk_is_not_even_loaded() -> None:
    async with exporting(settings(), Metrics()) as send:
        assert send is None


def test_the_sdk_is_left_until_the_settings_ask_for_it() -> None:
    """Loading it takes a second of every start, so no module does while it is imported itself."""
    at_once = [
        by_name(path)
        for path in sources("bot")
        for node in parsed(path).body
        if isinstance(node, ast.Import | ast.ImportFrom) and "otel" in ast.unparse(node)
    ]
    assert at_once == []


@virtual_time
async def test_spans_are_sent_and_metrics_once_a_minute_and_at_the_end() -> None:
    made = Export()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "_open", lambda settings: made)
        told = settings(otel_exporter_otlp_endpoint="http://127.0.0.1:4318")
        async with exporting(told, Metrics()) as send:
            assert send is not None
            send(SPAN)
            await asyncio.sleep(2.5 * METRICS_S)
            assert len(made.sent) == 2
    assert made.spans == [SPAN]
    assert len(made.sent) == 3
    assert made.closed


def destinations(monkeypatch: pytest.MonkeyPatch, told: Settings) -> tuple[list[Any], dict[str, str]]:
    """What `told` opens, without opening it."""
    otel, made = pytest.importorskip("bot.telemetry.otel"), list[Any]()
    monkeypatch.setattr(otel, "otlp", lambda endpoint, headers: ("otlp", endpoint, headers))
    monkeypatch.setattr(otel, "azure_monitor", lambda name, attributes, identity: ("azure", name, identity))
    monkeypatch.setattr(otel, "OpenTelemetryExport", lambda *given: made.append(given))
    export._open(told)
    opened, attributes = made[0]
    return opened, attributes


@pytest.mark.line  # the Azure exporter asks `uname` while it is imported
def test_settings_say_where_to(monkeypatch: pytest.MonkeyPatch) -> None:
    told = settings(
        otel_exporter_otlp_endpoint="http://127.0.0.1:4318/",
        otel_exporter_otlp_headers="authorization=Basic a=b, x-scope = 1",
        applicationinsights_connection_string="InstrumentationKey=1",
        region="westeurope",
    )
    opened, attributes = destinations(monkeypatch, told)
    assert opened == [
        ("otlp", "http://127.0.0.1:4318", {"authorization": "Basic a=b", "x-scope": "1"}),
        ("azure", "InstrumentationKey=1", False),
    ]
    assert attributes["cloud.region"] == "westeurope"
    assert attributes["service.instance.id"]
