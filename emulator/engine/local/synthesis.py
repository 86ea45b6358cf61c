"""Synthesises speech from text in the voice's process, with espeak-ng or, if asked to, with Pico."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec

from emulator.engine.base import EngineError
from emulator.engine.local.messages import Speak
from emulator.engine.local.process import WorkerProcess

VOICES: Mapping[str, str] = {
    **{"ar": "ar", "ca": "ca", "de": "de", "en": "en-us", "es": "es", "fr": "fr", "hi": "hi"},
    **{"it": "it", "ja": "ja", "ko": "ko", "pt": "pt-br", "ru": "ru", "zh": "cmn"},
}
"""Language -> its espeak-ng voice, for languages whose voices have been checked by ear."""

PICO: Mapping[str, str] = {
    language: tag
    for language, tag in {"de": "de-DE", "en": "en-US", "es": "es-ES", "fr": "fr-FR", "it": "it-IT"}.items()
    if importlib.util.find_spec("py_nanotts")
}
"""Language -> its voice of Pico, which recognisers of people understand better; empty where Pico is not installed."""

MAX_TEXT = 5_000
"""Maximum characters per request: about six minutes of speech. An interpretation is a sentence or two."""

LIMIT = 10.0
"""Timeout in seconds for the voice; it needs 30 ms for a sentence and 0.1 s to start."""

LIMIT_EACH = 1.0
"""Seconds more for each text."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Properties of a voice, which distinguish several speakers."""

    name: str | None = None
    """Voice of Pico ("en-GB") or espeak-ng ("en-gb"); None for the language's default of espeak-ng."""
    variant: str | None = None
    """Variant of an espeak-ng voice: "f1" to "f5" for women, "m1" to "m8" for men."""
    rate: int = 150
    """Words per minute, 80 to 450."""
    pitch: int = 50
    """0 to 100."""


class Synthesiser:
    """Converts text to speech. An async context manager; requests run one at a time, each in milliseconds."""

    def __init__(self) -> None:
        self._worker = WorkerProcess("emulator.engine.local.voice_worker")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self._worker.close()

    async def say(self, text: str, language: str, voice: Voice = Voice()) -> bytes:
        """Return the text as PCM16 mono 24 kHz, b"" for a blank text.

        Cancelling is safe. Raises EngineError for a language without a voice, a text over MAX_TEXT, a failed worker.
        """
        if len(text) > MAX_TEXT:
            raise EngineError(f"the text has {len(text)} characters; at most {MAX_TEXT} can be spoken at once")
        if not text.strip():
            return b""
        return (await self.say_each([text], language, voice))[0]

    async def say_each(self, texts: Sequence[str], language: str, voice: Voice = Voice()) -> list[bytes]:
        """Return each text as PCM16 mono 24 kHz. The sound of a text depends a little on those before it.

        Raises EngineError for a language without a voice, or a failed worker.
        """
        plain = [text.replace("\0", " ") for text in texts]
        request = Speak(texts=plain, voice=_voice(language, voice), rate=voice.rate, pitch=voice.pitch)
        answer = await self._worker.ask(msgspec.msgpack.encode(request), LIMIT + LIMIT_EACH * len(texts))
        return msgspec.msgpack.decode(answer, type=list[bytes])


def _voice(language: str, voice: Voice) -> str:
    name = voice.name or VOICES.get(language)
    if name is None:
        raise EngineError(f"there is no voice for {language!r}; there is one for {', '.join(sorted(VOICES))}")
    return f"{name}+{voice.variant}" if voice.variant else name
