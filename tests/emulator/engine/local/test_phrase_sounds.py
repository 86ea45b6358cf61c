from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from emulator.engine.base import SAMPLE_RATE
from emulator.engine.local import Synthesiser, Voice
from emulator.engine.local.audio import RECOGNISER_RATE, Samples, read_pcm, resample
from emulator.engine.local.phrase_sounds import PhraseSounds

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session")]

SENTENCES = [
    "The meeting starts at five o'clock.",
    "The meeting starts at nine o'clock.",
    "We need more information.",
    "I understand your concerns.",
]


def heard(pcm: bytes) -> Samples:
    return resample(read_pcm(pcm), SAMPLE_RATE, RECOGNISER_RATE)


async def sounds(voice: Synthesiser) -> PhraseSounds:
    return PhraseSounds.of(SENTENCES, [heard(await voice.say(one, "en")) for one in SENTENCES])


@pytest.mark.parametrize("like", [Voice(), Voice(variant="m3"), Voice(rate=190), Voice(pitch=80)])
@pytest.mark.parametrize("sentence", SENTENCES)
async def test_a_sentence_is_known_in_other_voices(voice: Synthesiser, sentence: str, like: Voice) -> None:
    match = (await sounds(voice)).match(heard(await voice.say(sentence, "en", like)))
    assert match is not None
    assert match.text == sentence


@pytest.mark.parametrize("cut_ms", [(60, 0), (120, 0), (0, 120), (100, 100)])
@pytest.mark.parametrize("sentence", SENTENCES)
async def test_a_sentence_that_was_cut_off_a_little_is_known(
    voice: Synthesiser, sentence: str, cut_ms: tuple[int, int]
) -> None:
    samples = heard(await voice.say(sentence, "en", Voice(variant="m3")))
    loud = np.flatnonzero(np.abs(samples) > 300)
    start, end = loud[0] + cut_ms[0] * 16, loud[-1] - cut_ms[1] * 16
    match = (await sounds(voice)).match(samples[start:end])
    assert match is not None
    assert match.text == sentence


@pytest.mark.parametrize(
    "sentence", ["The meeting starts at fifteen.", "The dog barks all night.", "We need more.", "Information."]
)
async def test_another_sentence_is_not_taken_for_it(voice: Synthesiser, sentence: str) -> None:
    assert (await sounds(voice)).match(heard(await voice.say(sentence, "en"))) is None


async def test_what_is_no_speech_is_no_sentence(voice: Synthesiser) -> None:
    known = await sounds(voice)
    noise = np.random.default_rng(1).normal(0, 3000, RECOGNISER_RATE).astype(np.float32)
    for samples in (noise, noise[:100], noise[:0], np.zeros(RECOGNISER_RATE, np.float32), np.tile(noise, 20)):
        assert known.match(samples) is None


async def test_sounds_survive_a_file(voice: Synthesiser, tmp_path: Path) -> None:
    (await sounds(voice)).save(tmp_path / "known.npz")
    assert os.listdir(tmp_path) == ["known.npz"]
    known = PhraseSounds.load(tmp_path / "known.npz")
    match = known.match(heard(await voice.say(SENTENCES[2], "en")))
    assert match is not None
    assert (match.text, round(match.distance)) == (SENTENCES[2], 0)
