"""Writes the Grafana dashboard, the workbook's metric panels and the alert rules from the table of metrics.

`--check` says whether they are out of date. Prometheus keeps buckets, so Grafana shows percentiles; Azure Monitor keeps
sums and counts, so the workbook shows means.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bot.telemetry import catalogue as c
from bot.telemetry.catalogue import Metric, MetricKind

ROOT = Path(__file__).resolve().parent.parent
GRAFANA = ROOT / "infra" / "grafana" / "dashboard.json"
PROMETHEUS = ROOT / "infra" / "grafana" / "alerts.yaml"
WORKBOOK = ROOT / "infra" / "bicep" / "modules" / "workbook.json"
README = ROOT / "infra" / "README.md"
AZURE = ROOT / "infra" / "bicep" / "modules" / "metric-alerts.json"
OURS = "metric: "
"""How the names of the workbook's generated panels begin; the others are written by hand."""
WINDOW = "15m"


@dataclass(frozen=True)
class Panel:
    title: str
    metric: Metric
    by: str = ""
    """Label by which it is divided."""
    quantiles: tuple[float, ...] = (0.5, 0.95)

    def promql(self) -> list[str]:
        name, by = self.metric.name, f" by ({self.by})" if self.by else ""
        if self.metric.kind is MetricKind.GAUGE:
            return [f"max{by} ({name})"]
        if self.metric.kind is MetricKind.COUNTER:
            return [f"sum{by} (rate({name}[5m]))"]
        labels = f"le, {self.by}" if self.by else "le"
        return [f"histogram_quantile({q}, sum by ({labels}) (rate({name}_bucket[5m])))" for q in self.quantiles]

    def kql(self) -> str:
        by = f", {self.by} = tostring(Properties.{self.by})" if self.by else ""
        sums = {MetricKind.GAUGE: "max(Max)", MetricKind.COUNTER: "sum(Sum)"}
        value = sums.get(self.metric.kind, "sum(Sum) / sum(ItemCount)")
        where = f"AppMetrics\n| where Name == '{self.metric.name}'"
        return f"{where}\n| summarize value = {value} by bin(TimeGenerated, 5m){by}"


@dataclass(frozen=True)
class Alert:
    name: str
    metric: Metric
    above: float
    severity: int
    """1 wakes somebody, 2 can wait for the morning."""
    runbook: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """Label and its value; `!value` for all others."""
    quantile: float = 0.95
    """Of a histogram, what is above the threshold."""
    mean: float = 0.0
    """The threshold for its mean, which is all that Azure Monitor has."""

    def promql(self) -> str:
        pairs = [
            f'{name}{"!=" if value[0] == "!" else "="}"{value.lstrip("!")}"' for name, value in self.labels.items()
        ]
        chosen = f"{{{','.join(pairs)}}}" if pairs else ""
        if self.metric.kind is MetricKind.HISTOGRAM:
            series = f"sum by (le) (rate({self.metric.name}_bucket{chosen}[{WINDOW}]))"
            return f"histogram_quantile({self.quantile}, {series}) > {self.above:g}"
        if self.metric.kind is MetricKind.COUNTER:
            return f"sum(increase({self.metric.name}{chosen}[{WINDOW}])) > {self.above:g}"
        return f"max({self.metric.name}{chosen}) > {self.above:g}"

    def kql(self) -> str:
        """Return a query that gives a row where the threshold is passed."""
        tests = [f"Name == '{self.metric.name}'"]
        for name, value in self.labels.items():
            tests.append(f"tostring(Properties.{name}) {'!=' if value[0] == '!' else '=='} '{value.lstrip('!')}'")
        sums = {MetricKind.GAUGE: "max(Max)", MetricKind.COUNTER: "sum(Sum)"}
        value = sums.get(self.metric.kind, "sum(Sum) / sum(ItemCount)")
        above = self.mean or self.above
        return f"AppMetrics | where {' and '.join(tests)} | summarize value = {value} | where value > {above:g}"


PANELS = (
    Panel("Ear-voice span (s)", c.EAR_VOICE_SPAN),
    Panel("Delay by stage (s)", c.STAGES, "stage", (0.95,)),
    Panel("Our own share of the delay (s)", c.OWN_SHARE),
    Panel("Utterances by final state (1/s)", c.UTTERANCES, "state"),
    Panel("Utterances by reason (1/s)", c.UTTERANCES, "reason"),
    Panel("Calls by state", c.CALLS, "state"),
    Panel("What happened to calls and lanes (1/s)", c.EVENTS, "event"),
    Panel("Requests to ACS and the model (1/s)", c.REQUESTS, "outcome"),
    Panel("Faults found by the quality checks (1/s)", c.FAULTS, "fault"),
    Panel("Revisions per final caption", c.REVISIONS),
    Panel("Lateness of frames (s)", c.TICKS, "", (0.5, 0.99)),
    Panel("Silence within interpretations (s/s)", c.UNDERRUN_TIME),
    Panel("Longest queues of audio (s)", c.QUEUED_AUDIO, "queue"),
    Panel("Queues", c.QUEUED_ITEMS, "queue"),
    Panel("Audio for ACS by what became of it (s/s)", c.MEDIA_AUDIO, "fate"),
    Panel("Speech for the model by what became of it (s/s)", c.BACKLOG, "fate"),
    Panel("Refused requests (1/s)", c.REFUSALS, "reason"),
    Panel("Listeners: readers", c.READERS),
    Panel("What slow listeners missed (1/s)", c.LISTENER_DROPS, "kind"),
    Panel("Tokens (1/s)", c.TOKENS, "kind"),
    Panel("Cost (money/s)", c.COST, "currency"),
)
ALERTS = (
    Alert(
        "slow-interpretations",
        c.EAR_VOICE_SPAN,
        6,
        2,
        "look which stage grew: `first_delta` is the model, `first_frame` the floor or this service",
        mean=4,
    ),
    Alert(
        "slow-service",
        c.OWN_SHARE,
        0.5,
        2,
        "the CPU of the replica is short: fewer calls per replica, or more cores",
        mean=0.2,
    ),
    Alert(
        "late-frames",
        c.TICKS,
        0.05,
        2,
        "the event loop is late: CPU of the replica, `MAX_CALLS`",
        quantile=0.99,
        mean=0.01,
    ),
    Alert(
        "utterances-abandoned",
        c.UTTERANCES,
        10,
        1,
        "the `reason` in the panel by reason, then the log line `utterance abandoned`",
        {"state": "abandoned"},
    ),
    Alert(
        "model-fails",
        c.REQUESTS,
        10,
        1,
        "`outcome`: `http_401`, `http_403` the role; `http_404` the deployment; `quota` its capacity; else its status",
        {"to": "model", "outcome": "!ok"},
    ),
    Alert(
        "acs-fails",
        c.REQUESTS,
        10,
        1,
        "`outcome`: `unreachable` or `timeout` the service's status, else the role",
        {"to": "acs", "outcome": "!ok"},
    ),
    Alert(
        "lanes-degraded",
        c.EVENTS,
        5,
        2,
        "`reason`: what the better engine refused; `quota` its capacity",
        {"event": "interpreter.degraded"},
    ),
    Alert(
        "audio-to-acs-dropped",
        c.MEDIA_AUDIO,
        10,
        2,
        "ACS does not read: the network of the replica, then ACS's status",
        {"fate": "dropped"},
    ),
    Alert(
        "speech-to-model-dropped",
        c.BACKLOG,
        10,
        2,
        "the model does not read: its status and quota",
        {"fate": "dropped"},
    ),
    Alert(
        "broken-voices", c.UNDERRUN_TIME, 30, 2, "the model speaks slower than it is heard: its status, another region"
    ),
    Alert("records-lost", c.LOST_ITEMS, 0, 1, "the store does not keep up: its state, then `store-failed`"),
    Alert(
        "events-waiting",
        c.QUEUED_ITEMS,
        1000,
        2,
        "the store does not keep up, or the replica's CPU is short",
        {"queue": "call_events"},
    ),
)


def grafana() -> str:
    """Return the dashboard: import it, and choose the Prometheus data source."""
    source = {"type": "prometheus", "uid": "${source}"}
    panels = []
    for number, panel in enumerate(PANELS):
        targets: list[dict[str, object]] = []
        for q, query in zip(panel.quantiles, panel.promql(), strict=False):
            name = f"{{{{{panel.by}}}}}" if panel.by else ""
            quantile = f"p{q * 100:g}" if panel.metric.kind is MetricKind.HISTOGRAM else ""
            legend = f"{name} {quantile}".strip() or panel.metric.name
            targets.append({"refId": "AB"[len(targets)], "expr": query, "legendFormat": legend, "exemplar": True})
        panels.append(
            {
                "id": number + 1,
                "type": "timeseries",
                "title": panel.title,
                "description": panel.metric.meaning,
                "datasource": source,
                "gridPos": {"x": number % 3 * 8, "y": number // 3 * 8, "w": 8, "h": 8},
                "fieldConfig": {"defaults": {"min": 0}, "overrides": []},
                "targets": targets,
            }
        )
    variable = {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"}
    whole = {
        "uid": "interpreter",
        "title": "Interpreter",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [variable]},
        "panels": panels,
    }
    return json.dumps(whole, indent=2) + "\n"


def prometheus() -> str:
    """Return the alert rules for Prometheus."""
    lines = ["groups:", "  - name: interpreter", "    rules:"]
    for alert in ALERTS:
        lines += [
            f"      - alert: {alert.name}",
            f"        expr: {json.dumps(alert.promql())}",
            "        for: 5m",
            f"        labels: {{severity: {'critical' if alert.severity == 1 else 'warning'}}}",
            f"        annotations: {{runbook: {json.dumps(alert.runbook)}}}",
        ]
    return "\n".join(lines) + "\n"


def workbook() -> str:
    """Return the workbook with its metric panels renewed, behind those that are written by hand."""
    whole = json.loads(WORKBOOK.read_text())
    items = [item for item in whole["items"] if not item.get("name", "").startswith(OURS)]
    for panel in PANELS:
        content = {
            "version": "KqlItem/1.0",
            "title": panel.title,
            "query": panel.kql(),
            "timeContextFromParameter": "period",
            "queryType": 0,
            "resourceType": "microsoft.operationalinsights/workspaces",
            "visualization": "timechart",
        }
        name = f"{OURS}{panel.metric.name} {panel.by}".strip()
        items.append({"type": 3, "customWidth": "50", "name": name, "content": content})
    return json.dumps(whole | {"items": items}, indent=2, ensure_ascii=False) + "\n"


def azure() -> str:
    """Return what alerts.bicep makes rules of."""
    rules = [{"name": one.name, "query": one.kql(), "severity": one.severity} for one in ALERTS]
    return json.dumps(rules, indent=2) + "\n"


def readme() -> str:
    """Return infra/README.md with its table of these alerts renewed."""
    rows = ["| alert on what the service measures | above, in 15 minutes | what to do |", "|---|---|---|"]
    for one in ALERTS:
        labels = ", ".join(
            f"{name} {'not ' if value[0] == '!' else ''}`{value.lstrip('!')}`" for name, value in one.labels.items()
        )
        of = f"p{one.quantile * 100:g} of " if one.metric.kind is MetricKind.HISTOGRAM else ""
        mean = f", mean {one.mean:g}" if one.mean else ""
        what = f"{of}`{one.metric.name}`{' (' + labels + ')' if labels else ''}"
        rows.append(f"| {one.name} | {what} {one.above:g}{mean} | {one.runbook} |")
    table = "\n".join(["<!-- generated: alerts -->", "", *rows, "", "<!-- end -->"])
    return re.sub(
        r"<!-- generated: alerts -->.*?<!-- end -->", lambda found: table, README.read_text(), flags=re.DOTALL
    )


FILES = {GRAFANA: grafana, PROMETHEUS: prometheus, WORKBOOK: workbook, AZURE: azure, README: readme}


def main() -> int:
    """Return 0 when everything is up to date or has been written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when something is out of date")
    options = parser.parse_args()
    old = [path for path, made in FILES.items() if not path.exists() or path.read_text() != made()]
    for path in old:
        print(f"{'out of date' if options.check else 'written'}: {path.relative_to(ROOT)}")
        if not options.check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(FILES[path]())
    return 1 if options.check and old else 0


if __name__ == "__main__":
    sys.exit(main())
