"""Measures the local engine: words wrong, chrF of translations, delay and memory.

`python -m emulator.engine.local bench` prints the table of docs/emulator.md; `--write FILE` puts it there. Recordings
of people are those that SPEECH_RECORDINGS names, a folder with WAV files and a `manifest.json`.
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sacrebleu.metrics.chrf import CHRF

from emulator.engine.local.engine import CLEAR_RATE, LocalEngine
from emulator.engine.local.phrasebook import BUILT_IN, Phrasebook, in_words
from emulator.engine.local.synthesis import PICO, Synthesiser, Voice
from emulator.engine.local.translating.routes import LONGEST, MEASURED, Pair, name, paths
from emulator.engine.local.translating.translator import Translator
from emulator.wav import read_wav

RECORDINGS = "SPEECH_RECORDINGS"
LIKE = Voice(variant="m3")
"""A voice that is neither of those in which the phrasebook was learned."""
PHRASES_EVERY, CHRF_EVERY = 16, 4
"""Distance of the phrasebook's sentences that are measured: all of them take long."""

_START, _END = "<!-- measured: engine -->\n", "<!-- end -->"

Row = tuple[str, str, str]


@dataclass(slots=True)
class _Words:
    wrong: int = 0
    count: int = 0
    delays: list[float] = field(default_factory=list)

    def add(self, reference: str, heard: str | None, language: str) -> None:
        wanted = in_words(reference, language).split()
        self.wrong += word_errors(wanted, in_words(heard or "", language).split())
        self.count += len(wanted)

    def __str__(self) -> str:
        return f"{self.wrong} of {self.count} words wrong ({self.wrong / max(1, self.count):.0%})"


def word_errors(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Return the number of words to replace, add or remove."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(reference, 1):
        diagonal, row[0] = row[0], number
        for place, other in enumerate(heard, 1):
            diagonal, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, diagonal + (word != other))
    return row[-1]


async def measure() -> list[Row]:
    """Return the rows of the table: what, in which language or pair, and the figure."""
    phrasebook = Phrasebook.load(BUILT_IN)
    async with Translator(Phrasebook()) as translator:
        rows = [
            (f"translation {source} → {target}", name(best), f"chrF {await _along(translator, phrasebook, best):.2f}")
            for source in phrasebook.languages
            for target in phrasebook.languages
            if source != target and (best := next(iter(paths(translator.steps, source, target)), None))
        ]
    async with LocalEngine(languages=phrasebook.languages) as engine, Synthesiser() as voice:
        rows += await _people(engine)
        rows += await _phrases(engine, voice, phrasebook)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    busy = f"{os.getloadavg()[0]:.1f} processes on {os.cpu_count()} cores"
    return [
        *rows,
        ("memory", "the larger of the recogniser's two processes", f"{largest:.0f} MiB"),
        ("how busy the machine was", "mean of the last minute", busy),
    ]


async def measure_paths() -> list[Row]:
    """Return every path's chrF: the table `MEASURED` of routes.py."""
    phrasebook = Phrasebook.load(BUILT_IN)
    async with Translator(Phrasebook()) as translator:
        return [
            (f"{source} → {target}", name(path), f"{await _along(translator, phrasebook, path):.2f}")
            for source in phrasebook.languages
            for target in phrasebook.languages
            if source != target
            for path in paths(translator.steps, source, target)
            if len(path) < LONGEST or name(path) in MEASURED
        ]


async def _along(translator: Translator, phrasebook: Phrasebook, path: Sequence[Pair]) -> float:
    source, target = path[0][0], path[-1][1]
    known = [(text, phrasebook.translate(text, source, target)) for text in phrasebook.sentences(source)[::CHRF_EVERY]]
    references = [reference for _, reference in known if reference]
    translated = [await translator.along(path, text) or "" for text, reference in known if reference]
    return float(CHRF().corpus_score(translated, [references]).score) / 100


async def _people(engine: LocalEngine) -> list[Row]:
    folder = os.environ.get(RECORDINGS)
    if not folder:
        return []
    words: dict[str, _Words] = defaultdict(_Words)
    for clip in json.loads((Path(folder) / "manifest.json").read_text(encoding="utf-8"))["clips"]:
        heard = words[clip["language"]]
        start = time.perf_counter()
        found = await engine.hear(read_wav(Path(folder) / clip["file"]), [clip["language"]])
        if clip["seconds"] <= 10:  # turns are no longer
            heard.delays.append(time.perf_counter() - start)
        heard.add(clip["transcript"], found.text, clip["language"])
    delays = sorted(delay for heard in words.values() for delay in heard.delays)
    return [
        *((f"recordings, {language}", "people", str(heard)) for language, heard in sorted(words.items())),
        (
            "from the end of an utterance to its text",
            f"{len(delays)} recordings up to 10 s",
            f"p50 {delays[len(delays) // 2] * 1000:.0f} ms, p95 {delays[len(delays) * 95 // 100] * 1000:.0f} ms",
        ),
    ]


async def _phrases(engine: LocalEngine, voice: Synthesiser, phrasebook: Phrasebook) -> list[Row]:
    known = {(language, "another synthetic voice"): LIKE for language in phrasebook.languages}
    by_whisper = {(language, "Pico, for Whisper"): Voice(name=PICO[language], rate=CLEAR_RATE) for language in PICO}
    rows = []
    for (language, what), like in {**known, **by_whisper}.items():
        words = _Words()
        for sentence in phrasebook.sentences(language)[::PHRASES_EVERY]:
            found = await engine.hear(await voice.say(sentence, language, like), [language])
            words.add(sentence, found.text, language)
        rows.append((f"phrasebook, {language}", what, str(words)))
    return rows


def table(rows: Iterable[Row]) -> str:
    """Return the rows in Markdown."""
    return "\n".join(["| what | with | measured |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows), ""])


def write(page: Path, text: str) -> None:
    """Put the table in the page, in place of the last one."""
    before, start, rest = page.read_text(encoding="utf-8").partition(_START)
    _, end, after = rest.partition(_END)
    page.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")
