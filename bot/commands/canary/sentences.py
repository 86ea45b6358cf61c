"""What the canary says: recordings with their texts, or sentences that the model is asked to read aloud."""

from __future__ import annotations

import asyncio
import base64
import json
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.config import Settings
from bot.realtime.client import ModelSockets
from bot.realtime.conversation_messages import ConversationSettings, reading_aloud, response_create, session_config
from bot.realtime.conversation_turns import ResponseTurn
from bot.realtime.errors import SessionError, session_error
from bot.realtime.messages import session_update
from listeners.audio_frames import ROOM_RATE

LANGUAGE = "en-US"
"""Language of the built-in sentences."""
BUILT_IN = (
    ("The train to Madrid leaves at half past nine from platform three.", ("Madrid",)),
    ("Doctor Alvarez will see forty two patients on Monday.", ("Alvarez", "42")),
    ("Please tell Maria that the meeting in Berlin was moved to the second floor.", ("Maria", "Berlin")),
)
"""Sentences, and what any interpretation of them has to contain."""
READING_S = 30.0
LONGEST_S = 60
"""Seconds of a recording."""


class UnusableSentences(Exception):
    """There are no sentences to say; the message is for whoever started the canary."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence to say."""

    text: str
    expected: tuple[str, ...]
    """Words that any right interpretation contains, such as names."""
    pcm: bytes
    """PCM16 mono."""
    rate: int
    """16,000 or 24,000 Hz."""


def recorded(folder: Path) -> list[Sentence]:
    """Read the recordings of a folder, `name.wav`, each with `name.txt`: what is said, then words to expect, by line.

    Raises:
        UnusableSentences: there are none, or one cannot be used.
    """
    sentences = [_recording(path) for path in sorted(folder.glob("*.wav"))]
    if not sentences:
        raise UnusableSentences(f"{folder} has no .wav files")
    return sentences


def _recording(path: Path) -> Sentence:
    try:
        text, *expected = path.with_suffix(".txt").read_text().splitlines()
        with wave.open(str(path)) as recording:
            rate, frames = recording.getframerate(), recording.getnframes()
            form = (recording.getnchannels(), recording.getsampwidth())
            pcm = recording.readframes(frames)
    except (OSError, ValueError, EOFError, wave.Error) as error:
        raise UnusableSentences(f"{path} cannot be used: {error}") from error
    if form != (1, 2) or rate not in (16_000, ROOM_RATE) or frames > LONGEST_S * rate:
        raise UnusableSentences(f"{path} must be mono, 16 bits, 16 or 24 kHz, and {LONGEST_S} s at most")
    return Sentence(text.strip(), tuple(word.strip() for word in expected if word.strip()), pcm, rate)


async def read_aloud(
    settings: Settings, sockets: ModelSockets, wanted: Sequence[tuple[str, tuple[str, ...]]] = BUILT_IN
) -> list[Sentence]:
    """Have the realtime deployment read sentences aloud.

    Raises:
        UnusableSentences: it does not.
    """
    try:
        async with asyncio.timeout(READING_S):
            socket = await sockets.conversation(settings.azure_ai_realtime_deployment)
            try:
                voice = ConversationSettings(voice=settings.azure_ai_voice)
                instructions = reading_aloud("English")
                await socket.send(session_update("canary", session_config(instructions, voice, None)))
                sentences = []
                for text, expected in wanted:
                    turn = ResponseTurn("canary", instructions=instructions, text=text, attempt=1)
                    response = {"conversation": "none", "output_modalities": ["audio"]}
                    await socket.send(response_create(turn, response))
                    pcm = bytearray()
                    while (message := json.loads(await socket.receive()))["type"] != "response.done":
                        if message["type"] == "response.output_audio.delta":
                            pcm += base64.b64decode(message["delta"])
                        elif message["type"] == "error":
                            raise SessionError(str(message["error"].get("code")))
                    if not pcm:
                        raise SessionError("no_audio")
                    sentences.append(Sentence(text, expected, bytes(pcm), ROOM_RATE))
                return sentences
            finally:
                await socket.close(1.0)
    except Exception as error:  # whatever the SDK and the socket raise
        raise UnusableSentences(f"the model does not read sentences aloud: {session_error(error).code}") from error
