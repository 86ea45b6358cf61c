"""The Bicep compiler, if this machine has one: found by `BICEP`, else by `PATH`. One process for a whole test run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
ENVIRONMENT = {
    "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1",
    "TICKET_SECRET": "a-secret-of-a-test-only-32-chars",
    "ADMIN_APP_ID": "00000000-0000-0000-0000-0000000000a1",
    "EVENT_GRID_APP_ID": "00000000-0000-0000-0000-0000000000e1",
    "IMAGE": "registry.example/interpreter:1",
    "ALERT_EMAIL": "operator@example.org",
}


def find_compiler() -> str | None:
    return os.environ.get("BICEP") or shutil.which("bicep")


class BicepCompiler:
    """Asks the compiler over its JSON-RPC interface; a context manager."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._asked = 0

    def __enter__(self) -> BicepCompiler:
        self._process = subprocess.Popen(
            [self._program, "jsonrpc", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **ENVIRONMENT},
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def diagnostics(self, path: Path) -> list[str]:
        """Compile a file; return what the compiler and its linter say about it, warnings included."""
        method = "bicep/compileParams" if path.suffix == ".bicepparam" else "bicep/compile"
        asked: dict[str, Any] = {"path": str(path)}
        if path.suffix == ".bicepparam":
            asked["parameterOverrides"] = {}
        answer = self._ask(method, asked)
        return [f"{path.name}: {one['level']} {one['code']}: {one['message']}" for one in answer["diagnostics"]]

    def resources(self, parameters: Path) -> list[dict[str, Any]]:
        """Evaluate a file of parameters with its template; return what would be deployed.

        Raises:
            ValueError: it cannot be evaluated.
        """
        scope = {"subscriptionId": SUBSCRIPTION, "location": "swedencentral"}
        if parameters.stem == "events":
            scope["resourceGroup"] = "rg"
        answer = self._ask("bicep/getSnapshot", {"path": str(parameters), "metadata": scope})
        found: list[dict[str, Any]] = json.loads(answer["snapshot"])["predictedResources"]
        return found

    def _ask(self, method: str, parameters: dict[str, Any]) -> Any:
        self._asked += 1
        body = json.dumps({"jsonrpc": "2.0", "id": self._asked, "method": method, "params": [parameters]}).encode()
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()
        length = 0
        while header := self._process.stdout.readline().strip():
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        answer = json.loads(self._process.stdout.read(length))
        if "error" in answer:
            raise ValueError(answer["error"]["message"])
        return answer["result"]
