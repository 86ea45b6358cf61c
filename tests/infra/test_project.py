"""azure.yaml, parameters, workflows, scripts: they fit the templates, the code and one another, and hold no secrets."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from http_serving.bearer_tokens import EVENT_GRID_APP, EVENT_GRID_ROLE
from rooms_admin.auth.api_keys import EVERY_ROLE
from scripts import dashboards
from tests.support.bicep_source import read
from tests.support.infra import BICEP, kept
from tests.support.infra_rules import NOT_A_REGION, PINNED, at, of_type
from tests.support.sources import ROOT, by_name

AZD = {
    "AZURE_ENV_NAME", "AZURE_LOCATION", "AZURE_PRINCIPAL_ID", "AZURE_PRINCIPAL_TYPE",
    "SERVICE_INTERPRETER_RESOURCE_EXISTS",
}  # fmt: skip
"""What azd knows by itself."""
SECRET = re.compile(r"secrets\.\w|password\s*[:=]|client[-_]secret|accesskey|api[-_]key", re.I)


def project() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "azure.yaml").read_text())
    return found


def outputs() -> set[str]:
    return set(read(BICEP / "main.bicep").of("output"))


@pytest.mark.parametrize("folder", [BICEP, BICEP / "events"], ids=["core", "events"])
def test_parameters_fit_the_template(folder: Path) -> None:
    given = json.loads((folder / "main.parameters.json").read_text())["parameters"]
    known = read(folder / "main.bicep").of("param")
    assert set(given) <= set(known)
    assert {name for name, one in known.items() if not one.has_default} <= set(given)
    named = set(re.findall(r"\$\{([A-Z_]+)", json.dumps(given)))
    by_operator = {name for name in named if f"${{{name}=" in json.dumps(given)}
    by_script = {"ADMIN_APP_ID", "EVENT_GRID_APP_ID"}
    optional = {"TRANSLATE_MODEL", "TRANSLATE_VERSION", "TRANSCRIBE_MODEL", "TRANSCRIBE_VERSION", "ALERT_EMAIL"}
    assert named - AZD - outputs() - by_script - by_operator - optional == set()


def test_defaults_are_the_same_in_both_places() -> None:
    given = json.loads((BICEP / "main.parameters.json").read_text())["parameters"]
    for name, one in read(BICEP / "main.bicep").of("param").items():
        default = re.search(r"\$\{[A-Z_]+=([^}]*)\}", given.get(name, {}).get("value", ""))
        stated = re.search(r"= '?([^'\n]*)'?$", one.node.text.decode() if one.node.text else "")
        if default is not None and stated is not None and name != "aiLocation":
            assert default[1] == stated[1], name


def test_the_layers_are_deployed_in_order() -> None:
    layers = {one["name"]: one for one in project()["infra"]["layers"]}
    for one in layers.values():
        assert (ROOT / one["path"] / f"{one['module']}.bicep").exists()
    assert layers["events"]["dependsOn"] == ["core"]
    steps = [one["azd"] for one in project()["workflows"]["up"]["steps"]]
    assert steps == ["provision core", "deploy --all", "provision events"]
    text = "".join(path.read_text() for path in BICEP.glob("*.bicep"))
    assert "event-subscription" not in text and "events/" not in text.replace("(events/main.bicep)", "")


def test_the_service_is_found_and_built() -> None:
    ((name, service),) = project()["services"].items()
    (app,) = of_type(kept("dev"), "Microsoft.App/containerApps")
    assert at(app, "tags.azd-service-name") == name
    assert {f"SERVICE_{name.upper()}_NAME", "AZURE_RESOURCE_GROUP", "AZURE_CONTAINER_REGISTRY_ENDPOINT"} <= outputs()
    assert (ROOT / service["docker"]["path"]).exists()


def test_hooks_exist() -> None:
    for hook in project()["hooks"].values():
        interpreter, script = hook["run"].split()
        assert (interpreter, (ROOT / script).exists()) == ("python3", True)


@pytest.mark.parametrize("name", [".github/workflows/deploy.yml", "azure-pipelines.yml", "azure.yaml"])
def test_no_secrets_in_what_deploys(name: str) -> None:
    assert not SECRET.search((ROOT / name).read_text())


def test_workflows_prove_who_they_are_and_test_first() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["jobs"]["deploy"]["permissions"] == {"contents": "read", "id-token": "write"}
    assert workflow["jobs"]["deploy"]["needs"] == "check"
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1"))
    pipeline = (ROOT / "azure-pipelines.yml").read_text()
    for text in (json.dumps(workflow), pipeline):
        assert "azd up --no-prompt" in text and "tests/infra" in text
    assert "dependsOn: check" in pipeline


def test_parameter_files_hold_no_secrets() -> None:
    secure = {name for name, one in read(BICEP / "main.bicep").of("param").items() if "@secure()" in one.decorators}
    assert secure == {"ticketSecret"}
    for path in (BICEP / "params").glob("*.bicepparam"):
        assert re.search(r"^param ticketSecret = readEnvironmentVariable\('TICKET_SECRET'\)$", path.read_text(), re.M)
        assert re.search(r"^param location = '(\w+)'$", path.read_text(), re.M)[1] in NOT_A_REGION  # type: ignore[index]


def test_alerts_are_explained() -> None:
    page = (ROOT / "infra" / "README.md").read_text()
    kinds = ("Microsoft.Insights/metricAlerts", "Microsoft.Insights/scheduledQueryRules")
    alerts = {one["name"] for kind in kinds for one in of_type(kept("everything"), kind)}
    assert (
        set(re.findall(r"^\| ([a-z-]+) \| ", page.partition("## Alerts")[2].partition("## What")[0], re.M)) - {"alert"}
        == alerts
    )


def test_versions_are_used() -> None:
    used = {one["type"] for profile in ("dev", "everything", "events") for one in kept(profile)}
    assert set(PINNED) == used


# --- scripts -------------------------------------------------------------------------------------

AZ = """#!{python}
import json, os, sys
state_path = os.environ["AZ_STATE"]
state = json.load(open(state_path))
arguments = sys.argv[1:-2]
def value(name):
    return arguments[arguments.index(name) + 1]
words = [one for one in arguments if not one.startswith("-")]
answer = None
if arguments[:3] == ["ad", "app", "list"]:
    answer = [one for one in state["apps"] if one["displayName"].startswith(value("--display-name"))]
elif arguments[:3] == ["ad", "app", "create"]:
    name = value("--display-name")
    answer = {{"id": "o" + str(len(state["apps"])), "appId": "app-" + name, "displayName": name, "appRoles": []}}
    state["apps"].append(answer)
elif arguments[:3] == ["ad", "sp", "list"]:
    answer = [one for one in state["principals"] if one["appId"] in value("--filter")]
elif arguments[:3] == ["ad", "sp", "create"]:
    answer = {{"id": "sp-" + value("--id"), "appId": value("--id")}}
    state["principals"].append(answer)
elif arguments[:3] == ["ad", "signed-in-user", "show"]:
    answer = {{"id": "me"}}
elif arguments[0] == "rest":
    path = value("--url").partition("v1.0/")[2]
    if value("--method") == "GET":
        answer = {{"value": state["assigned"].get(path, [])}}
    elif value("--method") == "POST":
        state["assigned"].setdefault(path, []).append(json.loads(value("--body")))
    else:
        app = next(one for one in state["apps"] if one["id"] == path.partition("/")[2])
        app.update(json.loads(value("--body")))
elif arguments[:2] == ["containerapp", "show"]:
    ready = state["ready_after"] <= len([one for one in state["calls"] if one[1] == "show"])
    answer = {{"properties": {{"latestRevisionName": "r3", "latestReadyRevisionName": "r3" if ready else "r2"}}}}
elif arguments[:3] == ["containerapp", "revision", "list"]:
    answer = [{{"name": name, "properties": {{"active": name != "r1"}}}} for name in ("r1", "r2", "r3")]
elif arguments[:3] != ["containerapp", "revision", "deactivate"]:
    sys.exit("unexpected: " + " ".join(arguments))
state["calls"].append(arguments)
json.dump(state, open(state_path, "w"))
print("" if answer is None else json.dumps(answer))
"""


class Cloud:
    """A stand-in for the Azure CLI, which remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.json"
        (folder / "az").write_text(AZ.format(python=sys.executable))
        (folder / "az").chmod(0o755)
        state = {"apps": [], "principals": [], "assigned": {}, "calls": [], "ready_after": 1}
        self.path.write_text(json.dumps(state))
        self.environment = {"PATH": f"{folder}:{os.environ['PATH']}", "AZ_STATE": str(self.path)}

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path.read_text())
        return found

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "infra" / "scripts" / script)]
        return subprocess.run(command, env=self.environment | environment, capture_output=True, text=True, check=False)


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


@pytest.mark.line
def test_applications_are_registered_once(cloud: Cloud) -> None:
    first = cloud.run("entra_apps.py")
    assert first.returncode == 0, first.stderr
    assert "ADMIN_APP_ID=app-interpreter dev: admins" in first.stdout
    state = cloud.state
    admin, events = state["apps"]
    assert {role["value"] for role in admin["appRoles"]} == set(EVERY_ROLE)
    assert [role["value"] for role in events["appRoles"]] == [EVENT_GRID_ROLE]
    assert admin["api"] == events["api"] == {"requestedAccessTokenVersion": 2}
    assert {one["appId"] for one in state["principals"]} == {admin["appId"], events["appId"], EVENT_GRID_APP}
    to_events = state["assigned"][f"servicePrincipals/sp-{events['appId']}/appRoleAssignedTo"]
    assert {one["principalId"] for one in to_events} == {f"sp-{EVENT_GRID_APP}", "me"}
    assert cloud.run("entra_apps.py").returncode == 0
    again = cloud.state
    assert {key: again[key] for key in ("apps", "principals", "assigned")} == {
        key: state[key] for key in ("apps", "principals", "assigned")
    }
    known = cloud.run("entra_apps.py", ADMIN_APP_ID="a", EVENT_GRID_APP_ID="b")
    assert "registered already" in known.stdout and cloud.state == again


@pytest.mark.line
def test_a_failure_of_the_command_line_is_said(cloud: Cloud) -> None:
    (cloud.path.parent / "az").write_text("#!/bin/sh\necho 'not signed in' >&2\nexit 1\n")
    failed = cloud.run("entra_apps.py")
    assert (failed.returncode, failed.stderr) == (1, "az ad app failed: not signed in\n")
    failed = cloud.run("finish_rollout.py", AZURE_RESOURCE_GROUP="rg", SERVICE_INTERPRETER_NAME="ca")
    assert (failed.returncode, failed.stderr) == (1, "az failed: not signed in\n")


@pytest.mark.line
def test_older_revisions_stop_when_the_newest_serves(cloud: Cloud) -> None:
    done = cloud.run("finish_rollout.py", AZURE_RESOURCE_GROUP="rg", SERVICE_INTERPRETER_NAME="ca")
    assert done.stdout == "r2 stops and hands over its calls.\nr3 serves.\n"
    stopped = [one for one in cloud.state["calls"] if one[2] == "deactivate"]
    assert [one[one.index("--revision") + 1] for one in stopped] == ["r2"]
    assert cloud.run("finish_rollout.py").stderr == "AZURE_RESOURCE_GROUP is not set.\n"


def test_older_revisions_go_on_while_the_newest_is_not_ready(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = runpy.run_path(str(ROOT / "infra" / "scripts" / "finish_rollout.py"))
    asked: list[tuple[str, ...]] = []

    def az(*arguments: str) -> dict[str, Any]:
        asked.append(arguments)
        return {"properties": {"latestRevisionName": "r3", "latestReadyRevisionName": "r2"}}

    monkeypatch.setitem(script["until_ready"].__globals__, "az", az)
    assert script["main"](0.02, 0.005) == 1
    assert set(asked) == {("show",)}
    assert "go on serving" in capsys.readouterr().err


def test_dashboards_and_alerts_are_up_to_date() -> None:
    """If this fails, run `python scripts/dashboards.py`."""
    assert [by_name(path) for path, made in dashboards.FILES.items() if path.read_text() != made()] == []
