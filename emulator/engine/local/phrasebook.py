"""The phrasebook: sentences aligned across languages, read from TOML and looked up; translates nothing by itself.

A phrasebook file holds one table per sentence, each language with one wording or a list of wordings. The first
wording is the one that is said, the others are understood as well:

    [[phrase]]
    en = ["Let us begin.", "Let's begin."]
    es = "Vamos a empezar."

A word in braces stands for any of a list of words, given for the same languages:

    [[phrase]]
    en = "We need {number} more days."
    es = "Necesitamos {number} días más."

    [[word.number]]
    en = "three"
    es = "tres"

Languages are ISO 639 codes. Write numbers as words: that is what a recogniser hears. Capitals and punctuation are
for the reader and the voice and don't count in a look-up.
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

Wordings = Mapping[str, Sequence[str]]
"""One sentence: language -> its wordings, the one to say first."""


class PhrasebookError(EngineError):
    """A phrasebook can't be used; the message names the file, the entry and what is wrong with it."""


def normalise(text: str) -> str:
    """Lower-case words parted by single spaces: no punctuation, no hyphens, plain apostrophes inside words only.

    Texts that differ in writing only come out equal; doing it twice changes nothing.
    """
    text = unicodedata.normalize("NFC", text.lower()).translate(_APOSTROPHES)
    return " ".join(_NOT_A_WORD.sub(" ", text).split())


class Phrasebook:
    """Sentences known in several languages. Of two that sound alike, the one added last counts."""

    def __init__(self) -> None:
        self._written: dict[str, dict[str, str]] = {}  # language -> normalised -> as written
        self._meanings: dict[str, dict[str, Wordings]] = {}  # language -> normalised -> the sentence

    @classmethod
    def load(cls, *paths: Path) -> Self:
        """The phrasebook in these files, later files over earlier ones. Raises PhrasebookError."""
        book = cls()
        for path in paths:
            book.read(path)
        return book

    def read(self, path: Path) -> None:
        """Add the sentences of one file; raises PhrasebookError and then adds none of them."""
        for wordings in list(_read(path)):
            self.add(wordings)

    def add(self, wordings: Wordings) -> None:
        """Add one sentence."""
        for language, texts in wordings.items():
            for text in texts:
                key = normalise(text)
                self._written.setdefault(language, {})[key] = text
                self._meanings.setdefault(language, {})[key] = wordings

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have at least one sentence, in alphabetical order."""
        return tuple(sorted(self._written))

    def sentences(self, language: str) -> tuple[str, ...]:
        """Every wording known in this language, as written."""
        return tuple(self._written.get(language, {}).values())

    def written(self, text: str, language: str) -> str | None:
        """How the phrasebook writes this sentence, with capitals and punctuation; None if it isn't there."""
        return self._written.get(language, {}).get(normalise(text))

    def translate(self, text: str, source: str, target: str) -> str | None:
        """The sentence in the target language, as written; None if it isn't there."""
        wordings = self._meanings.get(source, {}).get(normalise(text), {})
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
    """The sentence itself, or one for each word its slot may hold."""
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
