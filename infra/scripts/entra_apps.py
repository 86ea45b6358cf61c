"""Registers the two applications that tokens are asked for: by admins, and by Event Grid. Changes nothing twice.

Uses the Azure CLI, signed in as somebody who may register applications. Leaves their ids in the azd environment as
ADMIN_APP_ID and EVENT_GRID_APP_ID, or prints them where there is no azd.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Sequence
from typing import Any

EVENT_GRID = "4962773b-9cdb-44cf-a8bf-237846a00ab7"
"""Event Grid's own application, in the public cloud."""
EVENT_GRID_ROLE = "AzureEventGridSecureWebhookSubscriber"
"""Event Grid demands that this role is assigned to it, and to whoever creates the subscription."""
ADMIN_ROLES = ("Rooms.Read", "Rooms.Manage", "Interpreter.Control")


def az(*arguments: str) -> Any:
    """Run the Azure CLI; return its answer."""
    done = subprocess.run(["az", *arguments, "--output", "json"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout) if done.stdout.strip() else None


def graph(method: str, path: str, body: object = None) -> Any:
    """Call Microsoft Graph."""
    content = [] if body is None else ["--headers", "Content-Type=application/json", "--body", json.dumps(body)]
    return az("rest", "--method", method, "--url", f"https://graph.microsoft.com/v1.0/{path}", *content)


def application(name: str, roles: Sequence[str], members: Sequence[str]) -> tuple[str, str]:
    """Make sure that an application with these roles exists; return its id and that of its service principal."""
    found = az("ad", "app", "list", "--display-name", name)
    app = next((one for one in found if one["displayName"] == name), None)
    if app is None:
        app = az("ad", "app", "create", "--display-name", name, "--sign-in-audience", "AzureADMyOrg")
    present = {role["value"]: role for role in app.get("appRoles", [])}
    wanted = [present.get(role) or new_role(role, members) for role in roles]
    # Tokens of version 2 have the issuer that the template tells the service to expect.
    body = {"api": {"requestedAccessTokenVersion": 2}, "appRoles": wanted, "identifierUris": [f"api://{app['appId']}"]}
    if any(role not in present for role in roles):
        graph("PATCH", f"applications/{app['id']}", body)
    return app["appId"], principal_of(app["appId"])


def new_role(value: str, members: Sequence[str]) -> dict[str, object]:
    """Describe an app role. Its id depends on its name alone, so that it is the same in every tenant."""
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, value)),
        "value": value,
        "displayName": value,
        "description": value,
        "isEnabled": True,
        "allowedMemberTypes": list(members),
    }


def principal_of(app_id: str) -> str:
    """Make sure that an application has a service principal in this tenant; return its object id."""
    found = az("ad", "sp", "list", "--filter", f"appId eq '{app_id}'")
    principal = found[0] if found else az("ad", "sp", "create", "--id", app_id)
    return str(principal["id"])


def assign(role: str, resource: str, principal: str) -> None:
    """Give a principal an app role of an application, unless it has it."""
    role_id = new_role(role, ())["id"]
    path = f"servicePrincipals/{resource}/appRoleAssignedTo"
    held = graph("GET", path)["value"]
    if not any(one["principalId"] == principal and one["appRoleId"] == role_id for one in held):
        graph("POST", path, {"principalId": principal, "resourceId": resource, "appRoleId": role_id})


def main() -> int:
    if os.environ.get("ADMIN_APP_ID") and os.environ.get("EVENT_GRID_APP_ID"):
        print("The applications are registered already.")
        return 0
    name = f"interpreter {os.environ.get('AZURE_ENV_NAME', 'dev')}"
    try:
        admin, admin_principal = application(f"{name}: admins", ADMIN_ROLES, ("User", "Application"))
        events, events_principal = application(f"{name}: events", (EVENT_GRID_ROLE,), ("User", "Application"))
        assign(EVENT_GRID_ROLE, events_principal, principal_of(EVENT_GRID))
        deployer = os.environ.get("AZURE_PRINCIPAL_ID") or str(az("ad", "signed-in-user", "show")["id"])
        assign(EVENT_GRID_ROLE, events_principal, deployer)
        for role in ADMIN_ROLES:
            assign(role, admin_principal, deployer)
    except FileNotFoundError:
        print("The Azure CLI (az) is needed, signed in.", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"az {error.cmd[1]} {error.cmd[2]} failed: {error.stderr.strip()}", file=sys.stderr)
        return 1
    for variable, value in (("ADMIN_APP_ID", admin), ("EVENT_GRID_APP_ID", events)):
        if shutil.which("azd") and os.environ.get("AZURE_ENV_NAME"):
            subprocess.run(["azd", "env", "set", variable, value], check=True)
        print(f"{variable}={value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
