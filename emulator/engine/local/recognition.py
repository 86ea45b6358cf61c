"""Recognises whole utterances with decoders in worker processes; `choice` selects between their results."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from emulator.engine.base import BYTES_PER_MS, EngineError
from emulator.engine.local.choice import RecognisedText, free_english, known_sentence
from emulator.engine.local.grammars import ALLPHONE, GENERAL
from emulator.engine.local.messages import DecoderSettings, Hypothesis, Utterance
from emulator.engine.local.process import WorkerProcess
from emulator.engine.local.synthesis import Synthesiser
from emulator.engine.local.vocabulary import Vocabulary

START_LIMIT = 15.0
"""Timeout in seconds for starting a worker and loading a decoder; 1 s on an idle machine."""

TIME_FACTOR = 3.0
"""Timeout for decoding in seconds per second of audio; 0.15 is usual on an idle machine."""

MAX_SECONDS = 60
"""Maximum length of an utterance in seconds; turns are limited to 10 s."""

WAITING = 16
"""Maximum number of waiting utterances; further ones are refused, since a very late answer is useless in a dialogue."""


class RecogniserBusy(EngineError):
    """The utterance was refused because too many are waiting."""


class Recogniser:
    """Converts speech to text. An async context manager.

    `phrases` are its known sentences by language; English is recognised beyond them. `workers` processes share the
    utterances; decoders are loaded on first use, or by `prepare`.
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
        self._stack = AsyncExitStack()
        self._vocabulary: Vocabulary | None = None

    async def __aenter__(self) -> Self:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="recogniser-"))
        self._vocabulary = Vocabulary(self._phrases, self._synthesiser, Path(folder))
        self._stack.push_async_callback(self._close)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self._stack.aclose()

    async def _close(self) -> None:
        async with asyncio.TaskGroup() as group:
            for worker in self._workers:
                group.create_task(worker.close())

    async def prepare(self, languages: Iterable[str]) -> None:
        """Load every decoder of these languages into every worker. Raises EngineError."""
        wanted = {ALLPHONE: None}
        for language in languages:
            wanted[(await self._known.grammar(language)).decoder] = None
            if language == "en":
                wanted |= {GENERAL: None, await self._known.domain(): None}
        async with _together() as group:
            for worker in self._workers:
                group.create_task(_load(worker, list(wanted)))

    async def recognise(self, pcm: bytes, languages: Sequence[str]) -> RecognisedText:
        """Recognise an utterance, PCM16 mono 24 kHz, in the best fitting of `languages`.

        The result has the first language if nothing was understood. The same bytes give the same words. Cancelling is
        safe. Raises RecogniserBusy if too many utterances wait, EngineError for an unsupported language or an
        utterance longer than MAX_SECONDS.
        """
        if not languages:
            raise EngineError("no language to recognise")
        if len(pcm) > MAX_SECONDS * 1000 * BYTES_PER_MS:
            raise EngineError(f"the utterance is longer than {MAX_SECONDS} s")
        if self._room <= 0:
            raise RecogniserBusy("too many utterances are waiting for the recogniser")
        self._room -= 1
        try:
            return await self._recognise(pcm, languages)
        finally:
            self._room += 1

    async def _recognise(self, pcm: bytes, languages: Sequence[str]) -> RecognisedText:
        """Try known sentences in all languages first, which take a third of the time; then free English."""
        grammars = {language: await self._known.grammar(language) for language in languages}
        heard = await self._decode(pcm, [*(grammar.decoder for grammar in grammars.values()), ALLPHONE])
        free = heard[ALLPHONE]
        found = [
            known_sentence(language, grammar, heard[grammar.decoder], free) for language, grammar in grammars.items()
        ]
        best = max(found, key=lambda one: one.fit)  # the first of equals: the likeliest language
        if best.text is not None or "en" not in languages or free.score is None:
            return best
        domain = await self._known.domain()
        heard = await self._decode(pcm, [GENERAL, domain])
        english = free_english(heard[GENERAL], heard[domain], free)
        return english if english.text is not None else best

    @property
    def _known(self) -> Vocabulary:
        if self._vocabulary is None:
            raise EngineError("the recogniser has not been entered")
        return self._vocabulary

    async def _decode(self, pcm: bytes, decoders: Iterable[DecoderSettings]) -> dict[DecoderSettings, Hypothesis]:
        async with _together() as group:
            tasks = {decoder: group.create_task(self._on_free_worker(decoder, pcm)) for decoder in decoders}
        return {decoder: task.result() for decoder, task in tasks.items()}

    async def _on_free_worker(self, decoder: DecoderSettings, pcm: bytes) -> Hypothesis:
        async with self._free:
            worker = next(worker for worker in self._workers if not worker.busy)
            return await _ask(worker, decoder, pcm)


async def _load(worker: WorkerProcess, decoders: Iterable[DecoderSettings]) -> None:
    for decoder in decoders:
        await _ask(worker, decoder, b"")


async def _ask(worker: WorkerProcess, decoder: DecoderSettings, pcm: bytes) -> Hypothesis:
    limit = START_LIMIT + TIME_FACTOR * len(pcm) / BYTES_PER_MS / 1000
    answer = await worker.ask(msgspec.msgpack.encode(Utterance(decoder, pcm)), limit)
    return msgspec.msgpack.decode(answer, type=Hypothesis)


@asynccontextmanager
async def _together() -> AsyncIterator[asyncio.TaskGroup]:
    """Open a task group that raises its first error instead of a group."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
