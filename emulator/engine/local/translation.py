"""The translator: the phrasebook first, then Apertium's rules, over a third language where no pair is direct."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from emulator.engine.local.apertium import Pair, Pipeline, installed_pairs
from emulator.engine.local.phrasebook import Phrasebook, normalise

PIVOTS = ("ca", "es")
"""Languages to go through, best first. From English, Catalan keeps what Spanish loses ("please", "train")."""


def route(pairs: Collection[Pair], source: str, target: str) -> tuple[Pair, ...] | None:
    """The pairs to go through, two at most: each one adds errors, and after a third nothing reads well."""
    if (source, target) in pairs:
        return ((source, target),)
    for pivot in PIVOTS:
        if (source, pivot) in pairs and (pivot, target) in pairs:
            return (source, pivot), (pivot, target)
    return None


class Translator:
    """Text from one language into another. An async context manager; pipelines start when first needed."""

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
        """The text in the target language; None when there is no route, or when it came out as it went in.

        Languages are ISO 639-1. Cancelling is safe. Raises EngineError when Apertium fails.
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
        """Start the pipelines of these source and target languages, so that the first sentence doesn't wait."""
        wanted = {step for pair in pairs for step in route(self._pipelines, *pair) or ()}
        for step in sorted(wanted):  # one by one: each is a dozen programs, and together they starve one another
            await self._pipelines[step].translate(".")
