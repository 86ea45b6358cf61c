"""A short demo with real services and speech, part of which cannot be recognised."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from demo import own_recordings, run_meeting
from demo.layouts import MeetingPlan
from demo.run_meeting import Demo
from emulator.client import read_wav, write_wav
from emulator.engine.local import Synthesiser


@pytest.mark.engine
@pytest.mark.timeout(150)
@pytest.mark.soak
async def test_recognised_turns_pass_and_others_are_reported_and_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMULATOR_MODELS", str(tmp_path))  # no Whisper, which finds words in anything like speech
    async with Synthesiser() as voice:
        sentence = await voice.say("Hemos llegado a un acuerdo.", "es")
    known, gibberish = tmp_path / "known.wav", tmp_path / "gibberish.wav"
    write_wav(known, sentence)
    write_wav(gibberish, np.frombuffer(sentence, "<i2")[::-1].tobytes())  # speech in no language
    recordings = own_recordings.parse(f"es:{known} es:{gibberish}")
    people = own_recordings.people(recordings)
    screen = StringIO()
    out = tmp_path / "out"
    run_meeting.prepare(out)

    demo = Demo(MeetingPlan(people), own_recordings.turns(recordings, people), out, Console(file=screen, width=120))
    assert await demo.run() == 1

    report = json.loads((out / "report.json").read_text())
    first, second = report["utterances"]
    assert first["interpreted"], first["problems"]
    assert first["translated"] == {"en-US": "We have reached an agreement."}
    assert first["heard"][0]["words_right"] == 5
    assert 500 < first["delay_ms"] < 10_000  # the pause that ends a turn alone takes 500
    assert first["ledger"][0]["state"] == "spoken"
    assert not second["interpreted"]
    assert "only said" in " ".join(second["problems"])
    assert (report["passed"], report["broken_off"]) == (False, None)
    assert "✗ 2. Ana (es-ES)" in screen.getvalue()

    for name in ("ana.wav", "luis.wav"):
        assert len(read_wav(out / name)) / 48_000 == pytest.approx(report["summary"]["meeting_s"], abs=3)
    assert (out / "transcript.vtt").read_text().startswith("WEBVTT")
    assert json.loads((out / "transcript.json").read_text())["items"]
    assert (out / "logs" / "bot.log").exists() and (out / "logs" / "emulator.log").exists()
