"""Translates text with the phrasebook, then with Apertium, through a third language if no pair is direct."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from emulator.engine.local.apertium import Pair, Pipeline, installed_pairs
from emulator.engine.local.phrasebook import Phrasebook, normalise

PIVOTS = ("ca", "es")
"""Intermediate languages, best first. From English, Catalan keeps words that Spanish loses ("please", "train")."""


def route(pairs: Collection[Pair], source: str, target: str) -> tuple[Pair, ...] | None:
    """Return the pairs of a translation, at most two: every pair adds errors. None if there is no route."""
    if (source, target) in pairs:
        return ((source, target),)
    for pivot in PIVOTS:
        if (source, pivot) in pairs and (pivot, target) in pairs:
            return (source, pivot), (pivot, target)
    return None


class Translator:
    """Translates text. An async context manager; pipelines start on first use."""

    def __init__(self, phrasebook: Phrasebook, pairs: Mapping[Pair, Path] | None = None) -> None:
        self._phrasebook = phrasebook
        found = installed_pairs() if pairs is None else pairs
        self._pipelines = {pair: Pipeline(mode) for pair, mode in found.items()}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        async with asyncio.TaskGroup() as group:
            for pipeline in self._pipelines.values():
                group.create_task(pipeline.close())

    async def translate(self, text: str, source: str, target: str) -> str | None:
        """Return the text in the target language; None if there is no route, or the text came out unchanged.

        Languages are ISO 639-1. Cancelling is safe. Raises EngineError if Apertium fails.
        """
        if known := self._phrasebook.translate(text, source, target):
            return known
        steps = route(self._pipelines, source, target)
        if steps is None or not normalise(text):
            return None
        translated = text
        for pair in steps:
            translated = await self._pipelines[pair].translate(translated)
        return translated if normalise(translated) not in ("", normalise(text)) else None

    async def prepare(self, pairs: Iterable[Pair]) -> None:
        """Start the pipelines of these language pairs, so that the first sentence need not wait."""
        wanted = {step for pair in pairs for step in route(self._pipelines, *pair) or ()}
        for step in sorted(wanted):  # one by one: each is a dozen programs, which would slow each other down
            await self._pipelines[step].translate(".")
