"""A person in a room from the command line, against a running ACS side; and the command, as a process of its own."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import types
from argparse import Namespace
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emulator.client import Participant
from emulator.join_command import Hearing, attend, main
from emulator.wav import read_wav, write_wav
from tests.support.acs_emulator import Acs, constant, make_guest, make_room, running_acs, samples, tone, until

ROOT = Path(__file__).parent.parent.parent


@dataclass
class Meeting:
    """A room in which Ben listens; `options` would bring Anna in."""

    acs: Acs
    room_id: str
    ben: Participant
    options: Namespace
    told: list[str] = field(default_factory=list)

    async def attend(self, *sayings: bytes, **options: Any) -> int:
        """Anna from the command line."""
        named = [(f"{number}.wav", pcm) for number, pcm in enumerate(sayings)]
        return await attend(Namespace(**(vars(self.options) | options)), named, self.told.append)


@asynccontextmanager
async def meeting() -> AsyncIterator[Meeting]:
    async with running_acs() as acs:
        anna, guest = await make_guest(acs), await make_guest(acs)
        room_id = await make_room(acs, anna, guest)
        async with Participant.join(acs.url, room_id, guest.token, "Ben") as ben:
            options = Namespace(
                group=None,
                acs=acs.url,
                room=room_id,
                token=anna.token,
                name="Anna",
                microphone=False,
                record=None,
                mute_after=None,
                leave_after=0.2,
            )
            yield Meeting(acs, room_id, ben, options)


async def test_it_says_recordings_hears_and_leaves(tmp_path: Path) -> None:
    record = tmp_path / "heard.wav"
    async with meeting() as met:
        async with asyncio.TaskGroup() as tasks:
            attending = tasks.create_task(met.attend(constant(100, 200), constant(200, 100), record=record))
            await until(lambda: 100 in samples(met.ben.heard))
            await met.ben.speak(constant(3277, 200))
        assert attending.result() == 0
        heard = samples(met.ben.heard)
        assert (heard.count(100), heard.count(200)) == (24 * 200, 24 * 100)
        assert heard.index(100) < heard.index(200)
        assert samples(read_wav(record)).count(3277) == 24 * 200
        await until(lambda: met.acs.journal.entries("call.left"))
    assert met.told[0].startswith(f"joined room {met.room_id} as 8:acs:")
    assert {"saying 0.wav (0.2 s)", "saying 1.wav (0.1 s)", "out of the call: left"} <= set(met.told)
    assert "in the call: Ben, Anna" in met.told
    assert met.told[-1].startswith("said 0.3 s, heard ")
    assert met.told[-1].endswith(" s, 0.2 s of it sound at -20.0 dBFS")


async def test_it_mutes_while_it_speaks() -> None:
    async with meeting() as met:
        assert await met.attend(constant(100, 500), mute_after=0.1) == 0
        assert 0 < samples(met.ben.heard).count(100) < 24 * 400
    assert "muted" in met.told
    assert "in the call: Ben, Anna (muted)" in met.told


async def test_a_call_that_ends_too_early_is_told_from_one_that_ends_in_time() -> None:
    async with meeting() as met, asyncio.TaskGroup() as tasks:
        attending = tasks.create_task(met.attend(constant(100, 5000), leave_after=None))
        await until(lambda: 100 in samples(met.ben.heard))
        async with met.acs.http.get(met.acs.url + "/emulator/calls") as answer:
            (call,) = (await answer.json())["items"]
        (anna,) = [each["id"] for each in call["participants"] if each["display_name"] == "Anna"]
        # She comes again from elsewhere, and the one at the command line is out.
        async with Participant.join(met.acs.url, met.room_id, met.options.token, "Anna again") as again:
            assert again.participant_id == anna
            assert await attending == 1
            attending = tasks.create_task(met.attend(leave_after=None))
            await again.wait_closed()
        async with Participant.join(met.acs.url, met.room_id, met.options.token, "Anna a third time"):
            assert await attending == 0
    assert met.told.count("out of the call: replaced") == 2


async def test_a_refusal_and_an_address_where_nobody_is() -> None:
    async with meeting() as met:
        assert await met.attend(token="nobody's") == 3
        assert met.told[-1].startswith("refused: 401 ")
        assert await met.attend(acs="http://127.0.0.1:1") == 4
        assert met.told[-1].startswith("cannot reach http://127.0.0.1:1: ")


class FakeStream:
    """As much of `sounddevice.RawInputStream` as is used; `say` is what the device's thread would do."""

    opened: FakeStream

    def __init__(self, *, callback: Callable[..., None], **options: object) -> None:
        self.options = options
        self.callback = callback
        self.state = "made"
        FakeStream.opened = self

    def start(self) -> None:
        self.state = "started"

    def close(self) -> None:
        self.state = "closed"

    def say(self, pcm: bytes) -> None:
        self.callback(memoryview(pcm), len(pcm) // 2, None, None)


async def test_it_speaks_with_the_microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    device = types.ModuleType("sounddevice")
    monkeypatch.setattr(device, "RawInputStream", FakeStream, raising=False)
    monkeypatch.setattr(device, "PortAudioError", RuntimeError, raising=False)
    monkeypatch.setitem(sys.modules, "sounddevice", device)
    async with meeting() as met, asyncio.TaskGroup() as tasks:
        attending = tasks.create_task(met.attend(microphone=True, leave_after=0.5))
        await until(lambda: any(line.startswith("joined") for line in met.told))
        stream = FakeStream.opened
        assert (stream.state, stream.options["samplerate"]) == ("started", 24_000)
        for _ in range(5):
            await asyncio.to_thread(stream.say, constant(100, 20))
        await until(lambda: samples(met.ben.heard).count(100) == 24 * 100)
        assert await attending == 0
        assert stream.state == "closed"


async def test_no_microphone_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    async with meeting() as met:
        assert await met.attend(microphone=True) == 2
    assert met.told[0].startswith("no microphone: the package sounddevice cannot be loaded")


async def test_the_command_leaves_when_interrupted(tmp_path: Path) -> None:
    write_wav(tmp_path / "hello.wav", tone(300, rate=8000), 8000)
    async with meeting() as met:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "emulator", "join", "--acs", met.acs.url, "--room", met.room_id),
            *("--token", met.options.token, "--name", "Anna", "--say", str(tmp_path / "hello.wav")),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        await until(lambda: np.count_nonzero(np.frombuffer(bytes(met.ben.heard), "<i2")) > 24 * 100)
        process.send_signal(signal.SIGINT)
        output, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (0, "")
    assert re.search(r"^out of the call: left\nsaid 0\.\d s, heard \d+\.\d s, ", output.decode(), re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--say", "nowhere.wav"], "cannot be read"),
        (["--record", "nowhere/heard.wav"], "there is no folder"),
        (["--leave-after", "-1"], "invalid seconds value"),
    ],
)
def test_wrong_arguments(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--acs", "http://127.0.0.1:1", "--room", "1", "--token", "t", *arguments])
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_recognitions_tells_silence_from_sound() -> None:
    hearing = Hearing()
    for _ in range(50):
        hearing.frame(bytes(960))
    assert hearing.summary() == "heard 1.0 s, all of it silence"
    for _ in range(25):
        hearing.frame(constant(-32768, 20))
    assert hearing.summary() == "heard 1.5 s, 0.5 s of it sound at 0.0 dBFS"
