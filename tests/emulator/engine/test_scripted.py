"""The scripted engine: numbers, texts and marker tones."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.clock import monotonic
from emulator.engine.base import BYTES_PER_MS, Heard, Spoken
from emulator.engine.scripted import (
    MARKER_MS,
    MARKERS,
    ScriptedEngine,
    first_marker,
    marker_tone,
    read_markers,
    tone,
)
from tests.support.virtual_time import virtual_time


def noise(seed: int, milliseconds: int = 1000) -> bytes:
    """Loud audio that is no tone."""
    state = seed
    samples = []
    for _ in range(milliseconds * BYTES_PER_MS // 2):
        state = (state * 1_103_515_245 + 12_345) % 2**31
        samples.append((state >> 15) % 8_000 - 4_000)
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


async def test_it_answers_after_its_delay_with_its_script() -> None:
    async with ScriptedEngine(
        0.05, transcripts=["Hello", "Bye"], translations={("en", "es"): ["Hola", "Adiós"]}
    ) as engine:
        said = []
        for seed in (1, 2, 3):
            heard = await engine.hear(noise(seed), ["en"])
            start = time.monotonic()
            said.append((heard.text, (await engine.interpret(heard, "es")).text))
            assert time.monotonic() - start >= 0.045
    assert said == [("Hello", "Hola"), ("Bye", "Adiós"), ("Hello", "Hola")]


async def test_the_same_audio_has_the_same_number_however_often_it_is_heard() -> None:
    engine = ScriptedEngine(0)
    for seed, text in ((1, "utterance 0"), (2, "utterance 1"), (1, "utterance 0")):
        assert (await engine.hear(noise(seed), ["en"])).text == text


async def test_a_marked_source_comes_out_with_its_own_marker() -> None:
    engine = ScriptedEngine(0)
    source = bytes(200 * BYTES_PER_MS) + marker_tone(41) + noise(7)
    spoken = await engine.interpret(await engine.hear(source, ["en"]), "fr")
    assert spoken.text == "[fr] utterance 41"
    assert read_markers(spoken.pcm) == [41]


async def test_transcripts_may_differ_by_language() -> None:
    engine = ScriptedEngine(0, transcripts={"en": ["Hello"], "de": ["Hallo"]}, languages={1: "de"})
    first = await engine.hear(noise(1), ["en", "de"])
    second = await engine.hear(noise(2), ["en", "de"])
    assert [(heard.language, heard.text) for heard in (first, second)] == [("en", "Hello"), ("de", "Hallo")]
    only_english = await engine.hear(noise(2), ["en"])
    assert only_english.language == "en"


async def test_the_target_language_is_left_alone() -> None:
    engine = ScriptedEngine(0)
    assert await engine.interpret(Heard("es", "Hola"), "es") == Spoken("", b"", True)


async def test_what_it_is_told_not_to_understand() -> None:
    engine = ScriptedEngine(0, not_understood=[0])
    heard = await engine.hear(noise(1), ["en"])
    assert heard.text is None
    spoken = await engine.interpret(heard, "es")
    assert not spoken.understood
    assert spoken.text
    assert read_markers(spoken.pcm) == [0]


@pytest.mark.parametrize(("duration_ms", "expected"), [(None, 3000), (500, 500), (60_000, 4000), (0, MARKER_MS)])
async def test_duration(duration_ms: int | None, expected: int) -> None:
    engine = ScriptedEngine(0, duration_ms=duration_ms, max_duration_ms=4000)
    spoken = await engine.interpret(await engine.hear(noise(1, 3000), ["en"]), "es")
    assert len(spoken.pcm) == expected * BYTES_PER_MS


@virtual_time
async def test_calls_run_in_parallel() -> None:
    engine = ScriptedEngine(0.1)
    start = monotonic()
    await asyncio.gather(*(engine.interpret(Heard("en", f"text {n}"), "es") for n in range(50)))
    assert monotonic() - start == pytest.approx(0.1)


@given(st.lists(st.integers(0, MARKERS - 1), max_size=6), st.integers(0, 2_000))
def test_markers_are_read_back_in_order_wherever_they_stand(numbers: list[int], lead: int) -> None:
    pause = bytes(100 * BYTES_PER_MS)
    recording = bytes(2 * lead) + b"".join(marker_tone(n) + tone(180, 300, 3000) + pause for n in numbers)
    assert read_markers(recording) == numbers


def test_speech_like_sound_is_no_marker() -> None:
    assert read_markers(noise(5, 2000)) == []
    assert first_marker(tone(180, 2000, 5000)) is None
    assert first_marker(b"") is None


async def test_a_text_is_said_as_it_is() -> None:
    async with ScriptedEngine(0.0) as engine:
        spoken = await engine.say("Please wait.", "en")
        again = await engine.say("Please wait.", "en")
    assert spoken == again
    assert (spoken.text, spoken.understood) == ("Please wait.", True)
    assert len(spoken.pcm) == 840 * BYTES_PER_MS
