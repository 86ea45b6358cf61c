"""The words a meeting wants said its own way: which there are, where a text says them; neither briefs nor judges.

A protected term stays as it is in every language. Any other term has wanted wordings, by language. Terms are found as
people say and recognisers write them: in any case, with or without accents and hyphens, with the endings of a plural or
of a declension.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

_ADDED = "'s|s|es|e|n|en|er|em|ern|i|x"
"""Endings of plurals and declensions in languages written with Latin letters."""
_INSTEAD = "a|e|i|o|as|es|is|os|en|em"
"""Endings that take the place of the last vowel."""
_SHORT = 4
"""Words of fewer letters take no ending but `s`: else `in` would be found in `ins`, `on` in `one`."""
_PARTS = re.compile(r"[\s\-‐‑']+")
_SEPARATOR = r"[\s\-‐‑']+"
_JOINED_SCRIPTS = re.compile(
    r"[\u0590-\u08ff\u0900-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
"""Scripts whose words take prefixes or particles, or are not parted by spaces: no word boundaries there."""
_DECLINED_SCRIPTS = re.compile(r"[\u0370-\u052f]")
"""Greek and Cyrillic."""
_SAME_LETTER = str.maketrans(
    {"’": "'", "ʼ": "'", "´": "'", "ı": "i", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe"}
)
_OPENING = " \n\"'«“„¿¡(-–—"
_ENDS_OF_SENTENCES = ("", ".", "!", "?", "…")


@dataclass(frozen=True, slots=True)
class GlossaryEntry:
    """A word or name, and what it is called in other languages."""

    text: str
    wordings: Mapping[str, str] = field(default_factory=dict)
    """By BCP 47 tag; none at all: protected."""

    @property
    def protected(self) -> bool:
        return not self.wordings

    def wording(self, language: str) -> str | None:
        """What it is called in a language, None when nobody has said so. `es-MX` finds `es`."""
        if self.protected:
            return self.text
        exact = self.wordings.get(language) or self.wordings.get(_primary(language))
        if exact is not None:
            return exact
        return next((text for tag, text in self.wordings.items() if _primary(tag) == _primary(language)), None)

    def spoken(self, language: str) -> tuple[str, ...]:
        """What somebody who speaks a language may call it; in one it has no wording for (or `auto`), any of them."""
        own = self.wording(language)
        others = self.wordings.values() if own is None else [own]
        return tuple(dict.fromkeys([*others, self.text]))


@dataclass(frozen=True, slots=True)
class GlossaryEntries:
    """The glossary of a room."""

    terms: tuple[GlossaryEntry, ...] = ()
    """As the admin ordered them: where not all fit, the first go in."""
    _by_lane: dict[tuple[str, str], Sequence[tuple[tuple[str, ...], str]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Found once: a lane asks with every utterance, and a glossary may hold 500 terms."""

    @classmethod
    def of(cls, terms: Mapping[str, Mapping[str, str]], languages: Iterable[str] = ()) -> GlossaryEntries:
        """From terms and their wordings by language.

        A term whose wordings leave out just one of the room's languages is taken for a word of that language, so
        that it is wanted there as well.
        """
        room = tuple(languages)
        return cls(tuple(GlossaryEntry(text, _completed(text, wordings, room)) for text, wordings in terms.items()))

    def into(self, source: str, target: str) -> Sequence[tuple[tuple[str, ...], str]]:
        """What may be said in the source language (or `auto`), and what is wanted for it in the target language."""
        known = self._by_lane.get((source, target))
        if known is None:
            wanted = [(term, term.wording(target)) for term in self.terms]
            known = tuple((term.spoken(source), wording) for term, wording in wanted if wording is not None)
            self._by_lane[source, target] = known
        return known

    def missed(self, original: str, interpretation: str, source: str, target: str) -> list[str]:
        """The wanted wordings of terms that the original has and the interpretation has not."""
        if not self.terms:
            return []
        said, heard = _fold(original), _fold(interpretation)
        return [
            wanted
            for spoken, wanted in self.into(source, target)
            if any(_matches(each, said) for each in spoken) and not _matches(wanted, heard, fixed=wanted in spoken)
        ]


def revise(text: str, language: str, before: GlossaryEntries, after: GlossaryEntries) -> str | None:
    """How a caption in `language` reads once the glossary has been corrected; None: as it did.

    What `before` wanted said, or the term itself where it was left untranslated, becomes what `after` wants. The words
    around it stay: an article may be left in the wrong gender. What a model had made of a term that no glossary held
    cannot be known here.
    """
    folded, places = _folded(text)
    changes: list[tuple[int, int, str]] = []
    for stale, wanted in _corrections(language, before, after):
        right = [found.span() for found in _pattern(wanted, fixed=True).finditer(folded)]
        for found in _pattern(stale).finditer(folded):
            start, end = found.span()
            if not any(first <= start and end <= last for first, last in right):
                plural = found.groupdict().get("ending") == "s"
                changes.append((places[start], places[end - 1] + 1, wanted + "s" * plural))
    changes.sort(key=lambda change: (change[0], -change[1]))
    revised, done = "", 0
    for start, end, wanted in changes:
        if start < done:
            continue  # within a longer term, which has been replaced
        begins = text[:start].rstrip(_OPENING)[-1:] in _ENDS_OF_SENTENCES and text[start].isupper()
        revised += text[done:start] + (wanted[:1].upper() + wanted[1:] if begins else wanted)
        done = end
    revised += text[done:]
    return None if revised == text else revised


def _corrections(language: str, before: GlossaryEntries, after: GlossaryEntries) -> Iterator[tuple[str, str]]:
    """What a caption may say, and what it is to say instead."""
    former = {term.text: term for term in before.terms}
    for term in after.terms:
        wanted = term.wording(language)
        was = former.get(term.text)
        wanted_before = None if was is None else was.wording(language)
        if wanted is None or wanted == wanted_before:
            continue
        for stale in dict.fromkeys((wanted_before or term.text, term.text)):
            if stale != wanted and _parts(stale):
                yield stale, wanted


def _primary(tag: str) -> str:
    return tag.split("-", 1)[0].lower()


def _completed(text: str, wordings: Mapping[str, str], languages: tuple[str, ...]) -> Mapping[str, str]:
    known = {_primary(tag) for tag in wordings}
    left = [tag for tag in languages if _primary(tag) not in known]
    return {**wordings, left[0]: text} if wordings and len(left) == 1 else wordings


def _matches(wording: str, folded: str, *, fixed: bool = False) -> bool:
    needle = _needle(wording)
    return needle in folded and (not needle or _pattern(wording, fixed=fixed).search(folded) is not None)


@lru_cache(maxsize=4096)
def _needle(wording: str) -> str:
    """What no text lacks that says it, whatever the ending: glossaries are long, and most of their terms are not said.

    Empty for a wording of nothing but signs, which nobody can say or miss.
    """
    longest = max(_parts(wording), key=len, default="")
    return longest if len(longest) < _SHORT else longest[:-1]


@lru_cache(maxsize=4096)
def _parts(wording: str) -> tuple[str, ...]:
    return tuple(part for part in _PARTS.split(_fold(wording)) if part)


@lru_cache(maxsize=4096)
def _pattern(wording: str, *, fixed: bool = False) -> re.Pattern[str]:
    """What finds a wording in a folded text; `fixed`: with no other ending than `s`."""
    parts = _parts(wording)
    joined = _SEPARATOR.join(re.escape(part) for part in parts)
    if _JOINED_SCRIPTS.search(joined):
        return re.compile(joined)
    if _DECLINED_SCRIPTS.search(joined):
        return re.compile(rf"(?<!\w){_SEPARATOR.join(map(_declined, parts))}(?!\w)")
    if fixed:
        return re.compile(rf"(?<!\w){joined}(?P<ending>'?s)?(?!\w)")
    *first, last = parts
    words = [*(f"(?:{_inflected(part)})" for part in first), f"(?:{_inflected(last, 'ending')})"]
    return re.compile(rf"(?<!\w){_SEPARATOR.join(words)}(?!\w)")


def _inflected(part: str, group: str | None = None) -> str:
    name = f"?P<{group}>" if group else "?:"
    if len(part) < _SHORT:
        return rf"{re.escape(part)}({name}s)?"
    endings = rf"{re.escape(part)}({name}{_ADDED})?"
    return rf"{endings}|{re.escape(part[:-1])}(?:{_INSTEAD})" if part[-1] in "aeio" else endings


def _declined(part: str) -> str:
    ends_in_letter = len(part) >= _SHORT and part[-1].isalnum()
    return rf"{re.escape(part[:-1])}\w{{0,4}}" if ends_in_letter else re.escape(part)


def _fold(text: str) -> str:
    return "".join(map(_letter, text))


def _folded(text: str) -> tuple[str, list[int]]:
    """A text without case and accents, and for each of its letters the place in the text it comes from."""
    letters = [_letter(letter) for letter in text]
    return "".join(letters), [place for place, letter in enumerate(letters) for _ in letter]


@lru_cache(maxsize=4096)
def _letter(letter: str) -> str:
    """Nothing for an accent that stands alone."""
    apart = unicodedata.normalize("NFD", letter.casefold().translate(_SAME_LETTER))
    return "".join(each for each in apart if not unicodedata.combining(each))
