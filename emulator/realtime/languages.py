"""Reads source and target languages from instructions, as a model would.

It understands English names ("Spanish", "Brazilian Portuguese"), each optionally followed by a BCP-47 tag in
parentheses, and bare tags. Results are primary subtags ("pt").
"""

from __future__ import annotations

import re
from dataclasses import dataclass

NAMES = {
    "afrikaans": "af", "albanian": "sq", "arabic": "ar", "armenian": "hy", "azerbaijani": "az",
    "basque": "eu", "belarusian": "be", "bengali": "bn", "bosnian": "bs", "bulgarian": "bg",
    "burmese": "my", "cantonese": "zh", "catalan": "ca", "chinese": "zh", "croatian": "hr", "czech": "cs",
    "danish": "da", "dutch": "nl", "english": "en", "esperanto": "eo", "estonian": "et", "farsi": "fa",
    "filipino": "fil", "finnish": "fi", "flemish": "nl", "french": "fr", "galician": "gl", "georgian": "ka",
    "german": "de", "greek": "el", "gujarati": "gu", "hebrew": "he", "hindi": "hi", "hungarian": "hu",
    "icelandic": "is", "indonesian": "id", "irish": "ga", "italian": "it", "japanese": "ja",
    "javanese": "jv", "kannada": "kn", "kazakh": "kk", "khmer": "km", "korean": "ko", "kurdish": "ku",
    "lao": "lo", "latvian": "lv", "lithuanian": "lt", "macedonian": "mk", "malay": "ms", "malayalam": "ml",
    "maltese": "mt", "mandarin": "zh", "marathi": "mr", "mongolian": "mn", "nepali": "ne",
    "norwegian": "no", "pashto": "ps", "persian": "fa", "polish": "pl", "portuguese": "pt", "punjabi": "pa",
    "romanian": "ro", "russian": "ru", "serbian": "sr", "sinhala": "si", "slovak": "sk", "slovenian": "sl",
    "somali": "so", "spanish": "es", "swahili": "sw", "swedish": "sv", "tagalog": "tl", "tamil": "ta",
    "telugu": "te", "thai": "th", "turkish": "tr", "ukrainian": "uk", "urdu": "ur", "uzbek": "uz",
    "vietnamese": "vi", "welsh": "cy", "yoruba": "yo", "zulu": "zu",
}  # fmt: skip

_CODES = "|".join(sorted(set(NAMES.values())))
# A known code with any subtags, or any language with a script or region: "es", "es-419", "gd-GB".
_TAG = rf"(?:(?-i:{_CODES})(?:-[A-Za-z0-9]{{2,8}})*|[A-Za-z]{{2,3}}(?:-[A-Za-z]{{4}})?-(?:[A-Za-z]{{2}}|\d{{3}}))"
_QUOTES = r"[\"'*`]*"
_IN_PARENTHESES = r"(?:\s*\(\s*[A-Za-z]{2,3}(?:-[A-Za-z0-9]+)*\s*\))?"
# "Brazilian Portuguese", "Mandarin Chinese", "the German language": up to two words may stand before the name
_NAMED = rf"{_QUOTES}(?:[A-Za-z]+\s+){{0,2}}?(?:{'|'.join(NAMES)})\b{_QUOTES}(?:\s+language)?{_IN_PARENTHESES}{_QUOTES}"
_TAGGED = rf"(?:[A-Za-z]+\s+){{1,3}}\(\s*{_TAG}\s*\)"  # a name not listed here, explained by its tag
_LANGUAGE = rf"(?:{_NAMED}|{_TAGGED}|{_QUOTES}{_TAG}\b{_QUOTES})"
_PAIR = re.compile(
    rf"\bfrom\s+(?P<sources>{_LANGUAGE}(?:(?:\s*,\s*(?:or\s+)?|\s+or\s+){_LANGUAGE})*)"
    rf"\s+(?:in)?to\s+(?P<target>{_LANGUAGE})",
    re.IGNORECASE,
)
# Without a "from", a bare two-letter tag would be found in "into it" or "into no trouble".
_TARGET = re.compile(rf"\binto\s+(?P<target>{_NAMED}|{_TAGGED})", re.IGNORECASE)
_ALOUD = re.compile(
    rf"\b(?:read|say|speak)\b[^.]{{0,60}}\baloud\b[^.]{{0,20}}?\bin\s+(?P<language>{_NAMED}|{_TAGGED}|{_TAG}\b)",
    re.IGNORECASE,
)
_FEW_WORDS = re.compile(r"\b(?:few|fewer|half the) (?:words|length)\b", re.IGNORECASE)
_ONE = re.compile(_LANGUAGE, re.IGNORECASE)
_PARENTHESES = re.compile(r"\(\s*([A-Za-z]{2,3})")
_WORDS = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True, slots=True)
class Direction:
    """Source and target languages of an interpretation."""

    sources: tuple[str, ...]
    """Candidates in the order of the instructions; empty when they name a target alone."""
    target: str


def read_direction(instructions: str) -> Direction | None:
    """Return the first "from X (or Z) into Y" of the text; failing that, the first "into Y"; else None."""
    if pair := _PAIR.search(instructions):
        sources = tuple(dict.fromkeys(_code(found) for found in _ONE.findall(pair["sources"])))
        return Direction(sources, _code(pair["target"]))
    if alone := _TARGET.search(instructions):
        return Direction((), _code(alone["target"]))
    return None


def read_recital(instructions: str) -> str | None:
    """Return the language if the instructions ask to read a text aloud as it is, else None."""
    found = _ALOUD.search(instructions)
    return None if found is None else _code(found["language"])


def asks_for_few_words(instructions: str) -> bool:
    """Return whether the instructions ask for a shorter interpretation."""
    return _FEW_WORDS.search(instructions) is not None


def primary_subtag(tag: str) -> str:
    """Return the primary subtag: `es` for `es-ES`."""
    return tag.strip().replace("_", "-").split("-", 1)[0].lower()


def _code(language: str) -> str:
    if tag := _PARENTHESES.search(language):
        return tag[1].lower()
    words = [word.lower() for word in _WORDS.findall(language)]
    named = [NAMES[word] for word in words if word in NAMES]
    return named[-1] if named else words[0]
