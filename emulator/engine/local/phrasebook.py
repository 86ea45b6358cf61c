"""Reads phrasebooks, sentences aligned across languages, from TOML and looks sentences up.

A phrasebook file has a table for each sentence, with a wording or a list of wordings for each language. The first
wording is spoken, the others are recognised too:

    [[phrase]]
    en = ["Let us begin.", "Let's begin."]
    es = "Vamos a empezar."

A word in braces stands for any word of a list for the same languages:

    [[phrase]]
    en = "We need {number} more days."
    es = "Necesitamos {number} días más."

    [[word.number]]
    en = "three"
    es = "tres"

Languages are ISO 639 codes. Write numbers as words. Look-ups ignore capitals and punctuation, and find small numbers in
digits too.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from emulator.engine.base import EngineError

BUILT_IN = Path(__file__).with_name("phrases") / "meeting.toml"

_LANGUAGE = re.compile(r"[a-z]{2,3}")
_SLOT = re.compile(r"\{([a-z_]+)\}")
_APOSTROPHES = str.maketrans({"’": "'", "ʼ": "'", "`": "'"})
_NOT_A_WORD = re.compile(r"[^\w']+|_+|(?<!\w)'+|'+(?!\w)")

_NUMBERS = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze",
    "it": "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici",
    "pt": "zero um dois três quatro cinco seis sete oito nove dez onze doze",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
}
"""The words for 0 to 12: recognisers write digits."""

Wordings = Mapping[str, Sequence[str]]
"""A sentence: language -> its wordings, the spoken one first."""


class PhrasebookError(EngineError):
    """A phrasebook is invalid; the message names the file, the entry and the problem."""


def normalise(text: str) -> str:
    """Return lower-case words separated by spaces: no punctuation, no hyphens, plain apostrophes inside words only.

    Texts that differ only in capitals and punctuation become equal. The function is idempotent.
    """
    text = unicodedata.normalize("NFC", text.lower()).translate(_APOSTROPHES)
    return " ".join(_NOT_A_WORD.sub(" ", text).split())


def in_words(text: str, language: str) -> str:
    """Return a normalised text with small numbers as words."""
    words = _NUMBERS.get(language, "").split()
    return " ".join(
        words[int(one)] if one.isascii() and one.isdigit() and int(one) < len(words) else one
        for one in normalise(text).split()
    )


class Phrasebook:
    """Sentences in several languages. Of two that normalise alike, the later one counts."""

    def __init__(self) -> None:
        self._written: dict[str, dict[str, str]] = {}  # language -> normalised -> as written
        self._meanings: dict[str, dict[str, Wordings]] = {}  # language -> normalised -> the sentence

    @classmethod
    def load(cls, *paths: Path) -> Self:
        """Load a phrasebook from these files; later files override earlier ones. Raises PhrasebookError."""
        phrasebook = cls()
        for path in paths:
            phrasebook.read(path)
        return phrasebook

    def read(self, path: Path) -> None:
        """Add the sentences of a file. Raises PhrasebookError and then adds none."""
        for wordings in list(_read(path)):
            self.add(wordings)

    def add(self, wordings: Wordings) -> None:
        """Add a sentence."""
        for language, texts in wordings.items():
            for text in texts:
                key = in_words(text, language)
                self._written.setdefault(language, {})[key] = text
                self._meanings.setdefault(language, {})[key] = wordings

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages with at least one sentence, in alphabetical order."""
        return tuple(sorted(self._written))

    def sentences(self, language: str) -> tuple[str, ...]:
        """Return every wording in this language, as written."""
        return tuple(self._written.get(language, {}).values())

    def written(self, text: str, language: str) -> str | None:
        """Return the sentence as the phrasebook writes it; None if it is unknown."""
        return self._written.get(language, {}).get(in_words(text, language))

    def translate(self, text: str, source: str, target: str) -> str | None:
        """Return the sentence in the target language, as written; None if it is unknown."""
        wordings = self._meanings.get(source, {}).get(in_words(text, source), {})
        return wordings[target][0] if target in wordings else None


def _read(path: Path) -> Iterator[Wordings]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PhrasebookError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PhrasebookError(f"{path}: is not TOML: {error}") from error
    if unknown := sorted(data.keys() - {"phrase", "word"}):
        raise PhrasebookError(f"{path}: unknown section {unknown[0]!r}; a phrasebook has 'phrase' and 'word'")
    phrases = _tables(data.get("phrase", []), path, "phrase")
    if not phrases:
        raise PhrasebookError(f"{path}: has no [[phrase]]")
    lists = data.get("word", {})
    if not isinstance(lists, dict):
        raise PhrasebookError(f"{path}: word lists are written [[word.name]]")
    words = {
        name: [
            _wordings(word, f"{path}: [[word.{name}]] {number}")
            for number, word in enumerate(_tables(rows, path, f"word.{name}"), 1)
        ]
        for name, rows in lists.items()
    }
    for number, table in enumerate(phrases, 1):
        where = f"{path}: [[phrase]] {number}"
        yield from _expand(_wordings(table, where), words, where)


def _tables(value: object, path: Path, name: str) -> list[dict[str, object]]:
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise PhrasebookError(f"{path}: {name} is written [[{name}]], once for each entry")
    return value


def _wordings(table: Mapping[str, object], where: str) -> dict[str, tuple[str, ...]]:
    if len(table) < 2:
        raise PhrasebookError(f"{where}: needs at least two languages")
    wordings: dict[str, tuple[str, ...]] = {}
    for language, value in table.items():
        if not _LANGUAGE.fullmatch(language):
            raise PhrasebookError(f"{where}: {language!r} is no ISO 639 code")
        given = value if isinstance(value, list) else [value]
        texts = tuple(text for text in given if isinstance(text, str) and normalise(text))
        if not texts or len(texts) < len(given):
            raise PhrasebookError(f"{where}: {language} must be a text, or a list of texts, with words in it")
        wordings[language] = texts
    return wordings


def _expand(
    wordings: dict[str, tuple[str, ...]], words: Mapping[str, Sequence[Wordings]], where: str
) -> Iterator[Wordings]:
    """Yield the sentence itself, or one sentence for each word of its slot."""
    slots = {tuple(_SLOT.findall(text)) for texts in wordings.values() for text in texts}
    if slots == {()}:
        yield wordings
        return
    if len(slots) > 1 or len(slot := slots.pop()) > 1:
        raise PhrasebookError(f"{where}: every wording must have the same one word in braces")
    (name,) = slot
    if name not in words:
        raise PhrasebookError(f"{where}: there is no list [[word.{name}]]")
    for number, word in enumerate(words[name], 1):
        if missing := sorted(wordings.keys() - word.keys()):
            raise PhrasebookError(f"{where}: [[word.{name}]] {number} lacks {missing[0]!r}")
        yield {
            language: tuple(text.replace(f"{{{name}}}", word[language][0]) for text in texts)
            for language, texts in wordings.items()
        }
