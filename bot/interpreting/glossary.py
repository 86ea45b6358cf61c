"""The glossary: the terms a meeting wants said its own way, and where a text says them.

A protected term stays as it is in every language. Any other term has wanted wordings by language. Terms are found as
people say them and recognisers write them: in any case, with or without accents and hyphens, and with the endings of
plurals and declensions.
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
"""Words with fewer letters take no ending but `s`: otherwise `in` would be found in `ins`, and `on` in `one`."""
_PARTS = re.compile(r"[\s\-‐‑']+")
_SEPARATOR = r"[\s\-‐‑']+"
_JOINED_SCRIPTS = re.compile(
    r"[\u0590-\u08ff\u0900-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
"""Scripts without word boundaries: their words take prefixes or particles, or have no spaces between them."""
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
    """By BCP 47 tag; empty if the term is protected."""

    @property
    def protected(self) -> bool:
        return not self.wordings

    def wording(self, language: str) -> str | None:
        """Return the wording in a language; None if there is none. `es-MX` finds `es`."""
        if self.protected:
            return self.text
        exact = self.wordings.get(language) or self.wordings.get(_primary(language))
        if exact is not None:
            return exact
        return next((text for tag, text in self.wordings.items() if _primary(tag) == _primary(language)), None)

    def spoken(self, language: str) -> tuple[str, ...]:
        """Return what speakers of a language may call it: for `auto`, or without a wording, any of its wordings."""
        own = self.wording(language)
        others = self.wordings.values() if own is None else [own]
        return tuple(dict.fromkeys([*others, self.text]))


@dataclass(frozen=True, slots=True)
class GlossaryEntries:
    """The glossary of a room."""

    terms: tuple[GlossaryEntry, ...] = ()
    """In the order of the admin: where not all fit, the first are taken."""
    _by_lane: dict[tuple[str, str], Sequence[tuple[tuple[str, ...], str]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Results of `into`: every utterance asks, and a glossary may hold 500 terms."""

    @classmethod
    def of(cls, terms: Mapping[str, Mapping[str, str]], languages: Iterable[str] = ()) -> GlossaryEntries:
        """Make a glossary from terms and their wordings by language.

        A term whose wordings leave out exactly one of the room's languages is taken for a word of that language.
        """
        room = tuple(languages)
        return cls(tuple(GlossaryEntry(text, _completed(text, wordings, room)) for text, wordings in terms.items()))

    def into(self, source: str, target: str) -> Sequence[tuple[tuple[str, ...], str]]:
        """Return of each term what may be said in the source language (or `auto`), and what is wanted."""
        known = self._by_lane.get((source, target))
        if known is None:
            wanted = [(term, term.wording(target)) for term in self.terms]
            known = tuple((term.spoken(source), wording) for term, wording in wanted if wording is not None)
            self._by_lane[source, target] = known
        return known

    def missed(self, original: str, interpretation: str, source: str, target: str) -> list[str]:
        """Return the wanted wordings of terms that the original says and the interpretation does not."""
        if not self.terms:
            return []
        said, heard = _fold(original), _fold(interpretation)
        return [
            wanted
            for spoken, wanted in self.into(source, target)
            if any(_matches(each, said) for each in spoken) and not _matches(wanted, heard, fixed=wanted in spoken)
        ]


def revise(text: str, language: str, before: GlossaryEntries, after: GlossaryEntries) -> str | None:
    """Return a caption as the changed glossary words it; None if it stays the same.

    What `before` wanted, or the untranslated term itself, becomes what `after` wants. The words around it stay: an
    article may keep the wrong gender. How a model worded a term that no glossary held is not known here.
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
    """Yield what a caption may say, and what replaces it."""
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
    """Return a part of the wording that every text with the wording holds, whatever the ending: a quick first look.

    Empty for a wording of nothing but signs.
    """
    longest = max(_parts(wording), key=len, default="")
    return longest if len(longest) < _SHORT else longest[:-1]


@lru_cache(maxsize=4096)
def _parts(wording: str) -> tuple[str, ...]:
    return tuple(part for part in _PARTS.split(_fold(wording)) if part)


@lru_cache(maxsize=4096)
def _pattern(wording: str, *, fixed: bool = False) -> re.Pattern[str]:
    """Return the pattern of a wording in a folded text; `fixed`: with no other ending than `s`."""
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
    """Return a text without case and accents, and for each of its letters the index in the original text."""
    letters = [_letter(letter) for letter in text]
    return "".join(letters), [place for place, letter in enumerate(letters) for _ in letter]


@lru_cache(maxsize=4096)
def _letter(letter: str) -> str:
    """Return a letter without case and accents; empty for an accent that stands alone."""
    apart = unicodedata.normalize("NFD", letter.casefold().translate(_SAME_LETTER))
    return "".join(each for each in apart if not unicodedata.combining(each))
