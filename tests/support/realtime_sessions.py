"""Settings and speech for sessions of the emulated translation and transcription models."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from emulator.engine.scripted import marker_tone
from emulator.realtime.config import RealtimeConfig
from emulator.realtime.translation_model import OutputMode, TranslationModel
from tests.support.realtime_client import Events

QUICK = OutputMode(9_600, (9_600, 9_600), catch_up=40.0)

PAUSE = bytes(400 * 48)


def quick(**behaviour: Any) -> RealtimeConfig:
    return RealtimeConfig(seed=1, translation=TranslationModel(**{"output": QUICK, "lag_ms": (0, 0), **behaviour}))


def sentences(*numbers: int) -> bytes:
    """A second of each marker, with pauses that end a segment."""
    return b"".join(marker_tone(number) * 5 + PAUSE for number in numbers)


INTENT: Any = {"intent": "transcription"}

COMPLETED = "conversation.item.input_audio_transcription.completed"


def settings(model: str = "gpt-transcribe", detection: Any = None, **transcription: Any) -> Any:
    audio_input = {"transcription": {"model": model, **transcription}, "turn_detection": detection}
    return {"type": "transcription", "audio": {"input": audio_input}}


async def end_of(talk: Events) -> ConnectionClosed:
    with pytest.raises(ConnectionClosed) as caught:
        while True:
            await talk.next()
    return caught.value
