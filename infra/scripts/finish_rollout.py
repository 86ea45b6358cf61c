"""Waits until the newest revision serves, then stops the older ones: they hand over their calls.

A stopped replica lets speech under way finish, closes its media sockets in a pause, and ACS dials the newest revision.
Uses the Azure CLI. AZURE_RESOURCE_GROUP and SERVICE_INTERPRETER_NAME name the container app.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

PATIENCE_S = 600.0
"""Seconds for the newest revision to become ready: pulling the image takes most of them."""
PAUSE_S = 5.0


def az(*arguments: str) -> Any:
    """Run the Azure CLI on the app; return its answer."""
    app = ("--resource-group", os.environ["AZURE_RESOURCE_GROUP"], "--name", os.environ["SERVICE_INTERPRETER_NAME"])
    done = subprocess.run(
        ["az", "containerapp", *arguments, *app, "--output", "json"], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout) if done.stdout.strip() else None


def until_ready(patience_s: float, pause_s: float) -> str | None:
    """Wait for the newest revision; return its name, or None if it does not become ready."""
    until = time.monotonic() + patience_s
    while True:
        properties = az("show")["properties"]
        newest = properties["latestRevisionName"]
        if newest and properties["latestReadyRevisionName"] == newest:
            return str(newest)
        if time.monotonic() >= until:
            return None
        time.sleep(pause_s)


def main(patience_s: float = PATIENCE_S, pause_s: float = PAUSE_S) -> int:
    try:
        newest = until_ready(patience_s, pause_s)
        if newest is None:
            print("The newest revision is not ready; the older ones go on serving.", file=sys.stderr)
            return 1
        for revision in az("revision", "list"):
            if revision["name"] != newest and revision["properties"]["active"]:
                az("revision", "deactivate", "--revision", revision["name"])
                print(f"{revision['name']} stops and hands over its calls.")
    except KeyError as error:
        print(f"{error.args[0]} is not set.", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"az failed: {error.stderr.strip()}", file=sys.stderr)
        return 1
    print(f"{newest} serves.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
