"""A meeting over real sockets, seen through `/metrics`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bot.telemetry.catalogue import METRICS
from scripts import dashboards
from tests.support.line import line
from tests.support.virtual_time import in_virtual_time

pytestmark = in_virtual_time


QUERIES = [
    *(target["expr"] for panel in json.loads(dashboards.grafana())["panels"] for target in panel["targets"]),
    *(alert.promql() for alert in dashboards.ALERTS),
]
KQL = [*(panel.kql() for panel in dashboards.PANELS), *(alert.kql() for alert in dashboards.ALERTS)]


def unanswered(queries: list[str], families: Iterable[Metric]) -> Iterator[str]:
    """Names and labels in queries that `/metrics` does not have; of what has no sample yet, that the table has not."""
    samples: dict[str, list[dict[str, str]]] = {}
    for family in families:
        suffixes = {"counter": ("_total",), "histogram": ("", "_bucket")}.get(family.type, ("",))
        samples |= {f"{family.name}{suffix}": [] for suffix in suffixes}
        for one in family.samples:
            samples.setdefault(one.name, []).append(one.labels)
    tables = {metric.name: set(metric.labels) for metric in METRICS}
    for query in queries:
        (name,) = set(re.findall(r"interpreter_[a-z_]+", query))
        labels = set(re.findall(r"Properties\.(\w+)", query)) | set(re.findall(r"(\w+)!?=\"", query))
        for group in re.findall(r"by \(([\w, ]+)\) \(", query):
            labels |= set(group.split(", "))
        if name not in samples:
            yield f"{name} is not measured"
            continue
        for label in labels:
            shown = samples[name] or samples.get(f"{name}_count", [])
            known = set().union(*shown) if shown else tables[name.removesuffix("_bucket")] | {"le"}
            if label not in known:
                yield f"{name} has no label {label}"


async def test_a_meeting_is_seen_through_its_metrics(english: bytes) -> None:
    async with line(model_prices='{"currency": "EUR", "per_million_tokens": {"input_audio": 1000}}') as running:
        room = await running.room()
        async with room.joined("Ana") as ana, room.joined("Luis"):
            await room.until_status("interpreting")
            await ana.speak(english)
            await room.until_passages(1)
            async with running.http.get(f"{running.base_url}/api/rooms") as response:
                assert response.status == 401
            async with running.http.get(f"{running.base_url}/metrics") as response:
                text = await response.text()
            async with running.http.get(f"{running.base_url}/readyz") as response:
                ready = await response.json()
    assert (ready["status"], ready["store"], ready["acs"], ready["model"]) == ("ready", "ok", "ok", "ok")
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families.keys() >= {metric.name.removesuffix("_total") for metric in METRICS}

    def value(name: str, **labels: str) -> float:
        family = families[name.removesuffix("_total").removesuffix("_count")]
        (found,) = [one.value for one in family.samples if one.name == name and one.labels == labels]
        return found

    assert value("interpreter_utterances_total", kind="utterance", state="spoken", reason="") == 1
    assert value("interpreter_ear_voice_span_seconds_count") == 1
    assert value("interpreter_calls", state="streaming") == 1
    assert value("interpreter_cost_total", currency="EUR") > 0
    assert value("interpreter_events_total", event="interpreter.joined", reason="") == 1
    assert value("interpreter_media_messages_total", kind="received") > 100
    assert value("interpreter_media_audio_seconds_total", fate="sent") > 0.5
    assert value("interpreter_model_audio_seconds_total", fate="taken") > 0.5
    assert value("interpreter_model_messages_total", kind="garbage") == 0
    assert value("interpreter_requests_total", to="acs", outcome="ok") > 0
    assert value("interpreter_requests_total", to="model", outcome="ok") > 0
    assert value("interpreter_frame_lateness_seconds_count") > 10
    assert value("interpreter_webhook_events_total", outcome="delivered") > 0
    assert value("interpreter_refusals_total", endpoint="/api", reason="unauthorized") == 1
    assert list(unanswered(QUERIES, families.values())) == []
    assert list(unanswered(KQL, families.values())) == []
    wrong = ["sum by (estate) (rate(interpreter_utterances_total[5m]))", "max(interpreter_call)"]
    assert len(list(unanswered(wrong, families.values()))) == 2, "a wrong query is found"
    assert not {word for word in (room.room_id, "Ana", "Luis", "en-US", "es-ES") if word in text}
