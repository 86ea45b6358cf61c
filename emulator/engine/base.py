"""Defines the interface of the emulator's speech engines.

Audio is PCM16, little-endian, mono, 24 kHz throughout; languages are ISO 639-1 codes ("en").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import Protocol, Self

SAMPLE_RATE = 24_000
"""Samples per second of all engine audio: the only PCM rate of the Realtime API."""

BYTES_PER_MS = SAMPLE_RATE * 2 // 1000

NO_TERMS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Heard:
    """The recognised text of an utterance."""

    language: str
    """ISO 639-1 code of the recognised language."""
    text: str | None
    """None if there was no speech or it was not understood."""
    pcm: bytes | None = field(default=None, compare=False, repr=False, kw_only=True)
    """What it was heard in, for an engine that needs the sound to interpret it."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """An interpretation, ready to play."""

    text: str
    """Text in the target language; "" if there is nothing to say."""
    pcm: bytes
    understood: bool
    """False when `text` is a plain "I did not understand" in the target language."""


class EngineError(Exception):
    """The engine cannot process a request, for example without a voice or for an unknown language."""


class Engine(Protocol):
    """Recognises, translates and speaks. Nothing starts before `async with`; calls may run in parallel.

    Cancelling a call is safe: its result is dropped and the engine stays usable.
    """

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    async def hear(self, pcm: bytes, languages: Sequence[str]) -> Heard:
        """Recognise an utterance.

        `languages` are the candidates, likeliest first; with several the engine decides.
        Raises EngineError.
        """
        ...

    async def overhear(self, pcm: bytes, languages: Sequence[str]) -> Heard:
        """Recognise the beginning of an utterance that goes on; hear nothing where that would delay another call.

        Raises EngineError.
        """
        ...

    async def interpret(self, heard: Heard, target: str, terms: Mapping[str, str] = NO_TERMS) -> Spoken:
        """Translate and synthesise; return `Spoken("", b"", True)` if `heard` is in the target language already.

        `terms` are what may be said -> how it is to be interpreted. Raises EngineError.
        """
        ...

    async def say(self, text: str, language: str) -> Spoken:
        """Synthesise a text that is in this language already. Raises EngineError."""
        ...
