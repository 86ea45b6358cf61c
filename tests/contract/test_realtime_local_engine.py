"""The translation session with real speech: recognised, translated and spoken while the speaker goes on."""

from __future__ import annotations

import asyncio
import base64

import numpy as np
import pytest

from emulator.engine.local import LocalEngine, Synthesiser
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.translation_model import TranslationModel
from tests.support.realtime_client import Stream, realtime_service

FIRST, FIRST_SPANISH = "Good morning, everyone.", "Buenos días a todos."
SECOND, SECOND_SPANISH = "I would like to introduce my colleague.", "Me gustaría presentar a mi colega."
SPANISH, ENGLISH = "¿Podría repetirlo, por favor?", "Could you repeat that, please?"

pytestmark = [pytest.mark.engine, pytest.mark.timeout(60)]


def silence(milliseconds: int) -> bytes:
    return bytes(milliseconds * 48)


def stretches(pcm: bytes) -> list[tuple[int, int]]:
    """Where there is speech, as (start, end) in ms: louder than the noise, with no pause of half a second."""
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.int32)) >= 1_024) // 24
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) > 500)
    starts, ends = [loud[0], *loud[breaks + 1]], [*loud[breaks], loud[-1]]
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]


async def interpreted(stream: Stream, speech: bytes) -> None:
    """Speak in real time, listen at the same time, have the rest drained."""

    async def listen() -> None:
        await stream.until("session.closed")

    async with asyncio.TaskGroup() as group:
        group.create_task(listen())
        await stream.append(speech, pace=1)
        await stream.connection.session.close()


@pytest.mark.soak
async def test_the_first_sentence_is_interpreted_before_the_second_has_ended() -> None:
    config = RealtimeConfig(seed=1, translation=TranslationModel(lag_ms=(0, 0)))
    async with (
        LocalEngine() as engine,
        Synthesiser() as voice,
        realtime_service(config=config, engine=engine) as service,
        service.translate() as stream,
    ):
        first, second = await voice.say(FIRST, "en"), await voice.say(SECOND, "en")
        speech = silence(300) + first + silence(2_000) + second + silence(600)  # time for the engine, if it is slow
        second_ends_ms = len(speech) / 48 - 600
        await stream.configure("es", transcription="gpt-realtime-whisper")
        await interpreted(stream, speech)
        heard = stretches(stream.audio)
        again = [
            await engine.hear(stream.audio[48 * max(0, start - 200) : 48 * (end + 200)], ("es",))
            for start, end in heard
        ]
    assert heard[0][0] < second_ends_ms
    assert [one.text for one in again] == [FIRST_SPANISH, SECOND_SPANISH]
    assert stream.text() == f"{FIRST_SPANISH} {SECOND_SPANISH}"
    assert stream.text("session.input_transcript.delta") == f" {FIRST} {SECOND}"
    voiced = next(
        event.elapsed_ms
        for event in stream.events
        if event.type == "session.output_audio.delta" and stretches(base64.b64decode(event.delta))
    )
    assert voiced < second_ends_ms
    notes = service.journal.entries("realtime.interpretation")
    assert [(note["source"], note["status"]) for note in notes] == [("en", "spoken")] * 2


async def test_the_language_is_detected_and_the_target_language_left_alone() -> None:
    config = RealtimeConfig(seed=1, translation=TranslationModel(lag_ms=(0, 0)))
    async with (
        LocalEngine() as engine,
        Synthesiser() as voice,
        realtime_service(config=config, engine=engine) as service,
        service.translate() as stream,
    ):
        spanish, english = await voice.say(SPANISH, "es"), await voice.say(FIRST, "en")
        await stream.configure("en")
        await interpreted(stream, spanish + silence(600) + english + silence(600))
    assert stream.text() == ENGLISH
    assert len(stretches(stream.audio)) == 1
    notes = service.journal.entries("realtime.interpretation")
    assert sorted((str(note["source"]), str(note["status"])) for note in notes) == [("en", "silent"), ("es", "spoken")]
