"""The numbers of a text, in digits and in words, and whether two texts say the same numbers.

A number is read in every way it may be meant: `1.250` is 1250 and 1.25, three o'clock is 3 and 15. Two texts differ
when no reading agrees. Number words are read in six languages; in other languages only digits are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from bot.interpreting.quality.number_words import WORDS, NumberWordKind, numeral

_TOKEN = re.compile(
    r"""
      (?P<date>\d{1,4}([./-])\d{1,2}\2\d{1,4})(?!\d)
    | (?P<pair>\d{1,2}(?:/\d{1,2}|\.\d{1,2}\.(?=\s+[^\W\d])))(?!\d)
    | (?P<time>(?P<hour>[01]?\d|2[0-4])\s?(?::|h|Uhr|heures?|horas?|ore)\s?(?P<minute>[0-5]\d))(?!\d)
    | (?P<number>\d{1,3}(?:[\u00a0\u202f '’]\d{3})+(?:[.,]\d+)?(?!\d)|\d{1,2}(?:,\d{2})+,\d{3}(?!\d)
        |\d+(?:[.,]\d{3})*(?:[.,]\d+)?)
      (?P<short>\ ?(?:Mio|Mrd|bn|mn)\b|[km](?![^\W\d_])|\s?(?:[万萬억億亿만천千兆조]|lakhs?\b|crores?\b|लाख|करोड़|हज़ार
        |тыс\w*|млн|миллион\w*|мільйон\w*|млрд|миллиард\w*|мільярд\w*|tys\w*|mln\b|milion\w*|mld\b|miliard\w*
        |mijoen|miljoen|miljard|ألف|مليون|مليار))?
    | (?P<idiom>(?:per|por|pour)\ ci?ent[oi]?s?\b|(?:grazie\ mille|mille\ grazie|mille\ mercis|mil\ gracias|gracias\ mil
        |tausend\ dank)\b)
    | (?P<half>½|and\ a\ half\b|(?:(?:heures?|horas?|or[ae]|ans?|années?|años?|anos?|ann[io]|mois|mes(?:es|i)?)\ )?
        (?:y\ medi[oa]|et\ demie?|e\ mezz[oa]|e\ mei[oa])\b)
    | (?P<word>[^\W\d_]+)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ROMAN = re.compile(r"[IVX]{2,5}")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10}
_JOINING = re.compile(r"[\s\-‐‑]*")
_AFTER_SCALE = re.compile(r",?\s*")
_SPELLED = re.compile(r"[\s,.\-–…]*")
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
_SHORT_SCALES = {"k": 1e3, "M": 1e6, "mio": 1e6, "mn": 1e6, "bn": 1e9, "mrd": 1e9}
_FOREIGN_SCALES = (
    (re.compile("[천千]|tys|тыс|हज़ार|ألف"), 1e3), (re.compile("[万萬만]"), 1e4), (re.compile("lakh|लाख"), 1e5),
    (re.compile("ml[nj]|mil[ij]|млн|мил[лі]|міль?йон|مليون|mio"), 1e6), (re.compile("crore|करोड़"), 1e7),
    (re.compile("[억億亿]"), 1e8), (re.compile("[兆조]"), 1e12),
)  # fmt: skip
"""Scales behind digits in languages whose number words are not read. The first that fits counts."""
_BILLION = re.compile("mld|mil[ij]ard|miljard|млрд|милл?иард|мільярд|مليار")
_CJK = re.compile("[\u3040-\u9fff\uac00-\ud7af]")
_LEAST_CODE = 4
"""Digits of a code or a telephone number."""
_CLOCK_PHRASE = re.compile("half|halb|quarter|viertel|cuarto|quart", re.IGNORECASE)
_CJK_SCALES = "万萬億亿억만천千兆조"
_MONTH = re.compile(r"\s?[月월]")
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
    found = _Reader(text, language).read()
    if not found:
        return []
    if language == "en":
        found = _paired(text, found)
    _spell(text, found)
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


@dataclass(slots=True)
class _Found:
    """A number and its place in the text."""

    start: int
    end: int
    values: set[float]
    required: bool = True
    in_words: bool = False
    parts: set[float] = field(default_factory=set)
    digits: str = ""


def _read_the_clock(text: str, hour: _Found) -> None:
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


def _subtract(hour: _Found, minutes: _Found) -> None:
    """Let both numbers also mean the time of day that they make together."""
    times = {(of - 1) * 100 + 60 - less for of in hour.values for less in minutes.values if of <= 24 and less < 60}
    hour.values |= times
    minutes.values |= times


def _also(found: Sequence[_Found], more: Callable[[float], Sequence[float]]) -> None:
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


class _Reader:
    """Reads one text once."""

    def __init__(self, text: str, language: str | None) -> None:
        self._text = text
        self._language = language
        self._found: list[_Found] = []
        self._open: _Found | None = None
        """The number in words that may go on; its value is `_total` + `_current`."""
        self._total = self._current = 0.0
        self._connected = False
        self._half = False
        self._scale = 1.0
        self._decimals: str | None = None
        """Digits since the decimal point after the last number, whose value was `_whole`; None without a point."""
        self._whole = 0.0

    def read(self) -> list[_Found]:
        end = 0
        for token in _TOKEN.finditer(self._text):
            joined = end > 0 and _JOINING.fullmatch(self._text, end, token.start()) is not None
            if not joined and self._total and not self._current:  # `one million, two hundred`
                joined = _AFTER_SCALE.fullmatch(self._text, end, token.start()) is not None
            end = token.end()
            if not joined:
                self._close()
            if token["word"]:
                self._word(token["word"], token.start(), end)
            elif token["half"]:
                self._add_half(token.start(), end)
            elif token["idiom"]:
                self._close()
            else:
                self._close()
                self._digits(token)
        self._close()
        return self._found

    # --- digits ----------------------------------------------------------------------------------

    def _digits(self, token: re.Match[str]) -> None:
        start, end = token.span()
        if token["time"]:
            hour, minute = float(token["hour"]), float(token["minute"])
            values = {hour * 100 + minute, (hour + 12) % 24 * 100 + minute}
            self._found.append(_Found(start, end, values, parts={hour, (hour + 12) % 24, minute} - {0.0}))
        elif token["number"]:
            required = not self._within_a_word(start, end) and not _MONTH.match(self._text, end)
            found = _Found(start, end, self._values(token), required, parts=_money(token["number"]))
            found.digits = re.sub(r"\D", "", token["number"])
            if not self._continues(found):
                self._found.append(found)
        else:  # a date or a fraction: months have names, and `24/7` has words
            parts = [part for part in re.split(r"[./-]", token[0]) if part]
            for part in parts:
                self._found.append(_Found(start, end, {float(part)}, required=len(part) == 4))
            if "." in token[0] and token["pair"]:  # or a decimal at the end of a sentence
                self._found.append(_Found(start, end, {float(".".join(parts))}, required=False))

    def _values(self, token: re.Match[str]) -> set[float]:
        digits = re.sub(r"[\u00a0\u202f '’]", "", token["number"])
        values = _decimal_readings(digits)
        if token["short"]:
            short = token["short"].strip()
            scale = _SHORT_SCALES.get(short) or _SHORT_SCALES.get(short.lower()) or _foreign_scale(short.lower())
            scaled = {round(value * scale, 6) for value in values}
            values = scaled if scale >= 1e3 and short.lower() not in _SHORT_SCALES else values | scaled
        hours, point, minutes = digits.partition(".")
        if point and len(minutes) == 2 and len(hours) <= 2:  # 14.30 Uhr
            values.add(float(hours) * 100 + float(minutes))
        if len(digits) == 2 and self._text[token.start() - 1 : token.start()] in {"'", "’"}:  # '98
            values |= {value + century for value in values for century in (1900, 2000)}
        if digits[-1] == "0" and self._text[token.end() : token.end() + 2] in {"s", "s ", "er"}:  # the 1990s
            values |= {value % 100 for value in values}
        return values

    def _within_a_word(self, start: int, end: int) -> bool:
        """Return whether digits stand within a word: `B2B`, unlike `A4` or `3rd`."""
        before, after = self._text[start - 1 : start], self._text[end : end + 1]
        return before.isalpha() and after.isalpha() and not _CJK.search(before + after)

    def _continues(self, found: _Found) -> bool:
        """Add `2000万` to `1億` before it, and `500` to `3千`; returns whether it was added."""
        last = self._found[-1] if self._found else None
        if last is None or last.end != found.start or self._text[last.end - 1] not in _CJK_SCALES:
            return False
        if max(found.values) >= max(last.values):
            return False
        last.values = {one + other for one in last.values for other in found.values}
        last.end = found.end
        return True

    # --- words ------------------------------------------------------------------------------------

    def _word(self, text: str, start: int, end: int) -> None:
        word = numeral(text, self._language)
        if word is None:
            self._close()
            if _ROMAN.fullmatch(text):
                self._found.append(_Found(start, end, {_roman(text)}, required=False))
            return
        match word.kind:
            case NumberWordKind.ADDEND:
                self._add(word.values[0], word.required, start, end)
            case NumberWordKind.HUNDRED:
                self._hundred(start, end)
            case NumberWordKind.SCALE:
                self._multiply(word.values[0], word.required, start, end)
            case NumberWordKind.CONNECTOR:
                self._connected = self._open is not None
            case NumberWordKind.POINT:
                if self._open is not None:
                    self._close()
                    self._decimals = ""
            case _:
                self._close()
                self._found.append(_Found(start, end, set(word.values), required=word.required, in_words=True))

    def _add(self, value: float, required: bool, start: int, end: int) -> None:
        if self._decimals is not None and value < 1000:
            self._decimals += str(int(value))
            last = self._found[-1]
            last.end = end
            last.values = {round(self._whole + float(f"0.{self._decimals}"), 9)}
            return
        if self._open is not None and self._fits(value):
            # After `quatre`, `vingt` makes 80 of it.
            self._current = self._current + 76 if (self._current % 100, value) == (4, 20) else self._current + value
            self._open.required = True
            self._open.end = end
        else:
            self._begin(value, required, start, end)
        self._connected = False

    def _fits(self, value: float) -> bool:
        """Return whether a word continues the number before it, rather than beginning another."""
        current, french = self._current, self._language == "fr"
        if self._connected and not self._connects(value):
            return False
        if current == 0:
            return self._total > 0 and value < self._scale  # after a scale; nothing goes on from zero
        rest = current % 100
        if value < 10:
            return rest == 0 or (rest % 10 == 0 and (rest >= 20 or french))
        if value < 100:
            return rest == 0 or french and ((value < 20 and rest in {60, 80}) or (value == 20 and rest == 4))
        return False

    def _connects(self, value: float) -> bool:
        match self._language:
            case "es":
                return self._current % 100 == 0 or (value < 10 and self._current % 100 >= 20)
            case "fr":
                return value in {1, 11}
            case "pt":
                return True
            case _:
                return self._current % 100 == 0

    def _hundred(self, start: int, end: int) -> None:
        if self._open is not None and not self._connected and self._current < 100:
            self._current = (self._current or 1) * 100
            self._open.required = True
            self._open.end = end
        else:
            self._begin(100, True, start, end)
        self._connected = False

    def _multiply(self, scale: float, required: bool, start: int, end: int) -> None:
        if self._connected:
            self._close()
        last = self._found[-1] if self._found else None
        if self._open is not None:
            current = self._current + 0.5 * self._half
            if self._total >= scale or scale == 1000:
                self._total += (current or 1) * scale
            else:
                self._total = (self._total + current) * scale
            self._current, self._half, self._scale = 0, False, scale
            self._open.required = True
            self._open.end = end
        elif last is not None and _JOINING.fullmatch(self._text, last.end, start):
            last.values = {round(value * scale, 6) for value in last.values}
            last.end = end
            self._decimals = None
        else:
            self._begin(0, required, start, end)
            self._total = scale
            self._scale = scale

    def _add_half(self, start: int, end: int) -> None:
        if self._open is None:
            last = self._found[-1] if self._found else None
            if last is not None and not last.in_words and _JOINING.fullmatch(self._text, last.end, start):
                last.values |= {value + 0.5 for value in last.values}
        elif self._current == 0:
            self._total += self._scale / 2
            self._open.end = end
        else:
            self._half = True
            self._open.end = end

    def _begin(self, value: float, required: bool, start: int, end: int) -> None:
        self._close()
        self._open = _Found(start, end, set(), required, in_words=True)
        self._current = value

    def _close(self) -> None:
        found = self._open
        if found is not None:
            value = self._total + self._current
            found.values = {value + 0.5, value * 100 + 30} if self._half else {value}
            self._found.append(found)
            self._whole = value
        self._open = self._decimals = None
        self._total = self._current = 0.0
        self._connected = self._half = False
        self._scale = 1.0


def _foreign_scale(word: str) -> float:
    if _BILLION.search(word):
        return 1e9
    return next((scale for pattern, scale in _FOREIGN_SCALES if pattern.search(word)), 1.0)


def _money(digits: str) -> set[float]:
    """Return what `12.50` is made of where it is a price: twelve fifty."""
    whole, point, cents = digits.rpartition("." if "." in digits[-3:] else ",")
    if not point or len(cents) != 2 or not whole:
        return set()
    return {float(re.sub(r"\D", "", whole)), float(cents)} - {0.0}


def _decimal_readings(digits: str) -> set[float]:
    """Return every reading of digits with points and commas."""
    signs = [sign for sign in digits if sign in ".,"]
    if not signs:
        return {float(digits)}
    whole = float(digits.replace(".", "").replace(",", ""))
    before, sign, after = digits.rpartition(signs[-1])
    decimal = float(f"{before.replace('.', '').replace(',', '')}{'.' if sign else ''}{after}")
    if len(signs) > 1:
        return {whole} if len(set(signs)) == 1 else {decimal}
    return {whole, decimal} if len(after) == 3 and before != "0" else {decimal}


def _roman(text: str) -> float:
    values = [_ROMAN_VALUES[letter] for letter in text]
    following = [*values[1:], 0]
    return float(sum(-value if value < after else value for value, after in zip(values, following, strict=True)))


def _paired(text: str, found: Sequence[_Found]) -> list[_Found]:
    """Join two numbers in words that make a year or a time: `nineteen eighty-four`, `two thirty`."""
    paired: list[_Found] = []
    for one in found:
        last = paired[-1] if paired else None
        if last is not None and _in_range(last, 1, 100) and _in_range(one, 10, 100):
            (first,), (second,) = last.values, one.values
            if _JOINING.fullmatch(text, last.end, one.start) and (first >= 10 or second < 60):
                values = {first * 100 + second}
                paired[-1] = _Found(last.start, one.end, values, in_words=True, parts={first, second})
                continue
        paired.append(one)
    return paired


def _in_range(one: _Found, least: int, below: int) -> bool:
    return one.in_words and not one.parts and len(one.values) == 1 and all(least <= each < below for each in one.values)


def _spell(text: str, found: Sequence[_Found]) -> None:
    """Let spelled digits also mean the number they make together: `five five five one`."""
    run: list[_Found] = []
    for one, following in zip(found, [*found[1:], None], strict=True):
        if len(one.values) == 1 and all(value < 10 and value % 1 == 0 for value in one.values):
            run.append(one)
            if following is not None and _SPELLED.fullmatch(text, one.end, following.start):
                continue
        if len(run) >= 3:
            together = float("".join(str(int(value)) for each in run for value in each.values))
            for each in run:
                each.values.add(together)
        run = []
