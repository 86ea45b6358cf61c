"""Reads golden sets: folders with utterances, their transcripts and references; `sets/` has three as scripts.

A set is a folder with a `set.toml`; README.md of the benchmarks describes it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.interpreting.glossary import GlossaryEntries
from demo.recording_analysis import RATE
from emulator.wav import read_wav
from rooms_admin.rooms.language_tags import language_tag

FILE = "set.toml"
BUILT_IN = Path(__file__).parent / "sets"
LONGEST_S = 60.0
"""Maximum length of a recording in seconds; an utterance of a meeting has a few."""


class UnusableSet(Exception):
    """A set cannot be used; the message has the file and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What somebody says in one language, and what it means in the other."""

    name: str
    source: str
    target: str
    transcript: str
    references: tuple[str, ...]
    recording: Path | None = None
    """None: spoken by the local voice."""


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """Utterances in two languages."""

    name: str
    languages: tuple[str, str]
    """BCP 47 tags."""
    utterances: Sequence[Utterance]
    """In the order in which they are spoken."""
    glossary: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Terms and their translations by language; none for a protected term."""

    @property
    def terms(self) -> GlossaryEntries:
        return GlossaryEntries.of(self.glossary, self.languages)

    def first(self, count: int) -> list[Utterance]:
        """Return so many utterances of each language at most."""
        by_language = [[one for one in self.utterances if one.source == tag][:count] for tag in self.languages]
        return [one for one in self.utterances if any(one in some for some in by_language)]


def find(name: str) -> GoldenSet:
    """Read the set in a folder, or the built-in one of this name.

    Raises:
        UnusableSet: there is none, or it is not as described.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir() and (BUILT_IN / name).is_dir():
        folder = BUILT_IN / name
    if not (folder / FILE).is_file():
        raise UnusableSet(f"{folder / FILE}: no such file; built-in sets are {', '.join(built_in())}")
    try:
        document = tomllib.loads((folder / FILE).read_text(encoding="utf-8"))
        return _parse(document, folder)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError) as error:
        raise UnusableSet(f"{folder / FILE}: {error}") from error


def built_in() -> list[str]:
    """Return the names of the built-in sets."""
    return sorted(path.parent.name for path in BUILT_IN.glob(f"*/{FILE}"))


def read_recording(path: Path) -> bytes:
    """Return a recording as PCM16 mono 24 kHz. Blocks.

    Raises:
        UnusableSet: it is missing, not an uncompressed WAV, or longer than LONGEST_S.
    """
    try:
        pcm = read_wav(path)
    except (OSError, ValueError) as error:
        raise UnusableSet(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if len(pcm) > LONGEST_S * RATE * 2:
        raise UnusableSet(f"{path}: longer than {LONGEST_S:.0f} s; cut it into utterances")
    return pcm


def _parse(document: Mapping[str, Any], folder: Path) -> GoldenSet:
    _only(document, {"languages", "glossary", "utterances"}, "the file")
    tags = document.get("languages")
    if not isinstance(tags, list) or len(tags) != 2 or not all(isinstance(tag, str) for tag in tags):
        raise ValueError('languages must be two tags, such as ["en-US", "es-ES"]')
    languages = (language_tag(tags[0]), language_tag(tags[1]))
    if languages[0] == languages[1]:
        raise ValueError("languages must be two different ones")
    rows = document.get("utterances")
    if not isinstance(rows, list) or not rows:
        raise ValueError("no [[utterances]]")
    utterances = [
        one for number, row in enumerate(rows, 1) for one in _utterances(row, f"{number:03}", languages, folder)
    ]
    return GoldenSet(folder.resolve().name, languages, utterances, _glossary(document.get("glossary", {})))


def _utterances(row: Mapping[str, Any], name: str, languages: tuple[str, str], folder: Path) -> list[Utterance]:
    """Return what is spoken of a row: in the languages of its recordings, or without any in both."""
    _only(row, {"wav", *languages}, f"utterance {name}")
    texts = {tag: _texts(row.get(tag), f"utterance {name}: {tag}") for tag in languages}
    wav = row.get("wav", {})
    if not isinstance(wav, Mapping) or not all(isinstance(file, str) for file in wav.values()):
        raise ValueError(f'utterance {name}: wav must be {{ en-US = "file.wav" }}')
    _only(wav, set(languages), f"utterance {name}: wav")
    missing = [file for file in wav.values() if not (folder / file).is_file()]
    if missing:
        raise ValueError(f"utterance {name}: {missing[0]} is not in the folder")
    return [
        Utterance(name, source, target, texts[source][0], texts[target], folder / wav[source] if wav else None)
        for source, target in (languages, languages[::-1])
        if not wav or source in wav
    ]


def _texts(value: object, where: str) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) and one.strip() for one in texts):
        raise ValueError(f"{where} must be a text, or several that say the same")
    return tuple(texts)


def _glossary(value: object) -> dict[str, dict[str, str]]:
    if not isinstance(value, Mapping) or not all(
        isinstance(one, Mapping) and all(isinstance(text, str) for text in one.values()) for one in value.values()
    ):
        raise ValueError('glossary must have lines such as "ticket" = { es-ES = "incidencia" }, or "Contoso" = {}')
    return {term: dict(wordings) for term, wordings in value.items()}


def _only(given: object, known: set[str], where: str) -> None:
    if not isinstance(given, Mapping):
        raise ValueError(f"{where} must have names and values")
    unknown = sorted(set(given) - known)
    if unknown:
        raise ValueError(f"{where} has {unknown[0]!r}; known are {', '.join(sorted(known))}")
