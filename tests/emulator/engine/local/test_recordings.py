"""Recognises recordings of people: word errors in English, and utterances that must be refused."""

from __future__ import annotations

import json
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from emulator.engine.base import SAMPLE_RATE
from emulator.engine.local import LocalEngine, normalise
from emulator.engine.local.audio import read_pcm, resample, write_pcm

pytestmark = [
    pytest.mark.engine,
    pytest.mark.recordings,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(60),
    pytest.mark.usefixtures("each_decoded_once"),
]

ON_THE_EDGE = "es-arenas.wav"
"""Read slowly, word by word; recognised or not depending on details."""

SHORT_ENGLISH = ("en-go-forward.wav", "en-cards-1.wav")

WORD_ERRORS = 0.3
"""Allowed share of wrong English words. Measured on the short recordings of this test: 0.11; on all of them: 0.28."""


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
        if entry["speech"] == "human" and entry["seconds"] < (4 if entry["language"] == "en" else 9)
    ]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def prompted(clips: list[Clip]) -> AsyncIterator[LocalEngine]:
    """An engine that knows the sentences of the recordings besides its own."""
    extra: dict[str, list[str]] = {}
    for clip in clips:
        if clip.language != "en":
            extra.setdefault(clip.language, []).append(clip.transcript)
    async with LocalEngine(extra_phrases=extra, workers=2, languages=()) as engine:
        yield engine


async def test_english_word_errors(engine: LocalEngine, clips: list[Clip]) -> None:
    errors = words = 0
    for clip in clips:
        if clip.language == "en":
            reference = normalise(clip.transcript).split()
            heard = await engine.hear(clip.pcm, ["en"])
            errors += word_errors(reference, normalise(heard.text or "").split())
            words += len(reference)
    assert words > 25
    assert errors / words < WORD_ERRORS


async def test_extra_phrases_are_recognised(prompted: LocalEngine, clips: list[Clip]) -> None:
    known = [clip for clip in clips if clip.language in {"es", "fr", "it", "pt", "de"} and clip.file != ON_THE_EDGE]
    heard = {clip.file: (await prompted.hear(clip.pcm, [clip.language])).text for clip in known}
    assert heard == {clip.file: normalise(clip.transcript) for clip in known}


@pytest.mark.parametrize("language", ["es", "fr", "it", "pt", "de"])
async def test_sentences_it_does_not_know_are_refused(engine: LocalEngine, clips: list[Clip], language: str) -> None:
    own = [clip for clip in clips if clip.language == language]
    others = [clip for clip in clips if clip.language not in (language, "en")][:2]
    heard = {clip.file: (await engine.hear(clip.pcm, [language])).text for clip in own + others}
    assert heard == dict.fromkeys(heard)


async def test_other_languages_are_no_english(engine: LocalEngine, clips: list[Clip]) -> None:
    others = [clip for clip in clips if clip.language in {"fr", "ko"} and len(clip.pcm) < 5 * 2 * SAMPLE_RATE]
    heard = {clip.file: (await engine.hear(clip.pcm, ["en"])).text for clip in others}
    assert {file for file, text in heard.items() if text is not None} == set()


async def test_the_language_is_found(prompted: LocalEngine, clips: list[Clip]) -> None:
    spoken = [clip for clip in clips if clip.language in {"fr", "de"} or clip.file in SHORT_ENGLISH]
    heard = {clip.file: (await prompted.hear(clip.pcm, ["fr", "en", "de"])).language for clip in spoken}
    assert heard == {clip.file: clip.language for clip in spoken}


def word_errors(reference: list[str], heard: list[str]) -> int:
    """Return the number of words to replace, add or remove."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], number
        for place, other in enumerate(heard, 1):
            diagonal, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, diagonal + (word != other))
    return row[-1]


def read_clip(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        pcm, rate = file.readframes(file.getnframes()), file.getframerate()
    return write_pcm(resample(read_pcm(pcm), rate, SAMPLE_RATE))
