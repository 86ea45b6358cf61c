"""The voice: text in, speech and phonemes out, through the espeak-ng worker process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec

from emulator.engine.base import EngineError
from emulator.engine.local.messages import PronounceRequest, SpeakRequest
from emulator.engine.local.process import WorkerProcess

VOICES: Mapping[str, str] = {
    **{"ar": "ar", "ca": "ca", "de": "de", "en": "en-us", "es": "es", "fr": "fr", "hi": "hi"},
    **{"it": "it", "ja": "ja", "ko": "ko", "pt": "pt-br", "ru": "ru", "zh": "cmn"},
}
"""Language -> its espeak-ng voice, for the languages whose voices were listened to."""

MAX_TEXT = 5_000
"""Characters said at once: about six minutes of speech. An interpretation is a sentence or two."""

LIMIT = 10.0
"""Seconds to wait for the voice; it needs 3 ms for a sentence and 0.1 s to start."""


@dataclass(frozen=True, slots=True)
class Voice:
    """How a text is said, so that several speakers can be told apart."""

    name: str | None = None
    """espeak-ng voice ("en-gb"); None takes the language's own."""
    variant: str | None = None
    """espeak-ng voice variant: "f1" to "f5" for women, "m1" to "m8" for men."""
    rate: int = 150
    """Words per minute, 80 to 450."""
    pitch: int = 50
    """0 to 100."""


class Synthesiser:
    """Speech from text. An async context manager; texts are said one after the other, each in milliseconds."""

    def __init__(self) -> None:
        self._worker = WorkerProcess("emulator.engine.local.voice_worker")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self._worker.close()

    async def say(self, text: str, language: str, voice: Voice = Voice()) -> bytes:
        """The text as PCM16 mono 24 kHz, b"" for a blank text.

        Cancelling is safe. Raises EngineError for a language without a voice, a text over MAX_TEXT, a lost worker.
        """
        if len(text) > MAX_TEXT:
            raise EngineError(f"a text of {len(text)} characters is too long to say, {MAX_TEXT} is the limit")
        if not text.strip():
            return b""
        name = _voice(language, voice)
        request = SpeakRequest(text=text.replace("\0", " "), voice=name, rate=voice.rate, pitch=voice.pitch)
        return await self._worker.ask(msgspec.msgpack.encode(request), LIMIT)

    async def pronounce(self, texts: Sequence[str], voice: str) -> list[str]:
        """IPA for each text as this espeak-ng voice says it, words parted by spaces. Raises EngineError."""
        request = PronounceRequest(texts=[text.replace("\0", " ") for text in texts], voice=voice)
        return msgspec.msgpack.decode(await self._worker.ask(msgspec.msgpack.encode(request), LIMIT), type=list[str])


def has_voice(language: str) -> bool:
    """Whether the engine can speak this language (ISO 639-1)."""
    return language in VOICES


def _voice(language: str, voice: Voice) -> str:
    name = voice.name or VOICES.get(language)
    if name is None:
        raise EngineError(f"there is no voice for {language!r}; there is one for {', '.join(sorted(VOICES))}")
    return f"{name}+{voice.variant}" if voice.variant else name
