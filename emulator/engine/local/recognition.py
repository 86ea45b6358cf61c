"""The recogniser: decoders in worker processes, and the rules that choose among what they make of an utterance.

English is heard by a general model and by a small one of the known sentences, and the better one wins. The other
languages are heard by a grammar of whole known sentences, against any sequence of phones: a sentence that fits
little better than noise is refused.
"""

from __future__ import annotations

import asyncio
import math
import re
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from emulator.engine.base import BYTES_PER_MS, EngineError
from emulator.engine.local import grammars
from emulator.engine.local.grammars import ALLPHONE, GENERAL, Grammar
from emulator.engine.local.phrasebook import normalise
from emulator.engine.local.process import WorkerProcess
from emulator.engine.local.recogniser_worker import DecoderSettings, Hypothesis, Utterance
from emulator.engine.local.synthesis import Synthesiser

PRONOUNCED_BY: Mapping[str, Sequence[str]] = {
    **{"es": ("es", "es-419"), "fr": ("fr",), "it": ("it",), "pt": ("pt-br", "pt"), "de": ("de",)},
}
"""Languages heard by a phrase grammar, and the voices whose pronunciations it takes."""

LANGUAGES = ("en", *PRONOUNCED_BY)
"""What the recogniser can hear at all."""

DOMAIN_MARGIN = 2.5
"""How much better per frame the domain model must score than the general one: known sentences come out at +4 to +20,
everything else below +0.5."""

GRAMMAR_MARGIN = -10.0
"""How much worse per frame than free phones a grammar may score: its sentences come out at -5 to 0, everything else
below -14."""

START_LIMIT = 15.0
"""Seconds for starting a worker and loading a decoder, 1 s on an idle machine."""

TIME_FACTOR = 3.0
"""Seconds of decoding allowed per second of audio; 0.3 are usual."""

MAX_SECONDS = 60
"""Longest utterance; a turn is cut at 10 s long before."""

WAITING = 16
"""Utterances that may wait for a worker. One more is refused: older ones have the longer claim, and an answer that
late is no dialogue."""

_MARK = re.compile(r"\(\d+\)|<[^>]*>|\[[^\]]*\]|\+\+[^+]*\+\+")


class RecogniserBusy(EngineError):
    """Too many utterances wait already; this one was not taken."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was made of one utterance."""

    language: str
    text: str | None
    """Normalised words; None when nothing was understood."""
    fit: float = -math.inf
    """Score per frame against free phones: how well the text explains the sound; about 0 is perfect."""


class Recogniser:
    """Speech to words, for whole utterances. An async context manager.

    `phrases` are the sentences it knows, by language; English understands others too. Utterances are shared out
    among `workers` processes; a decoder is loaded when it is first needed, or by `prepare`.
    """

    def __init__(
        self,
        phrases: Mapping[str, Sequence[str]],
        synthesiser: Synthesiser,
        workers: int = 2,
        waiting: int = WAITING,
    ) -> None:
        self._phrases = phrases
        self._synthesiser = synthesiser
        self._workers = [WorkerProcess("emulator.engine.local.recogniser_worker") for _ in range(workers)]
        self._free = asyncio.Semaphore(workers)
        self._room = workers + waiting
        self._learning = asyncio.Lock()
        self._domain: DecoderSettings | None = None
        self._grammars: dict[str, Grammar] = {}
        self._stack = AsyncExitStack()
        self._folder = Path()

    async def __aenter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="recogniser-")))
        for worker in self._workers:
            self._stack.push_async_callback(worker.close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self._stack.aclose()

    async def prepare(self, languages: Iterable[str]) -> None:
        """Load every decoder of these languages into every worker. Raises EngineError."""
        wanted = [decoder for language in languages for decoder in await self._decoders(language)]
        async with _together() as group:
            for worker in self._workers:
                group.create_task(_load(worker, wanted))

    async def recognise(self, pcm: bytes, languages: Sequence[str]) -> Recognition:
        """What is said in this utterance, PCM16 mono 24 kHz, in the likeliest of `languages`.

        The first language is named when nothing was understood. Cancelling is safe. Raises RecogniserBusy when too
        many wait, EngineError for a language it can't hear or an utterance over MAX_SECONDS.
        """
        if not languages:
            raise EngineError("no language to listen for")
        if len(pcm) > MAX_SECONDS * 1000 * BYTES_PER_MS:
            raise EngineError(f"an utterance is {MAX_SECONDS} s at most")
        if self._room <= 0:
            raise RecogniserBusy("too many utterances wait for the recogniser")
        self._room -= 1
        try:
            decoders = {language: await self._decoders(language) for language in languages}
            heard = await self._decode(pcm, {one for several in decoders.values() for one in several})
            found = [self._judge(language, heard) for language in languages]
            return max(found, key=lambda one: one.fit)
        finally:
            self._room += 1

    async def _decoders(self, language: str) -> tuple[DecoderSettings, ...]:
        """The decoders that listen for a language; made when it is first asked for."""
        async with self._learning:
            if language == "en":
                if self._domain is None:
                    self._domain = await self._learn_english()
                return (GENERAL, self._domain, ALLPHONE)
            if language not in self._grammars:
                self._grammars[language] = await self._learn(language)
            return (self._grammars[language].decoder, ALLPHONE)

    async def _learn_english(self) -> DecoderSettings:
        sentences = self._phrases.get("en", ())
        missing = await asyncio.to_thread(grammars.not_in_dictionary, sentences)
        ipa = await self._synthesiser.pronounce(missing, "en-us")
        spoken = dict(zip(missing, ipa, strict=True))
        return await asyncio.to_thread(grammars.domain_model, sentences, spoken, self._folder)

    async def _learn(self, language: str) -> Grammar:
        voices = PRONOUNCED_BY.get(language)
        if voices is None:
            raise EngineError(f"cannot listen to {language!r}, only to {', '.join(LANGUAGES)}")
        sentences = self._phrases.get(language, ())
        if not sentences:
            raise EngineError(f"the phrasebook has no sentence to listen for in {language!r}")
        plain = [" ".join(grammars.tokens(sentence)) for sentence in sentences]
        spoken: dict[str, list[str]] = {sentence: [] for sentence in sentences}
        for voice in voices:
            for sentence, words, ipa in zip(
                sentences, plain, await self._synthesiser.pronounce(plain, voice), strict=True
            ):
                if len(ipa.split()) != len(words.split()):  # the voice runs some words together: take them one by one
                    alone = await self._synthesiser.pronounce(words.split(), voice)
                    ipa = " ".join(one.replace(" ", "") for one in alone)
                spoken[sentence].append(ipa)
        return await asyncio.to_thread(grammars.phrase_grammar, language, spoken, self._folder)

    async def _decode(self, pcm: bytes, decoders: Iterable[DecoderSettings]) -> dict[DecoderSettings, Hypothesis]:
        # The general model takes longest: first in, so that the others fit beside it.
        ordered = sorted(decoders, key=lambda decoder: decoder != GENERAL)
        async with _together() as group:
            tasks = {decoder: group.create_task(self._ask(decoder, pcm)) for decoder in ordered}
        return {decoder: task.result() for decoder, task in tasks.items()}

    async def _ask(self, decoder: DecoderSettings, pcm: bytes) -> Hypothesis:
        async with self._free:
            worker = next(worker for worker in self._workers if not worker.busy)
            return await _ask(worker, decoder, pcm)

    def _judge(self, language: str, heard: Mapping[DecoderSettings, Hypothesis]) -> Recognition:
        """The rules of choice, for one language."""
        free = heard[ALLPHONE].score
        if language == "en":
            assert self._domain is not None  # it was decoded with
            best = choose_english(heard[GENERAL], heard[self._domain])
            text = _words(best.text or "")
        else:
            grammar = self._grammars[language]
            best = heard[grammar.decoder]
            text = normalise(grammar.read(_words(best.text or "")))
        if not text or best.score is None or free is None:
            return Recognition(language, None)
        fit = best.score - free
        if language != "en" and fit <= GRAMMAR_MARGIN:
            return Recognition(language, None)
        return Recognition(language, text, fit)


def choose_english(general: Hypothesis, domain: Hypothesis) -> Hypothesis:
    """The domain model's words when they explain the sound clearly better, the general model's otherwise."""
    if domain.score is None or not domain.text:
        return general
    if general.score is None or domain.score - general.score > DOMAIN_MARGIN:
        return domain
    return general


def _words(hypothesis: str) -> str:
    return " ".join(_MARK.sub(" ", hypothesis).split())


async def _load(worker: WorkerProcess, decoders: Iterable[DecoderSettings]) -> None:
    for decoder in decoders:
        await _ask(worker, decoder, b"")


async def _ask(worker: WorkerProcess, decoder: DecoderSettings, pcm: bytes) -> Hypothesis:
    limit = START_LIMIT + TIME_FACTOR * len(pcm) / BYTES_PER_MS / 1000
    answer = await worker.ask(msgspec.msgpack.encode(Utterance(decoder, pcm)), limit)
    return msgspec.msgpack.decode(answer, type=Hypothesis)


@asynccontextmanager
async def _together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that lets out the first error itself, as a single call would."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
