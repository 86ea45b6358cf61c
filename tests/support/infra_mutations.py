"""Makes wrong copies of the templates, each with one mistake as people make them, to see whether it is caught."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tree_sitter import Node

from tests.support.bicep_source import read, text, walk

ENUMERATED = {
    "accessKeysAuthentication", "activeRevisionsMode", "bypass", "category", "categoryGroup", "clientProtocol",
    "clusteringPolicy", "defaultAction", "destination", "endpointType", "eventDeliverySchema", "evictionPolicy",
    "keySource", "kind", "minimumTlsVersion", "operator", "principalType", "publicAccess", "publicNetworkAccess",
    "roleAssignmentMode", "status", "timeAggregation", "topicType", "transport", "type", "versionUpgradeOption",
    "weekDay", "workloadProfileType",
}  # fmt: skip
"""Properties whose value is one of a list."""
OPTIONAL = {
    "accessTier", "contentType", "defaultToOAuthAuthentication", "allowCrossTenantReplication", "displayName",
    "enabled", "initialDelaySeconds", "maxInactiveRevisions", "pollingInterval", "raiPolicyName", "severity", "tags",
    "autoMitigate", "description", "successThreshold", "timeoutSeconds", "periodSeconds", "failureThreshold",
    "isSubjectCaseSensitive", "preferredBatchSizeInKilobytes", "maxEventsPerBatch", "containerDeleteRetentionPolicy",
    "deleteRetentionPolicy", "requireInfrastructureEncryption", "workspaceCapping", "skipMetricValidation",
    "skipQueryValidation", "useCommonAlertSchema", "softDeleteRetentionInDays", "enableSoftDelete", "encryption",
    "networkAcls", "services", "rdbEnabled", "windowSize", "evaluationFrequency", "retentionInDays", "dimensions",
    "capacity", "vnetConfiguration", "zoneRedundant", "maintenance", "privateEndpointNetworkPolicies", "identity",
    "metrics", "logs", "registrationEnabled", "daysAfterModificationGreaterThan", "threshold", "days", "persistence",
    "enableLogAccessUsingOnlyResourcePermissions", "keyType", "filters",
}  # fmt: skip
"""Properties without which a deployment may be meant as it is."""
FACTS: dict[str, tuple[str, str, Callable[[str], str]]] = {
    "role": ("roles.json", r'"([0-9a-f-]{36})"', lambda old: old[:-1] + ("0" if old[-1] != "0" else "1")),
    "setting": ("core.bicep", r"^      ([A-Z][A-Z_]+): ", lambda old: old[:-1]),
    "route": ("modules/app.bicep", r"'(/healthz|/readyz)'|/(load)'", lambda old: old[:-1]),
    "delivery": ("events/main.bicep", r"/webhooks/(eventgrid)'", lambda old: old + "s"),
    "event": ("modules/event-subscription.bicep", r"Communication\.(Call\w+)'", lambda old: old[:-1]),
    "message": ("modules/alerts.bicep", r"message: '([a-z ]+)'", lambda old: old + "s"),
}
"""What only this project knows: file, pattern of the right text, and how it goes wrong."""


@dataclass(frozen=True)
class Mistake:
    kind: str
    file: Path
    """below `infra/bicep`"""
    start: int
    end: int
    replacement: str

    def apply(self, folder: Path) -> str:
        """Write it into a copy of the templates; return the original text."""
        path = folder / self.file
        original = path.read_text()
        data = original.encode()
        path.write_bytes(data[: self.start] + self.replacement.encode() + data[self.end :])
        return original


def mistakes(folder: Path) -> list[Mistake]:
    """Return every mistake that can be made, in a fixed order."""
    found = []
    for path in sorted(folder.rglob("*.bicep")):
        file = path.relative_to(folder)
        found += list(_in_file(file, read(path).tree))
    for kind, (name, pattern, change) in FACTS.items():
        content = (folder / name).read_text()
        for match in re.finditer(pattern, content, re.MULTILINE):
            group = next(index for index, value in enumerate(match.groups(), 1) if value)
            start, end = (len(content[:place].encode()) for place in match.span(group))
            found.append(Mistake(kind, Path(name), start, end, change(match[group])))
    return found


def sample(folder: Path, count: int, seed: int) -> list[Mistake]:
    """Choose mistakes, of every kind as many."""
    chosen, generator = [], random.Random(seed)
    by_kind: dict[str, list[Mistake]] = {}
    for one in mistakes(folder):
        by_kind.setdefault(one.kind, []).append(one)
    for kind in sorted(by_kind):
        generator.shuffle(by_kind[kind])
        chosen += by_kind[kind][: max(1, count // len(by_kind))]
    return chosen


def _in_file(file: Path, tree: Node) -> Iterator[Mistake]:
    for node in walk(tree):
        if node.type == "object_property" and len(node.named_children) == 2:
            yield from _of_property(file, node)
        elif node.type == "property_identifier" and ".outputs." in text(node.parent or node):
            if text(node.parent or node).endswith(f".outputs.{text(node)}"):
                yield _change(file, "output", node, text(node) + "s")
        elif node.type == "identifier" and node.parent is not None and node.parent.type == "interpolation":
            yield _change(file, "symbol", node, text(node) + "s")


def _of_property(file: Path, node: Node) -> Iterator[Mistake]:
    key, value = node.named_children
    name = text(key).strip("'")
    place = _place(node)
    if place == "resource":
        yield _change(file, "misspelt property", key, text(key)[:-1] if key.type == "identifier" else "'x'")
        if name not in OPTIONAL and node.start_point.row == node.end_point.row and _own_line(node):
            yield _change(file, "missing property", node, "")
        if name in ENUMERATED and value.type == "string" and len(text(value)) > 5:
            word = text(value)[1:-1]
            yield _change(file, "wrong value", value, f"'{word[:-2]}{word[-1]}{word[-2]}'")
        if value.type == "boolean" and name not in OPTIONAL:
            yield _change(file, "flipped", value, "false" if text(value) == "true" else "true")
        if value.type == "number" and name not in OPTIONAL:
            yield _change(file, "wrong number", value, text(value) + "000")
    elif place == "params":
        yield _change(file, "misspelt parameter", key, text(key)[:-1])
        if node.start_point.row == node.end_point.row:
            yield _change(file, "missing parameter", node, "")


def _place(node: Node) -> str:
    """Say whether a property belongs to a resource's body or to a module's parameters."""
    parent = node.parent
    while parent is not None:
        if parent.type == "resource_declaration":
            return "resource"
        if parent.type == "object_property" and text(parent.named_children[0]) == "params":
            return "params" if parent.named_children[1] == node.parent else ""
        parent = parent.parent
    return ""


def _own_line(node: Node) -> bool:
    sibling = node.prev_named_sibling
    return sibling is None or sibling.end_point.row < node.start_point.row


def _change(file: Path, kind: str, node: Node, replacement: str) -> Mistake:
    return Mistake(kind, file, node.start_byte, node.end_byte, replacement)
