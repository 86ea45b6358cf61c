"""Recognises recordings of people, and sounds that are no speech, with Whisper."""

from __future__ import annotations

import asyncio
import json
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from emulator.engine.base import BYTES_PER_MS, SAMPLE_RATE, Heard
from emulator.engine.local import LocalEngine, normalise
from emulator.engine.local.audio import read_pcm, resample, write_pcm
from emulator.engine.local.bench import word_errors

pytestmark = [
    pytest.mark.engine,
    pytest.mark.recordings,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.usefixtures("free_speech"),
]

WORD_ERRORS = {"en": 0.1, "es": 0.5, "fr": 0.2, "it": 0.5, "pt": 0.3, "de": 0.35}
"""Allowed share of wrong words. `python -m emulator.engine.local bench` measures it."""

READ_OUT = ("en-digits.wav", "en-one-two-three.wav", "en-platforms.wav", "en-go-forward.wav", "en-cards-5.wav")
"""Numbers: Whisper writes digits, and groups them as it likes."""


@dataclass(frozen=True)
class Clip:
    file: str
    language: str
    transcript: str
    pcm: bytes


@pytest.fixture(scope="session")
def clips(recordings: Path) -> list[Clip]:
    entries = json.loads((recordings / "manifest.json").read_text(encoding="utf-8"))["clips"]
    return [
        Clip(entry["file"], entry["language"], entry["transcript"], read_clip(recordings / entry["file"]))
        for entry in entries
    ]


@pytest.mark.parametrize(
    "language", ["en", *(pytest.param(other, marks=pytest.mark.soak) for other in WORD_ERRORS if other != "en")]
)
async def test_words_of_people(engine: LocalEngine, clips: list[Clip], language: str) -> None:
    own = [
        clip for clip in clips if clip.language == language and clip.file not in READ_OUT and len(clip.pcm) < 600_000
    ]
    errors = words = 0
    for clip in own:
        reference = normalise(clip.transcript).split()
        heard = await engine.hear(clip.pcm, [language])
        errors += word_errors(reference, normalise(heard.text or "").split())
        words += len(reference)
    assert errors / words <= WORD_ERRORS[language]


@pytest.mark.soak
async def test_the_beginning_of_a_slow_sentence_is_not_heard_again_and_again(
    engine: LocalEngine, clips: list[Clip]
) -> None:
    whole = next(clip for clip in clips if clip.file == "es-arenas.wav").pcm
    heard = await engine.hear(whole[: 3_200 * BYTES_PER_MS], ["es"])
    assert normalise(heard.text or "").startswith("las ")
    assert normalise(heard.text or "").split().count("las") == 1


@pytest.mark.soak
async def test_speech_that_goes_on_is_overheard_but_not_while_whole_utterances_need_the_processes(
    engine: LocalEngine, clips: list[Clip]
) -> None:
    whole = next(clip for clip in clips if clip.file == "en-quilter.wav").pcm
    beginning = whole[: 3_000 * BYTES_PER_MS]
    heard = await engine.overhear(beginning, ["en"])
    assert normalise(heard.text or "").startswith("mr quilter is the")
    async with asyncio.TaskGroup() as group:
        hearing = group.create_task(engine.hear(whole, ["en"]))
        await asyncio.sleep(0)
        assert await engine.overhear(beginning, ["en"]) == Heard("en", None)
        assert not hearing.done()


@pytest.mark.soak
async def test_a_short_utterance_is_not_repeated(engine: LocalEngine, clips: list[Clip]) -> None:
    short = next(clip for clip in clips if clip.file == "en-cards-1.wav")
    heard = await engine.hear(short.pcm, ["en"])
    assert heard.text is not None
    assert normalise(heard.text).split().count("clubs") == 1


@pytest.mark.soak
async def test_half_a_minute_without_a_pause_is_understood_to_its_end(engine: LocalEngine, clips: list[Clip]) -> None:
    long = next(clip for clip in clips if clip.file == "es-long-tool.wav")
    heard = await engine.hear(long.pcm, ["es"])
    assert heard.text is not None
    assert heard.text.split()[-5:] == ["que", "transcribir", "los", "datos", "audio."] or heard.text.endswith(
        "los datos de audio."
    )


@pytest.mark.soak
async def test_the_language_is_found(engine: LocalEngine, clips: list[Clip]) -> None:
    spoken = [clip for clip in clips if clip.language in {"fr", "de", "pt"} and len(clip.pcm) < 400_000]
    heard = {clip.file: (await engine.hear(clip.pcm, ["en", "fr", "pt", "de"])).language for clip in spoken}
    assert heard == {clip.file: clip.language for clip in spoken}


async def test_a_language_it_does_not_listen_for_is_not_understood(engine: LocalEngine, clips: list[Clip]) -> None:
    others = [clip for clip in clips if clip.language in {"fr", "ko", "pt"} and len(clip.pcm) < 400_000]
    assert [await engine.hear(clip.pcm, ["en"]) for clip in others] == [Heard("en", None)] * len(others)


async def test_a_language_without_a_path_is_interpreted_roughly(engine: LocalEngine, clips: list[Clip]) -> None:
    german = next(clip for clip in clips if clip.language == "de")
    heard = await engine.hear(german.pcm, ["de"])
    spoken = await engine.interpret(heard, "en")
    assert spoken.understood
    assert {"portal", "room"} <= set(normalise(spoken.text).split())


@pytest.mark.soak
async def test_clipping_and_two_voices_at_once_give_words_of_theirs_or_none(
    engine: LocalEngine, clips: list[Clip]
) -> None:
    one, other = (
        read_pcm(next(clip for clip in clips if clip.file == name).pcm) for name in ("en-quilter.wav", "en-jfk.wav")
    )
    clipped = write_pcm(one * 20)
    heard = await engine.hear(clipped, ["en"])
    assert heard.text is not None
    assert "middle classes" in heard.text
    both = other[: len(one)] + one[: len(other)]
    said = set(normalise(" ".join(clip.transcript for clip in clips if clip.language == "en")).split())
    text = (await engine.hear(write_pcm(both), ["en"])).text
    wrong = set(normalise(text or "").split()) - said
    assert len(wrong) <= len((text or "").split()) / 2


def noises() -> dict[str, np.ndarray]:
    chance, second = np.random.default_rng(5), np.arange(SAMPLE_RATE) / SAMPLE_RATE
    time = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    notes = [
        np.sin(2 * np.pi * hertz * second[: SAMPLE_RATE // 4]) for hertz in chance.choice([262, 294, 330, 392], 16)
    ]
    clicks = np.zeros(len(time))
    for place in chance.integers(0, len(time) - 600, 24):
        clicks[place : place + 600] += chance.normal(0, 0.3, 600) * np.exp(-np.arange(600) / 90)
    return {
        "hiss": chance.normal(0, 0.03, len(time)),
        "loud noise": chance.normal(0, 0.3, len(time)),
        "hum": 0.1 * np.sin(2 * np.pi * 50 * time) + 0.03 * np.sin(2 * np.pi * 150 * time),
        "chord": np.sin(2 * np.pi * np.outer([262, 330, 392], time)).sum(axis=0) * 0.1,
        "melody": 0.2 * np.concatenate(notes),
        "clicks": clicks,
        "applause": np.clip(chance.normal(0, 0.8, len(time)), -1, 1) * (np.sin(2 * np.pi * 3 * time) > 0),
    }


@pytest.mark.parametrize("name", noises())
@pytest.mark.parametrize("languages", [["en"], ["es"], ["en", "es", "pt"]], ids="-".join)
async def test_nothing_is_invented_where_nobody_speaks(engine: LocalEngine, name: str, languages: list[str]) -> None:
    sound = write_pcm((noises()[name] * 32_767).astype(np.float32))
    for pcm in (sound, sound[: 2 * SAMPLE_RATE]):
        assert await engine.hear(pcm, languages) == Heard(languages[0], None)


def read_clip(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        pcm, rate = file.readframes(file.getnframes()), file.getframerate()
    return write_pcm(resample(read_pcm(pcm), rate, SAMPLE_RATE))
