"""A program to be measured never outlives the measuring; one that does not start is told, with its last words."""

from __future__ import annotations

import socket
from pathlib import Path

import aiohttp
import psutil
import pytest

from benchmarks.subjects import Child, SubjectFailed, free_port
from tests.support.acs_emulator import until


def child(program: str, tmp_path: Path) -> Child:
    return Child("it", ["-c", program], {}, tmp_path / "it.log", core=None)


async def test_one_that_ends_while_starting(tmp_path: Path) -> None:
    it = child("print('no such thing'); raise SystemExit(3)", tmp_path)
    async with aiohttp.ClientSession() as http:
        with pytest.raises(SubjectFailed, match="no such thing"):
            await it.start()
            await it.ready(http, f"http://127.0.0.1:{free_port()}/")
    await it.stop()


async def test_it_is_ended(tmp_path: Path) -> None:
    it = child("import time; time.sleep(60)", tmp_path)
    process = await it.start()
    assert process.is_running()
    await it.stop()
    assert not psutil.pid_exists(process.pid)


async def test_even_if_it_does_not_want_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.subjects.STOP_S", 0.1)
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    it = child(stubborn, tmp_path)
    process = await it.start()
    await until(lambda: (tmp_path / "it.log").read_text())
    await it.stop()
    assert not psutil.pid_exists(process.pid)


async def test_our_own_settings_stay_with_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AI_KEY", "a secret of the developer")
    it = child("import os, time; print('AZURE_AI_KEY' in os.environ, flush=True); time.sleep(60)", tmp_path)
    await it.start()
    await until(lambda: (tmp_path / "it.log").read_text())
    await it.stop()
    assert (tmp_path / "it.log").read_text() == "False\n"


def test_a_free_port_is_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", free_port()))
