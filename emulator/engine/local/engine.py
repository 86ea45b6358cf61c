"""The local engine: recogniser, translator and voice put together; speech in one language into another, offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from emulator.engine.base import EngineError, Heard, Spoken
from emulator.engine.local.phrasebook import BUILT_IN, Phrasebook
from emulator.engine.local.recognition import Recogniser
from emulator.engine.local.synthesis import VOICES, Synthesiser
from emulator.engine.local.translation import Translator
from emulator.engine.local.vocabulary import LANGUAGES

NOT_UNDERSTOOD: Mapping[str, str] = {
    "ar": "لم أفهم.",
    "ca": "No ho he entès.",
    "de": "Ich habe das nicht verstanden.",
    "en": "I did not understand.",
    "es": "No he entendido.",
    "fr": "Je n'ai pas compris.",
    "hi": "मैं समझ नहीं पाया।",
    "it": "Non ho capito.",
    "ja": "聞き取れませんでした。",
    "ko": "이해하지 못했습니다.",
    "pt": "Não entendi.",
    "ru": "Я не понял.",
    "zh": "我没听懂。",
}
"""Said when the recogniser made nothing of an utterance."""

NOT_TRANSLATED: Mapping[str, str] = {
    "ar": "لا أستطيع ترجمة ذلك.",
    "ca": "No ho puc traduir.",
    "de": "Das kann ich nicht übersetzen.",
    "en": "I cannot translate that.",
    "es": "No puedo traducirlo.",
    "fr": "Je ne peux pas traduire cela.",
    "hi": "मैं इसका अनुवाद नहीं कर सकता।",
    "it": "Non posso tradurlo.",
    "ja": "翻訳できません。",
    "ko": "번역할 수 없습니다.",
    "pt": "Não consigo traduzir isso.",
    "ru": "Я не могу это перевести.",
    "zh": "我无法翻译。",
}
"""Said when an utterance was understood and there is no way into the target language. Never the source itself."""


class LocalEngine:
    """Implements `emulator.engine.base.Engine` with pocketsphinx, a phrasebook, Apertium and espeak-ng.

    `phrasebook` is a file whose sentences come on top of the built-in ones and win over them. `extra_phrases` are
    sentences to be recognised, by language, whose translation is left to Apertium. `languages` are loaded on entering,
    others when first heard. `workers` recogniser processes work side by side.
    """

    def __init__(
        self,
        phrasebook: Path | None = None,
        extra_phrases: Mapping[str, Sequence[str]] | None = None,
        workers: int = 2,
        languages: Sequence[str] = ("en", "es"),
    ) -> None:
        self._phrasebook = Phrasebook.load(BUILT_IN, *([phrasebook] if phrasebook else []))
        extra = extra_phrases or {}
        phrases = {
            language: (*self._phrasebook.sentences(language), *extra.get(language, ())) for language in LANGUAGES
        }
        self._languages = tuple(dict.fromkeys(map(primary, languages)))
        self._synthesiser = Synthesiser()
        self._recogniser = Recogniser(phrases, self._synthesiser, workers)
        self._translator = Translator(self._phrasebook)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._synthesiser)
            await stack.enter_async_context(self._recogniser)
            await stack.enter_async_context(self._translator)
            heard = [language for language in self._languages if language in LANGUAGES]
            await self._recogniser.prepare(heard)
            await self._translator.prepare(
                (source, target) for source in heard for target in self._languages if source != target
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self._stack.aclose()

    async def hear(self, pcm: bytes, languages: Sequence[str]) -> Heard:
        """Recognise one utterance, PCM16 mono 24 kHz; a known sentence comes back as the phrasebook writes it.

        `languages` are the candidates, likeliest first. The same bytes give the same text. Cancelling is safe.
        Raises RecogniserBusy when too many utterances wait, EngineError for a language nobody can hear.
        """
        found = await self._recogniser.recognise(pcm, list(dict.fromkeys(map(primary, languages))))
        if found.text is None:
            return Heard(found.language, None)
        return Heard(found.language, self._phrasebook.written(found.text, found.language) or found.text)

    async def interpret(self, heard: Heard, target: str) -> Spoken:
        """What to say in the target language. Cancelling is safe.

        `Spoken("", b"", True)` when it was said in that language. Raises EngineError for a language without a voice.
        """
        source, target = primary(heard.language), primary(target)
        if source == target:
            return Spoken("", b"", True)
        if target not in VOICES:
            raise EngineError(f"cannot speak {target!r}, only {', '.join(sorted(VOICES))}")
        translated = None
        if heard.text is not None:
            translated = await self._translator.translate(heard.text, source, target)
        text = translated or (NOT_UNDERSTOOD if heard.text is None else NOT_TRANSLATED)[target]
        return Spoken(text, await self._synthesiser.say(text, target), translated is not None)

    async def say(self, text: str, language: str) -> Spoken:
        """The text aloud, untranslated. Cancelling is safe. Raises EngineError for a language without a voice."""
        language = primary(language)
        if language not in VOICES:
            raise EngineError(f"cannot speak {language!r}, only {', '.join(sorted(VOICES))}")
        return Spoken(text, await self._synthesiser.say(text, language), True)


def primary(tag: str) -> str:
    """The language of a BCP-47 tag: "es-MX" is "es"."""
    return tag.partition("-")[0].lower()
