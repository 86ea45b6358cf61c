"""Recognises whole utterances in worker processes: known sentences by their sound, everything else with Whisper."""

from __future__ import annotations

import asyncio
import hashlib
import importlib.metadata
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from emulator.engine.base import BYTES_PER_MS, EngineError
from emulator.engine.local.messages import Learn, Recognition, ToEnglish, Utterance
from emulator.engine.local.phrase_sounds import VERSION
from emulator.engine.local.process import WorkerProcess
from emulator.engine.local.synthesis import VOICES, Synthesiser, Voice
from emulator.engine.local.weights import cache

LANGUAGES = tuple(sorted(VOICES))
"""Languages that can be recognised: those of the voices. Whisper knows more, which nobody would be answered in."""

START_LIMIT = 30.0
"""Timeout in seconds for starting a worker and loading its models; 1 s on an idle machine."""

TIME_FACTOR = 3.0
"""Timeout for decoding in seconds per second of audio; 0.1 is usual on an idle machine."""

MAX_SECONDS = 60
"""Maximum length of an utterance in seconds; turns are limited to 10 s."""

WAITING = 16
"""Maximum number of waiting utterances; further ones are refused, since a very late answer is useless in a dialogue."""


_LEARNED = (Voice(), Voice(variant="f2"))
"""A man's and a woman's voice, which all others are like."""


class RecogniserBusy(EngineError):
    """The utterance was refused because too many are waiting."""


class Recogniser:
    """Converts speech to text. An async context manager.

    `phrases` are known sentences by language, `extra` further ones of this time only. `find_model` returns the folder
    of a Whisper model; if None, only these sentences are recognised, in voices like the synthesiser's. `workers`
    processes share the utterances.
    """

    def __init__(
        self,
        phrases: Mapping[str, Sequence[str]],
        synthesiser: Synthesiser,
        find_model: Callable[[], Path | None],
        extra: Mapping[str, Sequence[str]] | None = None,
        workers: int = 2,
        waiting: int = WAITING,
    ) -> None:
        self._phrases = phrases
        self._extra = extra or {}
        self._synthesiser = synthesiser
        self._find_model = find_model
        self._model: str | None = None
        self._workers = [WorkerProcess("emulator.engine.local.recogniser_worker") for _ in range(workers)]
        self._free = asyncio.Semaphore(workers)
        self._room = workers + waiting
        self._learning = asyncio.Lock()
        self._learned: dict[str, list[str]] = {}
        self._folder = self._kept = Path()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        model = await asyncio.to_thread(self._find_model)
        self._model = None if model is None else str(model)
        self._kept = await asyncio.to_thread(cache)
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="recogniser-")))
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
        """Start every worker and load what these languages need. Raises EngineError."""
        known = list(languages)
        request = await self._request(b"", known)
        try:
            async with asyncio.TaskGroup() as group:
                for worker in self._workers:
                    group.create_task(worker.ask(msgspec.msgpack.encode(request), START_LIMIT))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors

    async def recognise(self, pcm: bytes, languages: Sequence[str]) -> Recognition:
        """Recognise an utterance, PCM16 mono 24 kHz, in the likeliest of `languages`.

        The result has the first language if nothing was understood. The same bytes give the same words. Cancelling is
        safe. Raises RecogniserBusy if too many utterances wait, EngineError for an unsupported language or an
        utterance longer than MAX_SECONDS.
        """
        if not languages:
            raise EngineError("no language to recognise")
        if len(pcm) > MAX_SECONDS * 1000 * BYTES_PER_MS:
            raise EngineError(f"the utterance is longer than {MAX_SECONDS} s")
        return await self._ask(await self._request(pcm, languages))

    @property
    def has_model(self) -> bool:
        """Return whether more than known sentences can be recognised."""
        return self._model is not None

    @property
    def has_time(self) -> bool:
        """Return whether there is a model, and a further utterance would leave a process free."""
        idle = sum(not worker.busy for worker in self._workers)
        return self._model is not None and not self._free.locked() and idle > 1

    async def to_english(self, pcm: bytes, language: str) -> str | None:
        """Translate an utterance into English; None if it was not understood, or there is no model. Raises as above."""
        if self._model is None:
            return None
        return (await self._ask(ToEnglish(pcm, language, self._model))).text

    async def _ask(self, request: Utterance | ToEnglish) -> Recognition:
        if self._room <= 0:
            raise RecogniserBusy("too many utterances are waiting for the recogniser")
        self._room -= 1
        try:
            limit = START_LIMIT + TIME_FACTOR * len(request.pcm) / BYTES_PER_MS / 1000
            answer = await self._on_free_worker(msgspec.msgpack.encode(request), limit)
            return msgspec.msgpack.decode(answer, type=Recognition)
        finally:
            self._room += 1

    async def _on_free_worker(self, body: bytes, limit: float) -> bytes:
        async with self._free:
            worker = next(worker for worker in self._workers if not worker.busy)
            return await worker.ask(body, limit)

    async def _request(self, pcm: bytes, languages: Sequence[str]) -> Utterance:
        for language in languages:
            if language not in LANGUAGES:
                raise EngineError(f"cannot recognise {language!r}, only {', '.join(LANGUAGES)}")
        async with self._learning:
            for language in languages:
                if language not in self._learned:
                    self._learned[language] = await self._learn(language)
        phrases = {language: self._learned[language] for language in languages}
        return Utterance(pcm, list(languages), phrases, self._model)

    async def _learn(self, language: str) -> list[str]:
        """Return the files with the sounds of a language's sentences; the phrasebook's are made once and kept."""
        files = []
        for texts, folder in ((self._phrases, self._kept), (self._extra, self._folder)):
            if sentences := sorted(set(texts.get(language, ()))):
                path = folder / f"phrases-{language}-{_digest(sentences)}.npz"
                if not await asyncio.to_thread(path.is_file):
                    spoken = [await self._synthesiser.say_each(sentences, language, voice) for voice in _LEARNED]
                    body = msgspec.msgpack.encode(Learn(sentences * len(spoken), [*chain(*spoken)], str(path)))
                    await self._on_free_worker(body, START_LIMIT)
                files.append(str(path))
        return files


def _digest(sentences: Sequence[str]) -> str:
    """Return a hash of all that decides how these sentences sound."""
    voice = importlib.metadata.version("espeakng-loader")
    return hashlib.sha256("\n".join([str(VERSION), voice, *sentences]).encode()).hexdigest()[:16]
