"""The image without an engine: its file keeps the rules, and what it copies and starts runs as it says."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.config import Settings
from emulator.config import RESOURCE_ID, WELL_KNOWN_ACCESS_KEY, WELL_KNOWN_REALTIME_KEY, Config
from emulator.threaded import ThreadedEmulator
from listeners.page_routes import ACS_CLIENT
from tests.support.dockerfile import problems, stages
from tests.support.redis_server import free_port
from tests.support.sources import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
PATIENCE_S = 60.0


def test_the_file_keeps_the_rules() -> None:
    assert list(problems(DOCKERFILE)) == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("ARG BASE=python:3.11-slim-bookworm", "ARG BASE=python", "DL3006"),
        ("ARG BASE=python:3.11-slim-bookworm", "ARG BASE=python:latest", "DL3007"),
        ("ARG NODE=node:22-bookworm-slim", "ARG NODE=node", "DL3006"),
        ("npm ci ", "npm install ", "DL3016"),
        ("FROM ${BASE} AS build", "FROM python:3.11 AS build", "own: python:3.11 cannot be pinned"),
        ("FROM ${BASE} AS build", "FROM ${BASE}", "own: a stage without"),
        ("USER 10001\nHEALTHCHECK", "USER root\nHEALTHCHECK", "DL3002"),
        ("HEALTHCHECK ", "LABEL a=b ", "DL3055"),
        ("STOPSIGNAL SIGTERM\n", "", "own: STOPSIGNAL"),
        ("COPY bot bot", "ADD bot bot", "DL3020"),
        ("COPY bot bot", "COPY . .", "own: everything"),
        ("WORKDIR /app", "WORKDIR app", "DL3000"),
        ('ENTRYPOINT ["python", "-m", "bot"]', "ENTRYPOINT python -m bot", "DL3025"),
        ("EXPOSE 8080", "EXPOSE 8080\nENV API_KEY=x", "own: ENV holds"),
        ("EXPOSE 8080", "EXPOSE 8080\nMAINTAINER me", "DL4000"),
        (" --no-cache-dir", "", "DL3042"),
        (" --require-hashes", "", "DL3013"),
        ("RUN useradd", "RUN cd /x && useradd", "DL3003"),
        ("RUN useradd", "RUN sudo useradd", "DL3004"),
        ("RUN useradd", "RUN apt-get install -y x && useradd", "DL3015"),
        ("RUN useradd", "RUN a | b; useradd", "DL4006"),
    ],
)
def test_a_broken_rule_is_noticed(old: str, new: str, rule: str) -> None:
    assert old in DOCKERFILE
    assert any(found.startswith(rule) for found in problems(DOCKERFILE.replace(old, new)))


def copied_folders() -> list[str]:
    return [rest.split()[0] for rest in stages(DOCKERFILE)[0].all("COPY") if "requirements" not in rest]


def test_the_image_holds_the_product_and_nothing_else() -> None:
    wheel = re.search(r'^packages = \[("bot".*)\]$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert wheel is not None
    assert set(copied_folders()) == set(json.loads(f"[{wheel[1]}]"))
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed == {*copied_folders(), "emulator", "requirements/bot.lock", "requirements/all.lock"}
    pinned = re.search(r"python:(\d\.\d+)", DOCKERFILE)
    assert pinned is not None and f'python_version = "{pinned[1]}"' in (ROOT / "pyproject.toml").read_text()


def test_the_client_of_the_page_is_built_where_the_service_looks_for_it() -> None:
    (built,) = [one for one in stages(DOCKERFILE)[-1].all("COPY") if "acs_client" in one]
    assert built == f"--from=acs_client /build/dist /app/{ACS_CLIENT.parent.relative_to(ROOT)}"
    (stage,) = [one for one in stages(DOCKERFILE) if one.name == "acs_client"]
    assert stage.all("COPY") == ["listeners/acs_client ."] and "npm run build" in stage.all("RUN")[0]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"listeners/acs_client/node_modules", "listeners/acs_client/dist"} <= set(ignored), "of this machine"


def environment_of_the_image() -> dict[str, str]:
    (line,) = stages(DOCKERFILE)[-1].all("ENV")
    return dict(one.split("=", 1) for one in line.split() if not one.startswith("PATH="))


def composed() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return found


def test_what_is_composed_fits_together() -> None:
    services = composed()
    assert set(services) == {"interpreter", "redis", "emulator", "subscription"}
    given = services["interpreter"]["environment"]
    assert set(given) <= {name.upper() for name in Settings.model_fields}
    assert given["AZURE_COMMUNICATION_CONNECTION_STRING"].endswith(f"accesskey={WELL_KNOWN_ACCESS_KEY}")
    assert given["AZURE_AI_KEY"] == WELL_KNOWN_REALTIME_KEY
    assert given["ACS_TOKEN_AUDIENCE"] == RESOURCE_ID
    assert services["interpreter"]["read_only"] is True
    assert {one.get("network_mode") for name, one in services.items() if name != "redis"} == {"service:redis"}
    code = services["subscription"]["entrypoint"][-1]
    ast.parse(code)
    assert given["EVENT_GRID_SECRET"] in code
    for one in services.values():
        assert one.get("build", {}).get("target", "interpreter") in {stage.name for stage in stages(DOCKERFILE)}
        assert not re.search(r":latest$", one.get("image", "x:1"))


# --- what the image starts -------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The folder /app of the image."""
    for folder in copied_folders():
        shutil.copytree(
            ROOT / folder, tmp_path / "app" / folder, ignore=shutil.ignore_patterns("__pycache__", "node_modules")
        )
    return tmp_path / "app"


@pytest.mark.line
def test_it_says_what_it_takes(image: Path) -> None:
    command = [sys.executable, *json.loads(stages(DOCKERFILE)[-1].all("ENTRYPOINT")[0])[1:], "--help"]
    said = subprocess.run(
        command, cwd=image, env=environment_of_the_image(), capture_output=True, text=True, check=True
    )
    assert "AZURE_AI_REALTIME_DEPLOYMENT" in said.stdout


@pytest.fixture
def acs() -> Iterator[ThreadedEmulator]:
    with ThreadedEmulator(Config(acs_port=0, realtime_port=0)) as emulator:
        yield emulator


def healthy(port: int) -> bool:
    """Run the image's health check."""
    check = stages(DOCKERFILE)[-1].all("HEALTHCHECK")[0].partition("CMD ")[2]
    command = [sys.executable, *json.loads(check)[1:]]
    return subprocess.run(command, env={"PORT": str(port)}, capture_output=True, check=False).returncode == 0


@pytest.mark.line
@pytest.mark.soak
def test_it_starts_serves_and_stops_and_writes_nothing(image: Path, tmp_path: Path, acs: ThreadedEmulator) -> None:
    port = free_port()
    given = environment_of_the_image() | {
        **composed()["interpreter"]["environment"],
        "AZURE_COMMUNICATION_CONNECTION_STRING": f"endpoint={acs.acs_url};accesskey={WELL_KNOWN_ACCESS_KEY}",
        "AZURE_AI_ENDPOINT": acs.realtime_url,
        "ACS_TOKEN_JWKS_URL": f"{acs.acs_url}/calling/keys",
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "REDIS_URL": "",
        "DATABASE_PATH": str(tmp_path / "data" / "interpreter.sqlite3"),
        "HOME": "/nonexistent",
    }
    before = sorted(image.rglob("*"))
    command = [sys.executable, *json.loads(stages(DOCKERFILE)[-1].all("ENTRYPOINT")[0])[1:]]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=image, env=given, stderr=log)
        try:
            until = time.monotonic() + PATIENCE_S
            while not answers(port) and process.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
            assert answers(port), (tmp_path / "log").read_text()
            assert healthy(port)
            process.send_signal(getattr(signal, stages(DOCKERFILE)[-1].all("STOPSIGNAL")[0]))
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
            process.wait()
    assert not healthy(port)
    assert sorted(image.rglob("*")) == before
    assert os.listdir(tmp_path / "data")


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_the_lock_suffices(image: Path, tmp_path: Path) -> None:
    """The image's own command installs everything that the service imports."""
    (command,) = [one for one in stages(DOCKERFILE)[0].all("RUN") if "pip install" in one]
    place = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    subprocess.run(command.replace("/opt/interpreter", str(place)).split(), cwd=ROOT, check=True)
    subprocess.run([place / "bin" / "python", "-m", "bot", "--help"], cwd=image, check=True, capture_output=True)
