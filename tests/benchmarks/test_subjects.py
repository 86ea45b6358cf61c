"""Both programs are measured in a short real run; processes that fail to start are reported, and all are ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import psutil
import pytest

from benchmarks import admin_reads, joins, line
from benchmarks.admin_reads import KINDS
from benchmarks.line import Cores, Run
from benchmarks.load import Load
from benchmarks.speech import synthesise
from benchmarks.subjects import Bot, MeasuredProcess, SubjectFailed
from tests.support.acs_emulator import until


def child(program: str, tmp_path: Path) -> MeasuredProcess:
    return MeasuredProcess("it", ["-c", program], {}, tmp_path / "it.log", core=None)


async def test_one_that_ends_while_starting(tmp_path: Path) -> None:
    it = child("print('no such thing'); raise SystemExit(3)", tmp_path)
    async with aiohttp.ClientSession() as http:
        with pytest.raises(SubjectFailed, match="no such thing"):
            await it.start()
            await it.ready(http, "http://127.0.0.1:9/")
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


# --- a real run -------------------------------------------------------------------------------------

SAID_BYTES = 1_200 * 48
"""Of each sentence: 1.2 s is enough to be interpreted."""
ANYWHERE = Cores(None, None)


@pytest.mark.engine
@pytest.mark.timeout(180)
@pytest.mark.soak
async def test_both_programs_under_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One start of the bot serves every measurement of it: admin reads, joins, a call."""
    monkeypatch.setattr(admin_reads, "ROOMS", 2)
    monkeypatch.setattr(admin_reads, "WARM_UP_S", 0.1)
    monkeypatch.setattr(joins, "JOINS", 5)
    monkeypatch.setattr(line, "WARM_UP_S", 0.2)
    speech = {language: [pcm[:SAID_BYTES] for pcm in said] for language, said in (await synthesise()).items()}
    before = set(psutil.Process().children())

    async def floor() -> Run:
        return await line.measure("floor", 1, 3.0, speech=speech, cores=ANYWHERE, folder=tmp_path, report=print)

    async def bot() -> Run:
        async with Load(speech) as load, Bot(load, tmp_path, None) as bot:
            await check_admin_reads(bot)
            delay = await joins.measure_bot(load, bot, print)
            assert delay is not None and delay.count == 5 and delay.p50 > 0
            return await line.measure_subject(load, bot, 1, 3.0, ANYWHERE, print)

    for measured in await asyncio.gather(floor(), bot()):
        check_run(measured)
    assert set(psutil.Process().children()) == before


async def check_admin_reads(bot: Bot) -> None:
    steps: list[str] = []
    found = await admin_reads.measure_bot(bot, 0.3, steps.append)
    assert [reads.kind for reads in found] == steps == list(KINDS)
    assert all(reads.per_second > 0 and reads.core_share > 0 and reads.delay_ms for reads in found)
    with pytest.raises(SubjectFailed, match="404"):
        await admin_reads.read(bot.port, [bot.request("GET", "/api/rooms/x/nothing")], 0.1)


def check_run(measured: Run) -> None:
    assert measured.up is not None and measured.up.count >= 5
    assert 0 < measured.up.p50 < 10_000
    assert measured.down is not None and 0 < measured.down.p50 < 10_000
    assert measured.jitter is not None and measured.jitter.p50 < 20
    assert measured.cpu_per_call_minute > 0
    assert measured.lost_to_the_call.sent >= 40
    assert measured.lost_to_the_call.missing == 0
