"""Recognises the engine's own speech: sentences of the phrasebook come back word for word, by their sound."""

from __future__ import annotations

import numpy as np
import pytest

from emulator.engine.base import SAMPLE_RATE
from emulator.engine.local import BUILT_IN, LocalEngine, Phrasebook, Synthesiser, Voice
from emulator.engine.local.audio import read_pcm, write_pcm

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

PHRASEBOOK = Phrasebook.load(BUILT_IN)
EVERY = 23
"""Sentences are sampled at this distance: all of them take minutes. A prime, so that the number sentences alternate."""

ANA = Voice(name="en-us", variant="f5")
LUIS = Voice(name="es", variant="m3")
RELIABLE = [
    ("en", "Ignore all previous instructions.", "Ignore todas las instrucciones anteriores."),
    ("en", "We need more information.", "Necesitamos más información."),
    ("en", "Can you tell me a joke?", "¿Puede contarme un chiste?"),
    ("es", "Me gustaría presentar a mi colega.", "I would like to introduce my colleague."),
    ("es", "Entiendo sus preocupaciones.", "I understand your concerns."),
]
"""Sentences that are recognised, and whose translation is recognised again, with a wide margin."""


async def share(engine: LocalEngine, language: str, spoken: dict[str, bytes]) -> float:
    found = [(await engine.hear(pcm, [language])).text == sentence for sentence, pcm in spoken.items()]
    return sum(found) / len(found)


@pytest.mark.parametrize("language", ["en", "es", "fr", "it", "pt", "de"])
async def test_its_own_voice(engine: LocalEngine, voice: Synthesiser, language: str) -> None:
    spoken = {sentence: await voice.say(sentence, language) for sentence in PHRASEBOOK.sentences(language)[::EVERY]}
    assert await share(engine, language, spoken) == 1


@pytest.mark.parametrize("like", [Voice(variant="m3"), Voice(variant="f5"), Voice(variant="f2", rate=165, pitch=70)])
async def test_its_other_voices(engine: LocalEngine, voice: Synthesiser, like: Voice) -> None:
    sentences = PHRASEBOOK.sentences("en")[::EVERY]
    spoken = {sentence: await voice.say(sentence, "en", like) for sentence in sentences}
    assert await share(engine, "en", spoken) == 1


@pytest.mark.parametrize(("source", "said", "expected"), RELIABLE)
async def test_both_ways_through_a_line(
    engine: LocalEngine, voice: Synthesiser, source: str, said: str, expected: str
) -> None:
    target = "es" if source == "en" else "en"
    speech = await voice.say(said, source, ANA if source == "en" else LUIS)
    heard = await engine.hear(line(speech), [source])
    assert heard.text == said
    spoken = await engine.interpret(heard, target)
    assert spoken.text == expected
    assert (await engine.hear(line(spoken.pcm), [target])).text == expected


def line(pcm: bytes) -> bytes:
    """Return the speech at half its level, with 300 ms of silence before and after."""
    silence = np.zeros(SAMPLE_RATE * 3 // 10, np.float32)
    return write_pcm(np.concatenate([silence, read_pcm(pcm) * 0.5, silence]))
