"""Checks the local engine: reports installed parts and working languages, and interprets a sentence as proof."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from emulator.engine.base import EngineError
from emulator.engine.local.apertium import Pair, installed_pairs, known_pairs
from emulator.engine.local.engine import LocalEngine
from emulator.engine.local.phrasebook import BUILT_IN, Phrasebook
from emulator.engine.local.synthesis import VOICES, Synthesiser
from emulator.engine.local.translation import route
from emulator.engine.local.vocabulary import LANGUAGES

ANYTHING, PIVOT, PHRASES, NO_WAY = "●", "◐", "○", "·"

_LEGEND = {
    ANYTHING: "any sentence",
    PIVOT: "any sentence, through a third language",
    PHRASES: "phrasebook only",
    NO_WAY: "none",
}
_PROOF = ("en", "es", "Good morning, everyone.")


@dataclass(frozen=True, slots=True)
class Part:
    """A dependency of the engine."""

    name: str
    package: str
    """Python package that provides it."""

    @property
    def version(self) -> str | None:
        """Return the version of the package, None if it is missing."""
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None


PARTS = (Part("recogniser", "pocketsphinx"), Part("voice", "espeakng-loader"), Part("resampling", "soxr"))


def ways(phrasebook: Phrasebook, pairs: Collection[Pair]) -> dict[Pair, str]:
    """Return how each recognised language can be translated into each spoken language.

    In languages other than English only sentences of the phrasebook are recognised.
    """
    found: dict[Pair, str] = {}
    for source in LANGUAGES:
        for target in VOICES:
            if source == target:
                continue
            steps = route(pairs, source, target)
            known = source in phrasebook.languages and (target in phrasebook.languages or steps is not None)
            if source == "en" and steps is not None:
                found[source, target] = ANYTHING if len(steps) == 1 else PIVOT
            else:
                found[source, target] = PHRASES if known else NO_WAY
    return found


def matrix(found: Mapping[Pair, str]) -> Table:
    """Return the table of translations, a row for each source language, without unreachable targets."""
    targets = [one for one in VOICES if any(way != NO_WAY for (_, target), way in found.items() if target == one)]
    table = Table("from", *targets, box=None, padding=(0, 2, 0, 0), header_style="dim")
    for source in LANGUAGES:
        table.add_row(source, *(found.get((source, target), "") for target in targets))
    return table


async def prove(engine: LocalEngine) -> str:
    """Interpret a sentence and return the result as text. Raises EngineError."""
    source, target, sentence = _PROOF
    async with Synthesiser() as synthesiser:
        speech = await synthesiser.say(sentence, source)
    start = time.perf_counter()
    heard = await engine.hear(speech, [source])
    said = await engine.interpret(heard, target)
    elapsed = time.perf_counter() - start
    if not said.understood:
        raise EngineError(f"{sentence!r} was recognised as {heard.text!r} and not translated")
    return f"“{heard.text}” was interpreted as “{said.text}” in {elapsed * 1000:.0f} ms"


async def examine(console: Console, modes: Path | None = None) -> int:
    """Print installed parts and working languages; return 0 if speech can be interpreted, else 1."""
    console.print("[bold]Local speech engine[/bold]\n")
    for part in PARTS:
        _line(console, part.version is not None, part.name, f"{part.package} {part.version or 'is not installed'}")
    try:
        phrasebook = Phrasebook.load(BUILT_IN)
    except EngineError as error:
        _line(console, False, "phrasebook", str(error))
        return 1
    sentences = len(phrasebook.sentences("en"))
    _line(console, True, "phrasebook", f"{sentences} sentences in {', '.join(phrasebook.languages)}")
    pairs = installed_pairs(modes)
    total = len(known_pairs())
    hint = (
        f"Apertium, {len(pairs)} of {total} language pairs" if pairs else "phrasebook only; Apertium is not installed"
    )
    _line(console, bool(pairs), "translation", hint)
    if any(part.version is None for part in PARTS):
        console.print("\nInstall the missing packages: [bold]pip install ./emulator[/bold]")
        return 1
    console.print()
    console.print(matrix(ways(phrasebook, pairs)))
    console.print("  ".join(f"{sign} {meaning}" for sign, meaning in _LEGEND.items()), style="dim")
    console.print()
    try:
        async with LocalEngine(workers=1) as engine:
            _line(console, True, "proof", await prove(engine))
    except EngineError as error:
        _line(console, False, "proof", str(error))
        return 1
    return 0


def _line(console: Console, good: bool, name: str, detail: str) -> None:
    sign = "[green]✓[/green]" if good else "[red]✗[/red]"
    console.print(f"{sign} {name:<12} ", end="")
    console.print(detail, markup=False, highlight=False)
