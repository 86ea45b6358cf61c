"""Collects sentence pairs that nobody here wrote: messages of programs, and numbers as CLDR and num2words write them.

    python benchmarks/guard/collect.py FOLDER

FOLDER holds Django 5.2 and Wagtail 8.0 (BSD 3-clause, © Django Software Foundation, © Torchbox, contributors), and
Babel and num2words are importable; the service and the benchmarks need none of them. Writes `dev_collected.toml` and
`held_out_collected.toml`: a sentence is in one of them, by a seeded chance; the guard is changed by the first alone.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterator
from datetime import date, time
from pathlib import Path

from babel import numbers as cldr  # type: ignore[import-not-found]  # not installed where the benchmarks run
from babel.dates import format_date, format_time  # type: ignore[import-not-found]  # as above
from babel.messages.pofile import read_po  # type: ignore[import-not-found]  # as above
from num2words import num2words  # type: ignore[import-not-found]  # as above

SEED = 20_261_201
LOCALES = {
    "de": "de", "es": "es", "fr": "fr", "it": "it", "pt": "pt_BR", "pl": "pl", "ru": "ru", "uk": "uk", "nl": "nl",
    "ar": "ar", "ja": "ja", "ko": "ko", "zh": "zh_Hans",
}  # fmt: skip
SIX = ("de", "en", "es", "fr", "it", "pt")
MESSAGES, LANGUAGES_EACH, FORMATS = 150, 5, 150
"""Of each set."""
BRANDS = ("Microsoft Teams", "Power BI", "Contoso", "GitHub", "WhatsApp", "SharePoint", "Deutsche Telekom", "iPhone")
_PLACE = re.compile(r"%\((\w+)\)([sd])|\{(\w+)\}|%([sd])")
_COUNTED = re.compile(r"count|num|max|min|limit|length|size|total|days|width|height", re.IGNORECASE)


def messages(folder: Path) -> Iterator[dict[str, str]]:
    """Yield messages that are sentences, by language, each with the same values in its places."""
    chance = random.Random(SEED)
    catalogues: dict[Path, dict[str, dict[str, str]]] = {}
    for language, locale in LOCALES.items():
        for path in sorted(folder.glob(f"**/locale/{locale}/LC_MESSAGES/django.po")):
            with path.open("rb") as file:
                for message in read_po(file, ignore_obsolete=True):
                    if isinstance(message.id, str) and isinstance(message.string, str) and not message.fuzzy:
                        found = catalogues.setdefault(path.parents[2], {}).setdefault(message.id, {"en": message.id})
                        found[language] = message.string
    for _, catalogue in sorted(catalogues.items()):
        for english, found in sorted(catalogue.items()):
            if not 4 <= len(english.split()) <= 25 or not re.search(r"[.?]$", english) or re.search(r"[<>\n]", english):
                continue
            values: dict[str, str | int] = {}
            for place in _PLACE.finditer(english):
                name = place[1] or place[3] or place[4] or ""
                counted = place[2] == "d" or place[4] == "d" or _COUNTED.search(name)
                values[name] = (
                    chance.choice((3, 7, 12, 25, 48, 150, 2_500, 12_000)) if counted else chance.choice(BRANDS)
                )
            filled = {tag: _filled(text, tag, values) for tag, text in found.items() if text.strip()}
            if len(filled) > LANGUAGES_EACH:
                kept = chance.sample(sorted(filled.keys() - {"en"}), LANGUAGES_EACH)
                yield {tag: filled[tag] for tag in ("en", *kept)}


def _filled(text: str, tag: str, values: dict[str, str | int]) -> str:
    def value(place: re.Match[str]) -> str:
        wanted = values.get(place[1] or place[3] or place[4] or "", "")
        if isinstance(wanted, str):
            return wanted
        return f"{{{cldr.format_decimal(wanted, locale=LOCALES.get(tag, 'en'))}}}"

    return " ".join(_PLACE.sub(value, text).replace("%%", "%").split())


def formats() -> Iterator[dict[str, str]]:
    """Yield numbers, times, dates and prices, in digits here and in words there."""
    chance = random.Random(SEED + 1)
    while True:
        kind = chance.randrange(6)
        whole = chance.choice(
            (chance.randrange(2, 100), chance.randrange(100, 10_000), chance.randrange(10_000, 10**7))
        )
        rounded = chance.randrange(11, 99) * chance.choice((1_000, 10_000, 100_000, 10**6))
        cents, hour, minute = chance.randrange(1, 100), chance.randrange(24), chance.choice((0, 5, 15, 30, 45, 50))
        day = date(chance.randrange(1985, 2035), chance.randrange(1, 13), chance.randrange(1, 29))
        found: dict[str, str] = {}
        for tag in (*SIX, "ja", "ko", "zh", "pl", "ru"):
            locale = LOCALES.get(tag, "en")
            if kind == 0:
                found[tag] = cldr.format_decimal(whole, locale=locale)
            elif kind == 1 and tag in SIX:
                spelled = chance.random() < 0.5
                found[tag] = num2words(whole, lang=locale) if spelled else cldr.format_decimal(whole, locale=locale)
            elif kind == 2:
                found[tag] = cldr.format_currency(whole % 1_000 + cents / 100, "EUR", locale=locale)
            elif kind == 3:
                found[tag] = format_time(time(hour, minute), "short", locale=locale)
            elif kind == 4:
                found[tag] = format_date(day, "long", locale=locale)
            elif kind == 5:
                found[tag] = cldr.format_compact_decimal(rounded, format_type="long", locale=locale, fraction_digits=2)
        if len(found) > 2:
            kept = chance.sample(sorted(found), min(len(found), LANGUAGES_EACH))
            yield {tag: "{" + " ".join(found[tag].split()) + "}" for tag in kept}


def write(folder: Path) -> None:
    chance = random.Random(SEED + 2)
    said = {one["en"]: one for one in messages(folder)}
    drawn = chance.sample(sorted(said), 2 * MESSAGES)
    numbers = formats()
    for place, which in enumerate(("dev", "held_out")):
        lines = [
            "# Written by collect.py. Messages of Django and Wagtail: BSD 3-clause, (c) Django Software Foundation and",
            "# individual contributors, (c) 2014-present Torchbox Ltd and individual contributors.",
            "# Numbers: Unicode CLDR, num2words.",
        ]
        several = [said[one] for one in drawn[place * MESSAGES : (place + 1) * MESSAGES]]
        tables = [("sentence", one) for one in several] + [("number", next(numbers)) for _ in range(FORMATS)]
        for table, sentence in tables:
            lines += [
                "",
                f"[[{table}]]",
                *(f"{tag} = {json.dumps(text, ensure_ascii=False)}" for tag, text in sentence.items()),
            ]
        path = Path(__file__).with_name(f"{which}_collected.toml")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
