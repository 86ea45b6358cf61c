"""Subprocesses: how their end is reported, and that they are ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from demo import subprocesses
from demo.subprocesses import ProcessFailed
from tests.support.acs_emulator import until


def test_the_end_of_a_process_is_reported_with_its_last_log_lines(tmp_path: Path) -> None:
    log = tmp_path / "bot.log"
    log.write_text("\n".join(f"line {number}" for number in range(100)))
    report = subprocesses.describe_end("bot", 2, log)
    assert report.startswith(f"the bot ended with status 2; the end of {log}:")
    assert "line 99" in report and "line 85" in report and "line 84" not in report
    assert "was ended by SIGKILL" in subprocesses.describe_end("bot", -signal.SIGKILL, log)
    assert "does not answer" in subprocesses.describe_end("bot", None, log)
    assert "the log is empty" in subprocesses.describe_end("bot", 1, tmp_path / "none.log")


def fake(name: str, script: str, folder: Path) -> subprocesses.SubprocessSpec:
    return subprocesses.SubprocessSpec(name, [sys.executable, "-c", script], dict(os.environ), folder)


async def test_the_end_of_a_process_stops_the_watched_body(tmp_path: Path) -> None:
    async with subprocesses.started(fake("bot", "print('out of tea'); raise SystemExit(3)", tmp_path)) as bot:
        with pytest.raises(ProcessFailed, match=r"(?s)the bot ended with status 3.*out of tea"):
            async with subprocesses.watched([bot]):
                await asyncio.Event().wait()


async def test_an_error_caused_by_the_end_of_a_process_is_reported_as_that_end(tmp_path: Path) -> None:
    async with subprocesses.started(fake("bot", "import sys; sys.stdin.read()", tmp_path)) as bot:
        with pytest.raises(ProcessFailed):
            async with subprocesses.watched([bot]):
                raise ConnectionError("refused")


async def test_an_error_with_all_processes_running_is_reported_unchanged(tmp_path: Path) -> None:
    async with subprocesses.started(fake("bot", "import time; time.sleep(60)", tmp_path)) as bot:
        with pytest.raises(ConnectionError, match="refused"):
            async with subprocesses.watched([bot]):
                raise ConnectionError("refused")


async def test_a_process_that_ignores_sigterm_is_killed_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocesses, "STOP_S", 0.2)
    stubborn = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "started = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(started.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    async with subprocesses.started(fake("bot", stubborn, tmp_path)) as bot:
        await until(bot.log.read_text)
        grandchild = int(bot.log.read_text())
    assert bot.process.returncode == -signal.SIGKILL
    await until(lambda: not _lives(grandchild))


def _lives(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_process_that_never_answers_is_reported_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocesses, "READY_S", 0.3)
    async with subprocesses.started(
        fake("bot", "print('thinking', flush=True); import time; time.sleep(60)", tmp_path)
    ) as bot:
        with pytest.raises(ProcessFailed, match=r"(?s)the bot does not answer.*thinking"):
            await subprocesses.until_ready(bot, "http://127.0.0.1:9/healthz", 200)
