"""Sentence pairs for measuring the integrity guard, read from the files beside this one; puts no faults into them.

Two sets that share no sentence: `dev`, to look at while the guard is changed, and `held_out`, to measure with. Of each:
`written` and `phrases` (six languages, numbers and terms marked), `further` (other languages), `apertium` (machine
translation), `lapses` (what models say of their own accord), and `collected` by `collect.py` from what others wrote:
messages of programs, and numbers.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Set = Literal["dev", "held_out"]
SIX = ("de", "en", "es", "fr", "it", "pt")
FOLDER = Path(__file__).parent
STRATA = ("written", "phrases", "further", "apertium", "lapses", "collected")

_NUMBER = re.compile(r"\{([^}]*)\}")
_TERM = re.compile(r"\[([^|\]]*)\|([^\]]*)\]")


@dataclass(frozen=True, slots=True)
class Marked:
    """A text with its numbers in braces and its terms, `[wanted|another]`, in brackets."""

    text: str

    @property
    def plain(self) -> str:
        return unmarked(self.text)

    @property
    def numbers(self) -> Sequence[str]:
        return _NUMBER.findall(self.text)

    @property
    def term(self) -> str | None:
        """The wanted wording of the first term."""
        found = _TERM.search(self.text)
        return None if found is None else found[1]

    def with_number(self, index: int, other: str) -> str:
        """The plain text with another text in the place of one number."""
        found = list(_NUMBER.finditer(self.text))[index]
        return unmarked(self.text[: found.start()] + other + self.text[found.end() :])

    @property
    def without_term(self) -> str:
        """The plain text with each term called something else."""
        return unmarked(_TERM.sub(lambda found: found[2], self.text))


def unmarked(text: str) -> str:
    plain = _NUMBER.sub(r"\1", _TERM.sub(r"\1", text))
    return " ".join(plain.split())


Sentence = Mapping[str, Marked]
"""One sentence by language."""


@dataclass(frozen=True, slots=True)
class Lapses:
    """What models say in one language when they forget that they interpret."""

    before: Sequence[str]
    instead: Sequence[str]
    answer: Sequence[str]


@dataclass(frozen=True, slots=True)
class MachinePair:
    """An original and its machine translation."""

    source: str
    target: str
    original: str
    interpretation: str


def sentences(which: Set, stratum: Literal["written", "phrases", "further"]) -> Iterator[Sentence]:
    for one in _read(which, stratum)["sentence"]:
        yield {language: Marked(text) for language, text in one.items()}


def collected(which: Set, table: Literal["sentence", "number"]) -> Iterator[Sentence]:
    for one in _read(which, "collected")[table]:
        yield {language: Marked(text) for language, text in one.items()}


def machine_pairs(which: Set) -> Iterator[MachinePair]:
    for one in _read(which, "apertium")["pair"]:
        yield MachinePair(one["from"], one["into"], one["original"], one["interpretation"])


def lapses(which: Set) -> Mapping[str, Lapses]:
    return {language: Lapses(**one) for language, one in _read(which, "lapses").items()}


def path(which: Set, stratum: str) -> Path:
    return FOLDER / f"{which}_{stratum}.toml"


def _read(which: Set, stratum: str) -> dict[str, Any]:
    return tomllib.loads(path(which, stratum).read_text(encoding="utf-8"))
