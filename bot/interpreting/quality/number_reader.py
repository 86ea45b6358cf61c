"""Reads the numbers of a text, in digits and in words, each in every way it may be meant: `1.250` is 1250 and 1.25.

Number words are read in six languages; in other languages only digits are read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.interpreting.quality.number_words import NumberWordKind, numeral

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
_SHORT_SCALES = {"k": 1e3, "M": 1e6, "mio": 1e6, "mn": 1e6, "bn": 1e9, "mrd": 1e9}
_FOREIGN_SCALES = (
    (re.compile("[천千]|tys|тыс|हज़ार|ألف"), 1e3), (re.compile("[万萬만]"), 1e4), (re.compile("lakh|लाख"), 1e5),
    (re.compile("ml[nj]|mil[ij]|млн|мил[лі]|міль?йон|مليون|mio"), 1e6), (re.compile("crore|करोड़"), 1e7),
    (re.compile("[억億亿]"), 1e8), (re.compile("[兆조]"), 1e12),
)  # fmt: skip
"""Scales behind digits in languages whose number words are not read. The first that fits counts."""
_BILLION = re.compile("mld|mil[ij]ard|miljard|млрд|милл?иард|мільярд|مليار")
_CJK = re.compile("[\u3040-\u9fff\uac00-\ud7af]")
_CJK_SCALES = "万萬億亿억만천千兆조"
_MONTH = re.compile(r"\s?[月월]")


@dataclass(slots=True)
class FoundNumber:
    """A number and its place in the text."""

    start: int
    end: int
    values: set[float]
    required: bool = True
    in_words: bool = False
    parts: set[float] = field(default_factory=set)
    digits: str = ""


def read_numbers(text: str, language: str | None) -> list[FoundNumber]:
    """Return the numbers of a text in order; numbers in words only if the language is known."""
    found = _Reader(text, language).read()
    if not found:
        return []
    if language == "en":
        found = _paired(text, found)
    _spell(text, found)
    return found


class _Reader:
    """Reads one text once."""

    def __init__(self, text: str, language: str | None) -> None:
        self._text = text
        self._language = language
        self._found: list[FoundNumber] = []
        self._open: FoundNumber | None = None
        """The number in words that may go on; its value is `_total` + `_current`."""
        self._total = self._current = 0.0
        self._connected = False
        self._half = False
        self._scale = 1.0
        self._decimals: str | None = None
        """Digits since the decimal point after the last number, whose value was `_whole`; None without a point."""
        self._whole = 0.0

    def read(self) -> list[FoundNumber]:
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
            self._found.append(FoundNumber(start, end, values, parts={hour, (hour + 12) % 24, minute} - {0.0}))
        elif token["number"]:
            required = not self._within_a_word(start, end) and not _MONTH.match(self._text, end)
            found = FoundNumber(start, end, self._values(token), required, parts=_money(token["number"]))
            found.digits = re.sub(r"\D", "", token["number"])
            if not self._continues(found):
                self._found.append(found)
        else:  # a date or a fraction: months have names, and `24/7` has words
            parts = [part for part in re.split(r"[./-]", token[0]) if part]
            for part in parts:
                self._found.append(FoundNumber(start, end, {float(part)}, required=len(part) == 4))
            if "." in token[0] and token["pair"]:  # or a decimal at the end of a sentence
                self._found.append(FoundNumber(start, end, {float(".".join(parts))}, required=False))

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

    def _continues(self, found: FoundNumber) -> bool:
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
                self._found.append(FoundNumber(start, end, {_roman(text)}, required=False))
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
                self._found.append(FoundNumber(start, end, set(word.values), required=word.required, in_words=True))

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
        self._open = FoundNumber(start, end, set(), required, in_words=True)
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


def _paired(text: str, found: Sequence[FoundNumber]) -> list[FoundNumber]:
    """Join two numbers in words that make a year or a time: `nineteen eighty-four`, `two thirty`."""
    paired: list[FoundNumber] = []
    for one in found:
        last = paired[-1] if paired else None
        if last is not None and _in_range(last, 1, 100) and _in_range(one, 10, 100):
            (first,), (second,) = last.values, one.values
            if _JOINING.fullmatch(text, last.end, one.start) and (first >= 10 or second < 60):
                values = {first * 100 + second}
                paired[-1] = FoundNumber(last.start, one.end, values, in_words=True, parts={first, second})
                continue
        paired.append(one)
    return paired


def _in_range(one: FoundNumber, least: int, below: int) -> bool:
    return one.in_words and not one.parts and len(one.values) == 1 and all(least <= each < below for each in one.values)


def _spell(text: str, found: Sequence[FoundNumber]) -> None:
    """Let spelled digits also mean the number they make together: `five five five one`."""
    run: list[FoundNumber] = []
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
