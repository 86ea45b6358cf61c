"""Interpretations in the listener's recording, and whole meetings with a model that is named by settings."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.interpretation import meeting
from benchmarks.interpretation.golden_set import FILE
from benchmarks.interpretation.meeting import locate, speaker_voice
from demo.recording_analysis import RATE, Samples
from emulator.config import Config
from emulator.engine.local import Synthesiser
from emulator.threaded import ThreadedEmulator
from emulator.wav import write_wav


def noise(seconds: float, seed: int) -> Samples:
    """Return something loud that is like nothing else."""
    return np.random.default_rng(seed).integers(-8000, 8000, round(seconds * RATE)).astype(np.int16)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.int16)


def test_speakers_have_voices_of_their_own_and_those_that_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "PICO", {"es": "es-ES"})
    assert [speaker_voice(language, number).name for language in ("es", "pt") for number in (0, 1)] == [
        *("es-ES", "es-ES"),
        *(None, None),
    ]
    assert len({speaker_voice("es", 0), speaker_voice("es", 1), speaker_voice("pt", 0), speaker_voice("pt", 1)}) == 4


def test_an_interpretation_is_found_behind_the_voice_of_the_speaker() -> None:
    speech, voice = noise(2.0, 1), noise(1.0, 2)
    recording = np.concatenate([silence(0.5), speech, silence(1.2), voice, silence(0.5), voice, silence(1.0)])
    found = locate(recording, speech, "shared")
    assert found is not None
    assert found.span_s == pytest.approx(1.2, abs=0.02)
    assert [(one.start / RATE, one.end / RATE) for one in found.sounds] == [
        pytest.approx((3.7, 4.7), abs=0.02),
        pytest.approx((5.2, 6.2), abs=0.02),
    ]


def test_what_is_heard_before_the_speaker_pauses_is_no_interpretation_in_a_shared_room() -> None:
    speech, voice = noise(2.0, 1), noise(1.0, 2)
    recording = np.concatenate([silence(0.5), speech, silence(2.0)])
    recording[round(1.5 * RATE) : round(2.5 * RATE)] += voice
    found = locate(recording, speech, "shared")
    assert found is not None and not found.sounds


def test_with_a_room_per_language_an_interpretation_may_begin_while_the_speaker_speaks() -> None:
    speech, voice = noise(2.0, 1), noise(1.0, 2)
    found = locate(np.concatenate([silence(1.5), voice, silence(1.0)]), speech, "sister")
    assert found is not None
    assert found.sounds[0].start / RATE == pytest.approx(1.5, abs=0.02)
    assert found.spoken[0].start == 0
    assert found.span_s is None, "the speaker has not paused"
    later = locate(np.concatenate([silence(3.0), voice]), speech, "sister")
    assert later is not None and later.span_s == pytest.approx(1.0, abs=0.02)


def test_nothing_is_found_in_silence() -> None:
    speech = noise(1.0, 1)
    assert locate(silence(3.0), speech, "shared") is None
    alone = locate(np.concatenate([speech, silence(2.0)]), speech, "shared")
    assert alone is not None and alone.span_s is None


SET = """
languages = ["en-US", "es-ES"]

[glossary]
"ticket" = { es-ES = "incidencia" }

[[utterances]]
wav = { en-US = "first.wav" }
en-US = "Utterance zero: your ticket."
es-ES = "Su incidencia 0."

[[utterances]]
wav = { en-US = "second.wav" }
en-US = "Utterance one."
es-ES = "Expresión 1."
"""


@pytest.mark.line
@pytest.mark.engine
@pytest.mark.timeout(180)
@pytest.mark.soak
def test_a_set_is_interpreted_by_the_model_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second emulator is that model. Its scripted engine says `[es] utterance 0`, `[es] utterance 1`."""

    async def speak() -> list[bytes]:
        async with Synthesiser() as voice:
            return [await voice.say(text, "en") for text in ("Utterance zero: your ticket.", "Utterance one.")]

    for name, pcm in zip(("first", "second"), asyncio.run(speak()), strict=True):
        write_wav(tmp_path / f"{name}.wav", pcm)
    (tmp_path / FILE).write_text(SET)
    monkeypatch.chdir(tmp_path)
    with ThreadedEmulator(Config(acs_port=0, realtime_port=0, engine="scripted")) as model:
        for name, value in {
            "AZURE_AI_ENDPOINT": model.realtime_url,
            "AZURE_AI_KEY": model.realtime_key,
            "AZURE_AI_REALTIME_DEPLOYMENT": "gpt-realtime",
            "AZURE_AI_TRANSCRIBE_DEPLOYMENT": "gpt-live-transcribe",
        }.items():
            monkeypatch.setenv(name, value)
        words = "--only interpretation --engine azure --set . --require spoken=100,terms=100 --json out/scores.json"
        status = main([*words.split(), "--output", str(tmp_path / "out")])
        interpretations = model.journal("realtime")
    shown = capsys.readouterr().out
    assert interpretations, "the model was asked"
    document = json.loads((tmp_path / "out" / "scores.json").read_bytes())["interpretation"]
    assert (document["engine"], document["mode"]) == ("gpt-realtime", "consecutive")
    (found,) = document["directions"]
    assert (found["source"], found["target"], found["count"], found["spoken"]) == ("en-US", "es-ES", 2, 100.0)
    assert [one["rendition"] for one in found["utterances"]] == ["[es] utterance 0", "[es] utterance 1"]
    assert [one["recognised"] for one in found["utterances"]] == ["utterance 0", "utterance 1"]
    assert found["utterances"][0]["terms"] == {"part": 0, "whole": 1}
    assert all(0.5 < one["span_s"] < 10 for one in found["utterances"]), "the pause that ends a turn alone takes 0.5 s"
    assert all(one["lagging_s"] > one["source_s"] for one in found["utterances"])
    assert status == 1, "a term was not kept"
    assert "2 of 2, en-US into es-ES, heard after" in shown
    assert "terms is 0, at least 100 is required" in shown and "spoken is" not in shown
