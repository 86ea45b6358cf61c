"""`python -m bot`: what it says, and how it ends, when it cannot start or a part of it fails."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from bot import __main__ as program
from bot.app import Interpreter
from bot.config import Settings
from rooms_admin.retention import Retention
from rooms_admin.stores.redis.keys import VERSION, Keys
from rooms_admin.stores.sqlite.migrations import MIGRATIONS
from tests.support.redis_server import RedisServer, empty_redis, free_port, shared_redis
from tests.support.settings import REQUIRED

__all__ = ["empty_redis", "shared_redis"]

ROOT = Path(__file__).parents[2]
Said = Callable[[dict[str, str]], str]


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Said:
    """What it says on standard error with these settings, ending as a program does that is told something wrong."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program, "configure_logging", lambda _: None)  # the tests' own stays

    def said(settings: dict[str, str]) -> str:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        assert program.main() == 2
        return capsys.readouterr().err

    return said


def test_settings_that_are_wrong(said: Said, tmp_path: Path) -> None:
    lines = said({"PORT": "0"}).splitlines()
    assert "PORT: " in lines[1]
    assert lines[2:] == ["python -m bot --help explains all settings."]
    assert not (tmp_path / "data").exists(), "nothing is made before the settings are right"


def test_a_file_that_is_no_database(said: Said, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("this is not a folder")
    line = said({"DATABASE_PATH": str(tmp_path / "data" / "interpreter.sqlite3")})
    assert line.startswith(f"The interpreter cannot start: {tmp_path}")
    assert line.count("\n") == 1


def test_a_database_of_a_newer_version(said: Said, tmp_path: Path) -> None:
    path = tmp_path / "interpreter.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    versions = f"its schema has version {len(MIGRATIONS) + 1}, this service knows {len(MIGRATIONS)}"
    assert said({"DATABASE_PATH": str(path)}) == f"The interpreter cannot start: {path}: {versions}\n"


def test_a_redis_of_a_newer_version(said: Said, empty_redis: RedisServer) -> None:
    empty_redis.set(Keys().schema, VERSION + 1)
    versions = f"its schema has version {VERSION + 1}, this service knows {VERSION}"
    line = said({"REDIS_URL": empty_redis.url, "TICKET_SECRET": "a-secret-of-tickets"})
    assert line == f"The interpreter cannot start: Redis at 127.0.0.1:{empty_redis.port}: {versions}\n"


def test_a_redis_that_is_not_there(tmp_path: Path) -> None:
    """As a process of its own: one line, no traceback, no password."""
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | REQUIRED
    done = subprocess.run(
        [sys.executable, "-m", "bot"],
        cwd=tmp_path,
        env=environment
        | {"REDIS_URL": f"redis://:the-password@127.0.0.1:{port}", "TICKET_SECRET": "a-secret-of-tickets"},
        capture_output=True,
        text=True,
        timeout=305,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"The interpreter cannot start: Redis at 127.0.0.1:{port} cannot be used: ")
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert "the-password" not in done.stderr


# --- arguments ---------------------------------------------------------------------------------------


def test_help_names_every_setting_and_needs_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: python -m bot")
    for name, (_, _, does) in program.COMMANDS.items():
        assert re.search(rf"^ +{name} +{does}$", said, re.MULTILINE)
    for name in Settings.model_fields:
        assert name.upper() in said
    assert "MAX_CALLS (100)\n    Calls at once in this process;" in said
    assert "PUBLIC_BASE_URL (required)\n    URL at which ACS and Event Grid reach this service." in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port"], "unrecognized arguments: --port"),
        (["serve"], "invalid choice: 'serve' (choose from "),
        (["doctor", "--port"], "unrecognized arguments: --port"),
        (["doctor", "now"], "unrecognized arguments: now"),
    ],
)
def test_arguments_that_it_does_not_know(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


# --- a part of it fails --------------------------------------------------------------------------------


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The settings of a service on a free port, which is returned."""
    port = free_port()
    for name, value in (REQUIRED | {"PORT": str(port), "DATABASE_PATH": ":memory:", "DRAIN_S": "0"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program, "configure_logging", lambda _: None)
    return port


def readiness(port: int) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def test_a_background_task_that_fails_ends_the_process_with_a_code(
    configured: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[tuple[int, str]] = []

    async def fails(self: Retention) -> None:
        while not seen:
            await asyncio.sleep(0.05)
            try:
                seen.append(await asyncio.to_thread(readiness, configured))
            except OSError:
                pass  # it does not listen yet
        raise RuntimeError("a bug of ours")

    async def drains(self: Interpreter) -> None:
        seen.append(await asyncio.to_thread(readiness, configured))

    monkeypatch.setattr(Retention, "run", fails)
    monkeypatch.setattr(Interpreter, "drain", drains)
    assert program.main() == 1
    assert [(status, json.loads(body)["status"]) for status, body in seen] == [(200, "ready"), (503, "failed")]
    assert [one.__dict__["task"] for one in caplog.records if one.getMessage() == "background task failed"] == [
        "retention"
    ]


def test_a_service_that_cannot_open_what_it_needs_ends_with_a_code(
    configured: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr("bot.app.open_resources", fails)
    assert program.main() == 3
