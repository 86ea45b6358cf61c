"""Reads the events of translation sessions."""

from __future__ import annotations

import base64

import numpy as np

from emulator.engine.base import BYTES_PER_MS
from tests.support.realtime_driver import Event, TranslationDriver, kinds

AUDIO = "session.output_audio.delta"
WRITTEN = "session.output_transcript.delta"
SOURCE = "session.input_transcript.delta"
SENTENCE = ((1_000, 3000), (400, 0))
"""Speech and a pause that make a segment."""


def audio(events: list[Event]) -> bytes:
    return b"".join(base64.b64decode(event["delta"]) for event in events if event["type"] == AUDIO)


def text(events: list[Event], kind: str = WRITTEN) -> str:
    return "".join(event["delta"] for event in events if event["type"] == kind)


def voiced_ms(events: list[Event]) -> int:
    """Return the length of the audio above the level of the noise."""
    samples = np.abs(np.frombuffer(audio(events), dtype="<i2").astype(np.int32))
    return int((samples >= 1_024).sum()) * 2 // BYTES_PER_MS


def transcribing(driver: TranslationDriver) -> TranslationDriver:
    transcription = {"audio": {"input": {"transcription": {"model": "gpt-realtime-whisper"}}}}
    assert kinds(driver.send("session.update", session=transcription))[0] == "session.updated"
    return driver
