"""Whether two texts say the same numbers. They differ when no reading of a number agrees: three o'clock is 3 and 15."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.interpreting.quality.number_reader import FoundNumber, read_numbers
from bot.interpreting.quality.number_words import WORDS

_CLOCK = re.compile(
    r"\d ?(?::|h)|\b(?:[ap]\.?m\b|uhr|o'?clock|heures?|horas?|las|alle|às|ore|noon|midnight|half past|halb"
    r"|quarter (?:past|to|of|after)"
    r"|mañana|tarde|noche|mattina|sera|pomeriggio|soir|matin|manhã|noite)\b",
    re.IGNORECASE,
)
_QUARTER_HOUR = re.compile(r"viertel (?!nach|vor)", re.IGNORECASE)
_FORTNIGHT = re.compile(
    r"\b(?:quinze jours|quince días|quindici giorni|quinze dias|(?:14|vierzehn) tagen?)\b", re.IGNORECASE
)
_MINUTES_BEFORE = re.compile(r"\s(?:minut\w+\s)?(?:to|vor)\s", re.IGNORECASE)
"""Minutes before the hour, as in `ten to five`."""
_LESS_MINUTES = re.compile(r"\s(?:heures?\s)?(?:menos|moins|meno)\s", re.IGNORECASE)
_LEAST_CODE = 4
"""Digits of a code or a telephone number."""
_CLOCK_PHRASE = re.compile("half|halb|quarter|viertel|cuarto|quart", re.IGNORECASE)
_BESIDE_AN_HOUR = tuple(
    (re.compile(pattern, re.IGNORECASE), minutes, of)
    for pattern, minutes, of in (
        (r"\bhalf past (?=@)", 30, 0),
        (r"\bhalb (?=@)", 30, -1),
        (r"\b(?:quarter (?:past|after)|viertel nach) (?=@)", 15, 0),
        (r"\b(?:quarter (?:to|of)|viertel vor) (?=@)", 45, -1),
        (r"@(?: heures?)? (?:y cuarto|et quart|e un quarto)\b", 15, 0),
        (r"@(?: heures?)? (?:menos cuarto|moins le quart|meno un quarto)\b", 45, -1),
    )
)
"""Phrases beside an hour, `@`: the minutes they mean, and of which hour."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A number of a text."""

    values: frozenset[float]
    """Its readings; a time of day is read as hours * 100 + minutes."""
    parts: frozenset[float] = frozenset()
    """The numbers that make up a time of day or a year: the other text may say them separately."""
    required: bool = True
    """False if it is as often another word, such as an article, or is written quite differently elsewhere."""
    digits: str = ""
    """As written, with leading zeros; empty for words."""

    def made_of(self, other: Mention) -> bool:
        """Return whether one is part of the other: `14:30` where the other text says fourteen and thirty."""
        if self.parts and other.parts:
            return False
        return not (self.parts.isdisjoint(other.values) and other.parts.isdisjoint(self.values))


def differ(original: str, source: str | None, interpretation: str, target: str) -> bool:
    """Return whether a number was lost, changed or added.

    `source` and `target` are languages (ISO 639); where the words of one cannot be read, or `source` is not known, a
    number the other text has may be among them, and is not missed.
    """
    said, heard = mentions(original, source), mentions(interpretation, target)
    if not said and not heard:
        return False
    if _CLOCK.search(original) or _CLOCK.search(interpretation):
        said, heard = [_by_the_clock(one) for one in said], [_by_the_clock(one) for one in heard]
    if target not in WORDS and source not in WORDS:  # where each has as many, none is in words
        differs = len(said) == len(heard) and (_unmatched(said, heard) or _unmatched(heard, said))
    elif target not in WORDS:
        differs = source in WORDS and _unmatched([one for one in heard if one.values != {1.0}], said)
    else:
        differs = _unmatched(said, heard) or (source in WORDS and _unmatched(heard, said))
    return differs and (len(said) == len(heard) or _digits(said) != _digits(heard) or len(_digits(said)) < _LEAST_CODE)


def _digits(some: Sequence[Mention]) -> str:
    """Return all digits in order: of a code they may be said one by one, or in pairs."""
    return "".join(one.digits or f"{min(one.values):.0f}" for one in some)


def _unmatched(some: Sequence[Mention], others: Sequence[Mention]) -> bool:
    values = frozenset[float]().union(*(other.values for other in others))
    return any(
        one.required and one.values.isdisjoint(values) and not any(one.made_of(other) for other in others)
        for one in some
    )


def mentions(text: str, language: str | None) -> list[Mention]:
    """Return the numbers of a text in order; numbers in words only if the language is known."""
    found = read_numbers(text, language)
    if not found:
        return []
    for one, following in pairwise(found):
        between = text[one.end : following.start]
        if _MINUTES_BEFORE.fullmatch(between):
            _subtract(following, one)
        elif _LESS_MINUTES.fullmatch(between):
            _subtract(one, following)
    if _FORTNIGHT.search(text):
        _also(found, lambda days: [2.0] if days in {14, 15} else [])
    if _CLOCK_PHRASE.search(text):
        for one in found:
            _read_the_clock(text, one)
    if language == "de" and _QUARTER_HOUR.search(text):  # viertel vier, drei viertel vier
        _also(found, lambda hour: [hour * 100 - 85, hour * 100 - 55])
    return [Mention(frozenset(one.values), frozenset(one.parts), one.required, one.digits) for one in found]


def _read_the_clock(text: str, hour: FoundNumber) -> None:
    """Let an hour beside `half past`, `menos cuarto` mean that time, and no other."""
    around = f"{text[max(0, hour.start - 20) : hour.start]}@{text[hour.end : hour.end + 30]}"
    beside = next((rest for pattern, *rest in _BESIDE_AN_HOUR if pattern.search(around)), None)
    if beside is None:
        return
    minutes, of = beside
    times = {(value % 24 + of) % 24 * 100 + minutes for value in hour.values if 1 <= value <= 24 and value % 1 == 0}
    if times:
        hour.values = times | {(time + 1200) % 2400 for time in times}
        hour.required = True


def _subtract(hour: FoundNumber, minutes: FoundNumber) -> None:
    """Let both numbers also mean the time of day that they make together."""
    times = {(of - 1) * 100 + 60 - less for of in hour.values for less in minutes.values if of <= 24 and less < 60}
    hour.values |= times
    minutes.values |= times


def _also(found: Sequence[FoundNumber], more: Callable[[float], Sequence[float]]) -> None:
    """Add readings to each number that may be an hour."""
    for one in found:
        one.values.update([reading for value in one.values if value <= 24 for reading in more(value)])


def _by_the_clock(mention: Mention) -> Mention:
    """Add the readings of an hour by the 12-hour and the 24-hour clock."""
    values = set(mention.values)
    for value in mention.values:
        if value % 1 == 0 and 1 <= value <= 24:
            values |= {value + 12 if value <= 12 else value - 12, value * 100, (value + 12) % 24 * 100}
        elif value % 1 == 0 and 100 <= value < 2460:
            values.add(value + 1200 if value < 1300 else value - 1200)
    return Mention(frozenset(values), mention.parts, mention.required, mention.digits)
