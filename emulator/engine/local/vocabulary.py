"""The vocabulary: which decoders listen for a language, made from its sentences and their pronunciations on demand."""

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
"""Languages heard through the English acoustic model, and the voices whose pronunciations are taken for them."""

LANGUAGES = ("en", *PRONOUNCED_BY)
"""What can be heard at all."""


class Vocabulary:
    """Grammars and models for the sentences of `phrases`, by language; their files go into `folder`."""

    def __init__(self, phrases: Mapping[str, Sequence[str]], synthesiser: Synthesiser, folder: Path) -> None:
        self._phrases = phrases
        self._synthesiser = synthesiser
        self._folder = folder
        self._lock = asyncio.Lock()
        self._grammars: dict[str, Grammar] = {}
        self._domain: DecoderSettings | None = None

    async def grammar(self, language: str) -> Grammar:
        """The grammar of a language's sentences. Raises EngineError for a language that can't be heard."""
        async with self._lock:
            if language not in self._grammars:
                await self._learn(language)
            return self._grammars[language]

    async def domain(self) -> DecoderSettings:
        """The n-gram model of the English sentences."""
        await self.grammar("en")
        assert self._domain is not None  # learned together with the English grammar
        return self._domain

    async def _learn(self, language: str) -> None:
        if language not in LANGUAGES:
            raise EngineError(f"cannot listen to {language!r}, only to {', '.join(LANGUAGES)}")
        texts = self._phrases.get(language, ())
        if not texts:
            raise EngineError(f"the phrasebook has no sentence to listen for in {language!r}")
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
        """From the dictionary; from the voice for names and the like."""
        wanted = sorted(words)
        known = await asyncio.to_thread(grammars.english_pronunciations, wanted)
        missing = [word for word in wanted if word not in known]
        ipa = await self._synthesiser.pronounce(missing, VOICES["en"])
        said = [([word], [sounds.replace(" ", "")]) for word, sounds in zip(missing, ipa, strict=True)]
        return known | grammars.approximate_pronunciations(said)

    async def _approximate(self, sentences: Sequence[Sequence[str]], voices: Sequence[str]) -> grammars.Pronunciations:
        """From the voices, each sentence as a whole: words change beside one another."""
        said: list[tuple[Sequence[str], Sequence[str]]] = []
        for voice in voices:
            lines = await self._synthesiser.pronounce([" ".join(words) for words in sentences], voice)
            for words, line in zip(sentences, lines, strict=True):
                ipa = line.split()
                if len(ipa) != len(words):  # the voice ran some together: one by one, then
                    alone = await self._synthesiser.pronounce(words, voice)
                    ipa = [sounds.replace(" ", "") for sounds in alone]
                said.append((words, ipa))
        return await asyncio.to_thread(grammars.approximate_pronunciations, said)
