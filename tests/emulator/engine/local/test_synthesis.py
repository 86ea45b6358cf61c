from __future__ import annotations

import asyncio

import pytest

from emulator.engine.base import BYTES_PER_MS, EngineError
from emulator.engine.local.audio import loudness, read_pcm
from emulator.engine.local.synthesis import MAX_TEXT, PICO, VOICES, Synthesiser, Voice

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="session")]

SENTENCE = "We have to make a decision today."


async def test_speech_has_a_length_and_a_level(voice: Synthesiser) -> None:
    pcm = await voice.say(SENTENCE, "en")
    assert 1000 < len(pcm) / BYTES_PER_MS < 3000
    assert len(pcm) % 2 == 0
    samples = read_pcm(pcm)
    assert 5_000 < abs(samples).max() < 0.7 * 32768
    assert loudness(samples).max() > 1_000


@pytest.mark.parametrize("language", sorted(VOICES))
async def test_every_language_has_a_voice(voice: Synthesiser, language: str) -> None:
    assert len(await voice.say("Madrid 3", language)) / BYTES_PER_MS > 300


async def test_the_same_text_sounds_the_same(voice: Synthesiser) -> None:
    first = await voice.say(SENTENCE, "en")
    await voice.say("Otra cosa.", "es", Voice(variant="f2", rate=200, pitch=80))
    assert await voice.say(SENTENCE, "en") == first


async def test_voices_can_be_told_apart(voice: Synthesiser) -> None:
    voices = [Voice(), Voice(variant="f5"), Voice(variant="m3"), Voice(name="en-gb-x-rp"), Voice(pitch=90)]
    assert len({await voice.say(SENTENCE, "en", one) for one in voices}) == len(voices)
    if PICO:
        clear = [Voice(name="en-GB"), *(Voice(name=PICO["en"], pitch=pitch) for pitch in (40, 50))]
        assert len({await voice.say(SENTENCE, "en", one) for one in (*voices, *clear)}) == len(voices) + len(clear)
    slow, fast = [await voice.say(SENTENCE, "en", Voice(rate=rate)) for rate in (120, 240)]
    assert len(slow) > 1.4 * len(fast)


@pytest.mark.parametrize("language", PICO)
async def test_pico_speaks_as_loud_as_people_and_no_louder(voice: Synthesiser, language: str) -> None:
    samples = read_pcm(await voice.say("Madrid 3 <b>", language, Voice(name=PICO[language])))
    assert 5_000 < abs(samples).max() < 0.9 * 32768
    assert loudness(samples).max() > 1_000
    ends = [loudness(part).max() for part in (samples[:3_000], samples[-3_000:])]  # 125 ms, of which 50 are kept
    assert min(ends) > 50, "nobody waits for silence"


async def test_texts_at_the_same_time_do_not_mix(voice: Synthesiser) -> None:
    alone = [await voice.say(str(number), "en") for number in range(10)]
    assert await asyncio.gather(*(voice.say(str(number), "en") for number in range(10))) == alone


async def test_nothing_to_say(voice: Synthesiser) -> None:
    assert await voice.say(" \n", "en") == b""


async def test_what_cannot_be_said_is_an_error(voice: Synthesiser) -> None:
    with pytest.raises(EngineError, match="no voice for 'xx'"):
        await voice.say("hello", "xx")
    with pytest.raises(EngineError, match="no voice 'nobody'"):
        await voice.say("hello", "en", Voice(name="nobody"))
    with pytest.raises(EngineError, match="at most 5000 can be spoken"):
        await voice.say("a" * (MAX_TEXT + 1), "en")


async def test_a_cancelled_text_leaves_nothing_behind(voice: Synthesiser) -> None:
    short = await voice.say("Yes.", "en")
    task = asyncio.create_task(voice.say(SENTENCE * 100, "en"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await voice.say("Yes.", "en") == short


async def test_several_texts_are_spoken_one_by_one(voice: Synthesiser) -> None:
    spoken = await voice.say_each(["buenos días", "mañana"], "es")
    assert spoken[0] == await voice.say("buenos días", "es")
    assert len(spoken[1]) / BYTES_PER_MS > 300
