"""Creates a language's decoders on demand, from its sentences and their pronunciations."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from emulator.engine.base import EngineError
from emulator.engine.local import grammars
from emulator.engine.local.grammars import Grammar
from emulator.engine.local.messages import DecoderSettings
from emulator.engine.local.phrasebook import normalise
from emulator.engine.local.synthesis import VOICES, Synthesiser

PRONOUNCED_BY: Mapping[str, Sequence[str]] = {
    **{"es": ("es", "es-419"), "fr": ("fr",), "it": ("it",), "pt": ("pt-br", "pt"), "de": ("de",)},
}
"""Languages recognised with the English acoustic model -> the voices that provide their pronunciations."""

LANGUAGES = ("en", *PRONOUNCED_BY)
"""Languages that can be recognised."""


class Vocabulary:
    """Grammars and models for the sentences of `phrases`, by language; their files are written to `folder`."""

    def __init__(self, phrases: Mapping[str, Sequence[str]], synthesiser: Synthesiser, folder: Path) -> None:
        self._phrases = phrases
        self._synthesiser = synthesiser
        self._folder = folder
        self._lock = asyncio.Lock()
        self._grammars: dict[str, Grammar] = {}
        self._domain: DecoderSettings | None = None

    async def grammar(self, language: str) -> Grammar:
        """Return the grammar of a language's sentences. Raises EngineError for an unsupported language."""
        async with self._lock:
            if language not in self._grammars:
                await self._learn(language)
            return self._grammars[language]

    async def domain(self) -> DecoderSettings:
        """Return the n-gram model of the English sentences."""
        await self.grammar("en")
        assert self._domain is not None  # created together with the English grammar
        return self._domain

    async def _learn(self, language: str) -> None:
        if language not in LANGUAGES:
            raise EngineError(f"cannot recognise {language!r}, only {', '.join(LANGUAGES)}")
        texts = self._phrases.get(language, ())
        if not texts:
            raise EngineError(f"the phrasebook has no sentence in {language!r}")
        if language == "en":
            sentences = [normalise(text).split() for text in texts]
            known = await self._english({word for words in sentences for word in words})
            sayable = [words for words in sentences if known.keys() >= set(words)]
            self._domain = await asyncio.to_thread(grammars.domain_model, "en", sayable, known, self._folder)
        else:
            sentences = [grammars.tokens(text) for text in texts]
            known = await self._approximate(sentences, PRONOUNCED_BY[language])
        self._grammars[language] = await asyncio.to_thread(
            grammars.phrase_grammar, language, sentences, known, self._folder
        )

    async def _english(self, words: Iterable[str]) -> grammars.Pronunciations:
        """Return pronunciations from the dictionary, or from the voice for missing words such as names."""
        wanted = sorted(words)
        known = await asyncio.to_thread(grammars.english_pronunciations, wanted)
        missing = [word for word in wanted if word not in known]
        ipa = await self._synthesiser.pronounce(missing, VOICES["en"])
        said = [([word], [sounds.replace(" ", "")]) for word, sounds in zip(missing, ipa, strict=True)]
        return known | grammars.approximate_pronunciations(said)

    async def _approximate(self, sentences: Sequence[Sequence[str]], voices: Sequence[str]) -> grammars.Pronunciations:
        """Return pronunciations from the voices, sentence by sentence: neighbouring words affect each other."""
        said: list[tuple[Sequence[str], Sequence[str]]] = []
        for voice in voices:
            lines = await self._synthesiser.pronounce([" ".join(words) for words in sentences], voice)
            for words, line in zip(sentences, lines, strict=True):
                ipa = line.split()
                if len(ipa) != len(words):  # the voice joined some words: pronounce them one by one
                    alone = await self._synthesiser.pronounce(words, voice)
                    ipa = [sounds.replace(" ", "") for sounds in alone]
                said.append((words, ipa))
        return await asyncio.to_thread(grammars.approximate_pronunciations, said)
