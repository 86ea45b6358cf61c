"""What any speech engine of the emulator must offer; holds no engine.

Audio is PCM16, little-endian, mono, 24 kHz throughout; languages are ISO 639-1 codes ("en").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

SAMPLE_RATE = 24_000
"""Samples per second of all engine audio: the only PCM rate of the Realtime API."""

BYTES_PER_MS = SAMPLE_RATE * 2 // 1000


@dataclass(frozen=True, slots=True)
class Heard:
    """What the recogniser made of one utterance."""

    language: str
    """ISO 639-1 code of the language it was taken for."""
    text: str | None
    """None when there was no speech or it was not understood."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One interpretation, ready to play."""

    text: str
    """What is said, in the target language; "" when there is nothing to say."""
    pcm: bytes
    understood: bool
    """False when `text` is a plain "I did not understand" in the target language."""


class EngineError(Exception):
    """The engine could not do its work (a missing voice, an unknown language pair)."""


class Engine(Protocol):
    """Hears and interprets. Nothing starts before `async with`; calls may run in parallel.

    Cancelling a call is safe: its result is dropped and the engine stays usable.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    async def hear(self, pcm: bytes, languages: Sequence[str]) -> Heard:
        """Recognise one utterance.

        `languages` are the candidates, likeliest first; with more than one the engine decides which it was.
        Raises EngineError.
        """
        ...

    async def interpret(self, heard: Heard, target: str) -> Spoken:
        """Translate and synthesise; `Spoken("", b"", True)` when `heard` is in the target language already.

        Raises EngineError.
        """
        ...

    async def say(self, text: str, language: str) -> Spoken:
        """Synthesise a text that is in this language already. Raises EngineError."""
        ...
