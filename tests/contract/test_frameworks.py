"""Programs of others against the emulator as it is: agent frameworks, and the npm packages of OpenAI and ACS.

`make contract` installs them in an environment of their own and runs these tests; elsewhere they are skipped. Each
program prints what it heard as JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emulator.config import Config
from emulator.engine.local import Synthesiser
from emulator.engine.scripted import marker_tone, read_markers
from emulator.threaded import ThreadedEmulator
from tests.support.sources import ROOT

PYTHON = ROOT / ".venv-contract" / "bin" / "python"
FOLDER = Path(__file__).parent / "frameworks"
NPM = FOLDER / "npm"
SPEECH = bytes(200 * 48) + marker_tone(7) * 4 + bytes(5_000 * 48)
"""An utterance of 0.8 s, and enough silence for `semantic_vad`."""

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(not PYTHON.exists() or not (NPM / "node_modules").exists(), reason="set up by `make contract`"),
]


@pytest.fixture(scope="module")
def emulator() -> Iterator[ThreadedEmulator]:
    config = Config(acs_port=0, realtime_port=0, tls_port=0, realtime_tls_port=0, engine="scripted")
    with ThreadedEmulator(config) as running:
        yield running


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    file = tmp_path / "speech.pcm"
    file.write_bytes(SPEECH)
    return file


def run(*command: object, **environment: str) -> dict[str, Any]:
    """Run a program; what it printed last."""
    done = subprocess.run(
        [str(word) for word in command], env={**os.environ, **environment}, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("openai_agents_talk", ["You said: utterance 7", "There are 17 utterances."]),
        ("livekit_talk", ["I am listening.", "You said: utterance 7", "There are 17 utterances."]),
        ("pipecat_talk", ['"There are 17 utterances."', "You said: utterance 7"]),  # outputs are JSON there
    ],
)
def test_an_agent_framework_speaks_and_calls_its_tool(
    emulator: ThreadedEmulator, speech: Path, program: str, said: list[str]
) -> None:
    result = run(PYTHON, FOLDER / f"{program}.py", emulator.realtime_url, emulator.realtime_key, speech)
    assert (result["said"], result["called"], result["errors"]) == (said, [17], [])
    assert len(read_markers(base64.b64decode(result["audio"]))) == len(said), "one tone at the start of each answer"


@pytest.mark.engine
def test_an_agent_framework_is_understood_by_the_local_engine(tmp_path: Path) -> None:
    sentence, file = "We have to make a decision today.", tmp_path / "speech.pcm"

    async def speech() -> bytes:
        async with Synthesiser() as voice:
            return await voice.say(sentence, "en")

    file.write_bytes(bytes(200 * 48) + asyncio.run(speech()) + bytes(5_000 * 48))
    with ThreadedEmulator(Config(acs_port=0, realtime_port=0)) as emulator:
        result = run(PYTHON, FOLDER / "livekit_talk.py", emulator.realtime_url, emulator.realtime_key, file)
    assert (result["said"][1], result["called"], result["errors"]) == (f"You said: {sentence}", [17], [])


def test_openai_for_node_speaks_over_tls_and_as_a_browser(
    emulator: ThreadedEmulator, speech: Path, tmp_path: Path
) -> None:
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(emulator.authority)
    address, key = emulator.realtime_tls_url, emulator.realtime_key
    result = run("node", NPM / "realtime.mjs", address, key, speech, NODE_EXTRA_CA_CERTS=str(trusted))
    assert result["said"] == ["You said: utterance 7", "There are 17 utterances."] * 2
    assert result["called"] == [17, 17]
    assert len(read_markers(base64.b64decode(result["audio"]))) == 4


def test_acs_for_node_holds_a_meeting(emulator: ThreadedEmulator, speech: Path, tmp_path: Path) -> None:
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(emulator.authority)
    result = run(
        *("node", NPM / "acs.mjs", emulator.connection_string, emulator.acs_url, speech),
        NODE_EXTRA_CA_CERTS=str(trusted),
    )
    assert result["events"] == ["CallConnected", "CallDisconnected", "MediaStreamingStarted", "ParticipantsUpdated"]
    assert result["participants"] == 2
    assert list(result["heard"]) == [result["speaker"]], "the bot hears who spoke, by raw id"
    assert 700 <= result["heard"][result["speaker"]] / 48 <= 1_000
    luis = base64.b64decode(result["luis"])
    assert set(read_markers(luis)) == {7}
    assert 1_500 <= np.count_nonzero(np.frombuffer(luis, "<i2")) / 24 <= 1_650, "once from Ana, once from the bot"
