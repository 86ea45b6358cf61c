"""An emulator as a process of its own, for tests that have no event loop or want its crash to be its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Running:
    """Its addresses."""

    acs_url: str
    realtime_url: str

    def ask(self, method: str, path: str, body: object = None, token: str = "") -> Any:
        """A request that must go well; the JSON of the answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.acs_url + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")


@contextmanager
def emulator_process() -> Iterator[Running]:
    """Runs while inside. It must end well, and without having logged an error."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "emulator", "--engine", "scripted", "--acs-port", "0", "--realtime-port", "0"]
            + ["--realtime-key", "key", "--log-level", "error"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert process.stdout is not None
        try:
            urls: dict[str, str] = {}
            for line in process.stdout:
                name, _, url = line.strip().partition(": ")
                urls[name] = url
                if name == "Realtime":
                    break
            yield Running(urls["ACS"], urls["Realtime"])
        finally:
            process.terminate()
            process.communicate(timeout=30)
        errors.seek(0)
        assert (process.returncode, errors.read().decode()) == (0, "")
