"""What is deployed keeps the rules, and each rule notices when it is broken."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.support.infra import (
    KEPT,
    SNAPSHOTS,
    delivery_problems,
    digest,
    everything_is_there,
    kept,
    rule_problems,
)
from tests.support.infra_rules import container, of_type

Resources = list[dict[str, Any]]


def test_the_snapshots_are_of_these_templates() -> None:
    """If this fails, run `python scripts/infra_snapshots.py`, which needs the Bicep compiler."""
    assert (SNAPSHOTS / "digest").read_text().strip() == digest()


@pytest.mark.parametrize("profile", KEPT)
def test_what_is_deployed_keeps_the_rules(profile: str, types: Mapping[str, Any] | None) -> None:
    assert rule_problems(kept(profile), types) == []


def test_everything_is_deployed_and_delivered() -> None:
    assert everything_is_there(kept("everything")) == []
    assert delivery_problems() == []


def app(resources: Resources) -> dict[str, Any]:
    return of_type(resources, "Microsoft.App/containerApps")[0]  # type: ignore[return-value]


def one_of(resources: Resources, kind: str) -> dict[str, Any]:
    return of_type(resources, kind)[0]  # type: ignore[return-value]


def variable(resources: Resources, name: str, change: dict[str, str]) -> None:
    entry = next(one for one in container(app(resources))["env"] if one["name"] == name)
    entry.update(change)


def without(resources: Resources, *names: str) -> None:
    environment = container(app(resources))["env"]
    environment[:] = [one for one in environment if one["name"] not in names]


def role(resources: Resources, **change: str) -> None:
    one_of(resources, "Microsoft.Authorization/roleAssignments")["properties"].update(change)


BROKEN: dict[str, Callable[[Resources], object]] = {
    "FOO is no setting": lambda all: variable(all, "DRAIN_S", {"name": "FOO"}),
    "AZURE_AI_ENDPOINT: is not set": lambda all: without(all, "AZURE_AI_ENDPOINT"),
    "neither is set": lambda all: without(all, "ADMIN_TOKEN_ISSUER", "ADMIN_TOKEN_AUDIENCE", "ADMIN_TOKEN_JWKS_URL"),
    "TICKET_SECRET: must be set": lambda all: without(all, "TICKET_SECRET"),
    "given as plain text": lambda all: variable(all, "TICKET_SECRET", {"value": "plain"}),
    "MAX_CALLS: ": lambda all: variable(all, "MAX_CALLS", {"value": "many"}),
    "while it may still drain": lambda all: variable(all, "DRAIN_S", {"value": "61"}),
    "and is asked on": lambda all: variable(all, "PORT", {"value": "8081"}),
    "does not listen": lambda all: variable(all, "HOST", {"value": "127.0.0.1"}),
    "activeRevisionsMode": lambda all: app(all)["properties"]["configuration"].update(activeRevisionsMode="Single"),
    "the probes are": lambda all: container(app(all))["probes"].pop(),
    "is scaled by": lambda all: app(all)["properties"]["template"]["scale"]["rules"].pop(0),
    "is no text": lambda all: app(all)["properties"]["template"]["scale"]["rules"][2]["custom"]["metadata"].update(a=1),
    "is no route": lambda all: app(all)["properties"]["template"]["scale"]["rules"][0]["custom"]["metadata"].update(
        url="https://host/loads"
    ),
    "fewer than one replica": lambda all: app(all)["properties"]["template"]["scale"].update(minReplicas=0),
    "is not least": lambda all: role(all, roleDefinitionId="/x/b24988ac-6180-42a0-ab88-20f7382dd24c"),
    "has no principalType": lambda all: role(all, principalType=""),
    "on /subscriptions/": lambda all: one_of(all, "Microsoft.Authorization/roleAssignments").update(
        id="/subscriptions/s/resourceGroups/rg/providers/Microsoft.Authorization/roleAssignments/x"
    ),
    "not made of scope": lambda all: one_of(all, "Microsoft.Authorization/roleAssignments").update(name="fixed"),
    "disableLocalAuth": lambda all: one_of(all, "Microsoft.Communication/communicationServices")["properties"].update(
        disableLocalAuth=False
    ),
    "allowSharedKeyAccess": lambda all: one_of(all, "Microsoft.Storage/storageAccounts")["properties"].pop(
        "allowSharedKeyAccess"
    ),
    "minimumTlsVersion is '1.0'": lambda all: one_of(all, "Microsoft.Cache/redisEnterprise")["properties"].update(
        minimumTlsVersion="1.0"
    ),
    "known to deploy": lambda all: app(all).update(apiVersion="2019-01-01"),
    "is not accepted": lambda all: app(all).update(name="x" * 33),
    "the location": lambda all: app(all).update(location="westus"),
    "sends no logs": lambda all: all.remove(one_of(all, "Microsoft.Insights/diagnosticSettings")),
    "go nowhere": lambda all: one_of(all, "Microsoft.Insights/diagnosticSettings")["properties"].pop("workspaceId"),
    "are no categories": lambda all: one_of(all, "Microsoft.Insights/diagnosticSettings")["properties"].update(
        metrics=[{"category": "AllMetrisc"}]
    ),
    "is '*'": lambda all: app(all)["properties"]["configuration"]["ingress"].update(
        corsPolicy={"allowedOrigins": ["*"]}
    ),
    "the service logs no": lambda all: one_of(all, "Microsoft.Insights/scheduledQueryRules")["properties"]["criteria"][
        "allOf"
    ][0].update(query='ContainerAppConsoleLogs | where parse_json(Log).message == "call lost"'),
}


@pytest.mark.parametrize("problem", BROKEN)
def test_a_broken_rule_is_noticed(problem: str) -> None:
    resources = copy.deepcopy(kept("everything"))
    BROKEN[problem](resources)
    found = rule_problems(resources, None)
    assert [one for one in found if problem in one], found


def test_what_is_subscribed_to_is_what_is_handled() -> None:
    for path, value in (
        ("includedEventTypes", ["Microsoft.Communication.CallStarted"]),
        ("eventTimeToLiveInMinutes", 1440),
    ):
        resources = copy.deepcopy(kept("events"))
        properties = resources[0]["properties"]
        (properties["filter"] if path in properties["filter"] else properties["retryPolicy"])[path] = value
        assert rule_problems(resources, None)


def test_a_resource_that_is_missing_is_noticed() -> None:
    resources = [one for one in kept("everything") if one["type"] != "Microsoft.Insights/workbooks"]
    assert everything_is_there(resources) == ["there is no Microsoft.Insights/workbooks"]
