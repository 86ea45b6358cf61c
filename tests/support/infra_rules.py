"""Rules for what is deployed, over evaluated resources. Each yields what is wrong, in words.

They hold what the compiler accepts and Azure, the service or an auditor does not: rights, keys, settings, routes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from azure.identity._constants import EnvironmentVariables

from bot.config import Settings, load_settings
from bot.errors import SettingsError

Resource = Mapping[str, Any]

PINNED = {
    "Microsoft.App/containerApps": "2025-07-01",
    "Microsoft.App/managedEnvironments": "2025-07-01",
    "Microsoft.App/managedEnvironments/maintenanceConfigurations": "2025-07-01",
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.Cache/redisEnterprise": "2025-07-01",
    "Microsoft.Cache/redisEnterprise/databases": "2025-07-01",
    "Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments": "2025-07-01",
    "Microsoft.CognitiveServices/accounts": "2025-06-01",
    "Microsoft.CognitiveServices/accounts/deployments": "2025-06-01",
    "Microsoft.Communication/communicationServices": "2025-09-01",
    "Microsoft.Consumption/budgets": "2024-08-01",
    "Microsoft.ContainerRegistry/registries": "2025-11-01",
    "Microsoft.EventGrid/systemTopics": "2025-02-15",
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": "2025-02-15",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
    "Microsoft.Insights/metricAlerts": "2018-03-01",
    "Microsoft.Insights/scheduledQueryRules": "2023-12-01",
    "Microsoft.Insights/workbooks": "2023-06-01",
    "Microsoft.KeyVault/vaults": "2024-11-01",
    "Microsoft.KeyVault/vaults/secrets": "2024-11-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2024-11-30",
    "Microsoft.Network/privateDnsZones": "2024-06-01",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": "2024-06-01",
    "Microsoft.Network/privateEndpoints": "2025-05-01",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": "2025-05-01",
    "Microsoft.Network/virtualNetworks": "2025-05-01",
    "Microsoft.OperationalInsights/workspaces": "2025-07-01",
    "Microsoft.Resources/resourceGroups": "2024-11-01",
    "Microsoft.Storage/storageAccounts": "2025-01-01",
    "Microsoft.Storage/storageAccounts/blobServices": "2025-01-01",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "2025-01-01",
    "Microsoft.Storage/storageAccounts/managementPolicies": "2025-01-01",
}
"""Versions that are known to deploy."""

REQUIRED: Mapping[str, Mapping[str, object]] = {
    "Microsoft.App/containerApps": {
        "identity.type": "UserAssigned",
        "properties.configuration.activeRevisionsMode": "Multiple",
        "properties.configuration.ingress.external": True,
        "properties.configuration.ingress.allowInsecure": False,
        "properties.configuration.ingress.transport": "http",
    },
    "Microsoft.App/managedEnvironments": {
        "properties.appLogsConfiguration.destination": "azure-monitor",
        "properties.publicNetworkAccess": "Enabled",
    },
    "Microsoft.Cache/redisEnterprise": {"properties.minimumTlsVersion": "1.2"},
    "Microsoft.Cache/redisEnterprise/databases": {
        "name": r".*/default",
        "properties.accessKeysAuthentication": "Disabled",
        "properties.clientProtocol": "Encrypted",
        "properties.clusteringPolicy": "EnterpriseCluster",
        "properties.evictionPolicy": "NoEviction",
        "properties.persistence.aofEnabled": True,
    },
    "Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments": {
        "name": r".*/[A-Za-z0-9]{1,60}",
        "properties.accessPolicyName": "default",
    },
    "Microsoft.CognitiveServices/accounts": {
        "kind": "AIServices",
        "properties.disableLocalAuth": True,
        "properties.customSubDomainName": r"[a-z0-9-]{2,64}",
    },
    "Microsoft.CognitiveServices/accounts/deployments": {
        "properties.versionUpgradeOption": "NoAutoUpgrade",
        "properties.model.format": "OpenAI",
    },
    "Microsoft.Communication/communicationServices": {
        "location": "global",
        "properties.disableLocalAuth": True,
        "properties.publicNetworkAccess": "Enabled",
    },
    "Microsoft.ContainerRegistry/registries": {
        "properties.adminUserEnabled": False,
        "properties.anonymousPullEnabled": False,
        "properties.policies.azureADAuthenticationAsArmPolicy.status": "enabled",
        "properties.roleAssignmentMode": "LegacyRegistryPermissions",
    },
    "Microsoft.EventGrid/systemTopics": {
        "location": "global",
        "identity.type": "SystemAssigned",
        "properties.topicType": "Microsoft.Communication.CommunicationServices",
    },
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": {
        "properties.eventDeliverySchema": "CloudEventSchemaV1_0",
        "properties.destination.endpointType": "WebHook",
        "properties.destination.properties.minimumTlsVersionAllowed": "1.2",
        "properties.destination.properties.azureActiveDirectoryApplicationIdOrUri": r".+",
        "properties.destination.properties.azureActiveDirectoryTenantId": r".+",
        "properties.deadLetterWithResourceIdentity.identity.type": "SystemAssigned",
    },
    "Microsoft.Insights/actionGroups": {"location": "global", "properties.groupShortName": r".{1,12}"},
    "Microsoft.Insights/components": {"properties.IngestionMode": "LogAnalytics", "properties.DisableLocalAuth": True},
    "Microsoft.Insights/metricAlerts": {"location": "global"},
    "Microsoft.KeyVault/vaults": {
        "properties.enableRbacAuthorization": True,
        "properties.enablePurgeProtection": True,
        "properties.enabledForTemplateDeployment": False,
    },
    "Microsoft.OperationalInsights/workspaces": {"properties.features.disableLocalAuth": True},
    "Microsoft.Storage/storageAccounts": {
        "kind": "StorageV2",
        "properties.allowSharedKeyAccess": False,
        "properties.allowBlobPublicAccess": False,
        "properties.minimumTlsVersion": "TLS1_2",
        "properties.supportsHttpsTrafficOnly": True,
        "properties.networkAcls.defaultAction": "Deny",
        "properties.networkAcls.bypass": "AzureServices",
    },
    "Microsoft.Storage/storageAccounts/blobServices/containers": {"properties.publicAccess": "None"},
}
"""Per type: property and its value; a text is a pattern. No keys, encrypted lines, nothing public that need not be."""

ROLES = {
    ("Microsoft.Insights/components", "3913510d-42f4-4e42-8a64-420c390055eb"),  # Monitoring Metrics Publisher: service
    ("Microsoft.ContainerRegistry/registries", "7f951dda-4ed3-4680-a7ca-43fe172d538d"),  # AcrPull: service
    ("Microsoft.ContainerRegistry/registries", "8311e382-0749-4cb8-b61a-304f252e45ec"),  # AcrPush: who deploys
    ("Microsoft.CognitiveServices/accounts", "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"),  # OpenAI User: service
    ("Microsoft.Communication/communicationServices", "09976791-48a7-449e-bb21-39d1a415f350"),  # Owner: service
    ("Microsoft.KeyVault/vaults", "4633458b-17de-408a-b874-0445c86b69e6"),  # Secrets User: service, who deploys
    ("Microsoft.Storage/storageAccounts/blobServices/containers", "ba92f5b4-2d11-453d-a403-e96b0029c9fe"),  # topic
}
"""What somebody may be allowed, each on one resource, never on the group or the subscription."""

DIAGNOSED = {
    "Microsoft.App/managedEnvironments",
    "Microsoft.Cache/redisEnterprise",
    "Microsoft.CognitiveServices/accounts",
    "Microsoft.Communication/communicationServices",
    "Microsoft.ContainerRegistry/registries",
    "Microsoft.EventGrid/systemTopics",
    "Microsoft.KeyVault/vaults",
    "Microsoft.Storage/storageAccounts/blobServices",
}
NAMES = {
    "Microsoft.App/containerApps": r"[a-z][a-z0-9-]{0,30}[a-z0-9]",
    "Microsoft.KeyVault/vaults": r"[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]",
    "Microsoft.Storage/storageAccounts": r"[a-z0-9]{3,24}",
    "Microsoft.ContainerRegistry/registries": r"[a-zA-Z0-9]{5,50}",
    "Microsoft.Cache/redisEnterprise": r"(?=.{1,60}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*",
    "Microsoft.Communication/communicationServices": r"[-\w]{1,63}",
}
IDENTITY_VARIABLES = {EnvironmentVariables.AZURE_CLIENT_ID, EnvironmentVariables.AZURE_TOKEN_CREDENTIALS}
"""What the credential library reads itself."""
GRACE_BEYOND_DRAIN_S = 20
"""docs/operations.md: what a process needs beyond DRAIN_S before it may be killed."""
NOT_A_REGION = ("global", "swedencentral")


def at(resource: Resource, path: str) -> Any:
    """Return the value at a path such as `properties.sku.name`; None if there is none."""
    value: Any = resource
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def of_type(resources: Sequence[Resource], kind: str) -> list[Resource]:
    return [one for one in resources if one["type"] == kind]


def versions(resources: Sequence[Resource]) -> Iterator[str]:
    for one in resources:
        if PINNED.get(one["type"]) != one["apiVersion"]:
            yield f"{one['type']}@{one['apiVersion']} is not among the versions that are known to deploy"


def required_values(resources: Sequence[Resource]) -> Iterator[str]:
    for one in resources:
        for path, wanted in REQUIRED.get(one["type"], {}).items():
            found = at(one, path)
            good = re.fullmatch(wanted, str(found)) if isinstance(wanted, str) else found is wanted
            if not good:
                yield f"{one['type']}: {path} is {found!r}, not {wanted!r}"


def names(resources: Sequence[Resource]) -> Iterator[str]:
    for one in resources:
        pattern = NAMES.get(one["type"])
        if pattern is not None and not re.fullmatch(pattern, one["name"]):
            yield f"{one['type']}: the name {one['name']!r} is not accepted"


def locations(resources: Sequence[Resource]) -> Iterator[str]:
    for one in resources:
        if one.get("location", "global") not in NOT_A_REGION:
            yield f"{one['type']}: the location {one['location']!r} is not the parameter's"


def roles(resources: Sequence[Resource]) -> Iterator[str]:
    for one in of_type(resources, "Microsoft.Authorization/roleAssignments"):
        role = str(at(one, "properties.roleDefinitionId")).rstrip("')]").rpartition("/")[2].rpartition("'")[2]
        scope = scope_type(one)
        if (scope, role) not in ROLES:
            yield f"the role {role} on {scope} is not least"
        if at(one, "properties.principalType") not in ("ServicePrincipal", "User", "Group"):
            yield f"the role {role} on {scope} has no principalType: it may fail while the identity is new"
        if one["name"].count(",") < 2 and not re.fullmatch(r"[0-9a-f-]{36}", one["name"]):
            yield f"the name of the role {role} on {scope} is not made of scope, principal and role"


def scope_type(resource: Resource) -> str:
    """Return the type of the resource that an extension such as a role assignment is on."""
    text = re.split(r"/providers/Microsoft\.(?:Authorization/|Insights/diagnosticSettings)", resource["id"])[0]
    if resource["id"].startswith("[extensionResourceId('"):
        text = resource["id"].removeprefix("[extensionResourceId('").partition("'")[0]
    kind = text.rpartition("/providers/")[2].split("/")
    return "/".join(kind[:2] + kind[3::2]) if "/providers/" in text else text


def diagnostics(resources: Sequence[Resource]) -> Iterator[str]:
    settings = of_type(resources, "Microsoft.Insights/diagnosticSettings")
    ids = {str(one["id"]).split("/providers/Microsoft.Insights/")[0] for one in settings}
    for one in resources:
        if one["type"] in DIAGNOSED and one["id"] not in ids:
            yield f"{one['type']} sends no logs or metrics anywhere"
    for one in settings:
        if not at(one, "properties.workspaceId"):
            yield f"diagnostics of {scope_type(one)} go nowhere"
        kinds = {at(entry, "categoryGroup") for entry in at(one, "properties.logs") or ()}
        kinds |= {at(entry, "category") for entry in at(one, "properties.metrics") or ()}
        if not kinds <= {"allLogs", "AllMetrics", "Transaction"} or not kinds:
            yield f"diagnostics of {scope_type(one)}: {sorted(map(str, kinds))} are no categories"


def wildcards(resources: Sequence[Resource]) -> Iterator[str]:
    for one in resources:
        for path, value in leaves(one):
            if value in ("*", "0.0.0.0/0", "::/0", "Internet"):
                yield f"{one['type']}: {path} is {value!r}"


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from leaves(one, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from leaves(one, f"{path}.{index}")
    else:
        yield path, value


def container(app: Resource) -> Resource:
    found: Resource = at(app, "properties.template.containers")[0]
    return found


def variables(app: Resource) -> dict[str, str]:
    """Return the environment of the service, with values that are known only when deployed replaced by examples."""
    found = {}
    for one in container(app).get("env", []):
        value = one.get("value")
        found[one["name"]] = "a-secret-from-the-vault" if "secretRef" in one else example(one["name"], str(value))
    return found


def example(name: str, value: str) -> str:
    if not value.startswith("["):
        return value
    if name == "REDIS_URL":
        return "rediss://object-id@host.example:10000/0" if "'rediss://{0}@{1}:{2}/0'" in value else value
    return "https://host.example" if "https://" in value or "URL" in name or "ENDPOINT" in name else "an-id"


def settings_of_the_service(resources: Sequence[Resource]) -> Iterator[str]:
    """Every setting that is given exists, every one that is required is given, and no value is refused."""
    for app in of_type(resources, "Microsoft.App/containerApps"):
        given = variables(app)
        known = {name.upper() for name in Settings.model_fields}
        yield from (
            f"{name} is no setting of the service" for name in sorted(given.keys() - known - IDENTITY_VARIABLES)
        )
        for one in container(app).get("env", []):
            value = one.get("value", "")
            address = one["name"] == "APPLICATIONINSIGHTS_CONNECTION_STRING"  # where local access is disabled
            if re.search("SECRET|PASSWORD|API_KEY|CONNECTION_STRING", one["name"]) and value and not address:
                yield f"{one['name']} is given as plain text"
        yield from (f"the service refuses: {problem}" for problem in start_problems(given))
        grace = at(app, "properties.template.terminationGracePeriodSeconds")
        if not isinstance(grace, int) or grace < float(given.get("DRAIN_S", "20")) + GRACE_BEYOND_DRAIN_S:
            yield f"a replica is killed after {grace} s, while it may still drain"
        port = given.get("PORT")
        used = [at(app, "properties.configuration.ingress.targetPort")]
        used += [at(probe, "httpGet.port") for probe in container(app).get("probes", [])]
        if any(str(one) != port for one in used):
            yield f"the service listens on {port}, and is asked on {used}"
        if given.get("HOST") != "0.0.0.0":
            yield "the service does not listen for the ingress"


def start_problems(given: Mapping[str, str]) -> list[str]:
    fields = {name.lower(): value for name, value in given.items() if value and name.lower() in Settings.model_fields}
    try:
        load_settings(**fields, _env_file=None)
    except SettingsError as error:
        return list(error.problems)
    return []


def probes_and_scaling(routes: set[str]) -> Callable[[Sequence[Resource]], Iterator[str]]:
    """Every address that the platform asks exists in the service; scaling follows what the service is busy with."""

    def check(resources: Sequence[Resource]) -> Iterator[str]:
        for app in of_type(resources, "Microsoft.App/containerApps"):
            probes = {one["type"]: at(one, "httpGet.path") for one in container(app).get("probes", [])}
            if probes != {"Startup": "/healthz", "Liveness": "/healthz", "Readiness": "/readyz"}:
                yield f"the probes are {probes}"
            scale = at(app, "properties.template.scale")
            rules = {one["name"]: one.get("custom", {}) for one in scale.get("rules") or []}
            kinds = sorted((one.get("type"), one.get("metadata", {}).get("valueLocation")) for one in rules.values())
            wanted = [("cpu", None), ("memory", None), ("metrics-api", "calls"), ("metrics-api", "connections")]
            if kinds != wanted:
                yield f"it is scaled by {kinds}"
            urls = [rule["metadata"]["url"] for rule in rules.values() if "url" in rule.get("metadata", {})]
            asked = [path for path in probes.values() if path]
            asked += [
                "/" + url.split("'")[1].partition("{0}/")[2] if url.startswith("[") else urlsplit(url).path
                for url in urls
            ]
            yield from (f"{path} is no route of the service" for path in asked if path not in routes)
            for rule in rules.values():
                for name, value in rule.get("metadata", {}).items():
                    if not isinstance(value, str):
                        yield f"scale rule: {name} is no text"
            if not 1 <= scale.get("minReplicas", 0) <= scale.get("maxReplicas", 0):
                yield "fewer than one replica"

    return check


def deliveries(handled: set[str]) -> Callable[[Sequence[Resource]], Iterator[str]]:
    """The events that are subscribed to are those that the service handles; one that is late is not delivered."""

    def check(resources: Sequence[Resource]) -> Iterator[str]:
        for one in of_type(resources, "Microsoft.EventGrid/systemTopics/eventSubscriptions"):
            types = set(at(one, "properties.filter.includedEventTypes") or ())
            if types != handled:
                yield f"subscribed to {sorted(types ^ handled)}, or not"
            minutes = at(one, "properties.retryPolicy.eventTimeToLiveInMinutes")
            if not isinstance(minutes, int) or not 1 <= minutes <= 60:
                yield f"events are delivered up to {minutes} minutes late"
            attempts = at(one, "properties.retryPolicy.maxDeliveryAttempts")
            if not isinstance(attempts, int) or not 1 <= attempts <= 30:
                yield f"{attempts} attempts to deliver an event"

    return check


def log_messages(known: set[str]) -> Callable[[Sequence[Resource]], Iterator[str]]:
    """What alerts and the workbook look for is what the service logs."""

    def check(resources: Sequence[Resource]) -> Iterator[str]:
        queries = [str(value) for one in resources for path, value in leaves(one) if path.endswith("query")]
        queries += [
            str(at(one, "properties.serializedData")) for one in of_type(resources, "Microsoft.Insights/workbooks")
        ]
        for query in queries:
            for group in re.findall(r"message\)? (?:==|in) \(?((?:['\"\\][^)|]*))", query):
                for text in re.findall(r"['\"]([a-z][a-z -]+)['\"]", group.replace("\\", "")):
                    if text not in known:
                        yield f"the service logs no {text!r}"

    return check


def complete(wanted: set[str]) -> Callable[[Sequence[Resource]], Iterator[str]]:
    def check(resources: Sequence[Resource]) -> Iterator[str]:
        yield from (f"there is no {kind}" for kind in sorted(wanted - {one["type"] for one in resources}))

    return check


GENERAL = (versions, required_values, names, locations, roles, diagnostics, wildcards, settings_of_the_service)
