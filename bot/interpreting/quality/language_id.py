"""Whether a text is in another language than it should be: by its script, and by what a language identifier says.

The identifier is a function that is handed in, so that its library and its model stay outside the core.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from bot.interpreting.briefing import LANGUAGE_NAMES

IdentifyLanguage = Callable[[str, Collection[str]], str | None]
"""A text and languages (ISO 639) -> which of these languages the text is written in; None where that is not clear, or
where one of these languages is not known to the identifier."""

_ALIKE = (frozenset({"da", "nb", "nn", "no"}), frozenset({"bs", "hr", "sr"}), frozenset({"id", "ms"}))
"""Languages that a sentence often does not tell apart: a text in one of a group may be in any of it."""
_LATIN = "latin"
_SCRIPTS: Mapping[str, re.Pattern[str]] = {
    _LATIN: re.compile(r"[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff]"),
    "greek": re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]"),
    "cyrillic": re.compile(r"[\u0400-\u052f]"),
    "armenian": re.compile(r"[\u0530-\u058f]"),
    "hebrew": re.compile(r"[\u0590-\u05ff]"),
    "arabic": re.compile(r"[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff]"),
    "devanagari": re.compile(r"[\u0900-\u097f]"),
    "bengali": re.compile(r"[\u0980-\u09ff]"),
    "tamil": re.compile(r"[\u0b80-\u0bff]"),
    "thai": re.compile(r"[\u0e00-\u0e7f]"),
    "georgian": re.compile(r"[\u10a0-\u10ff]"),
    "hangul": re.compile(r"[\u1100-\u11ff\uac00-\ud7af]"),
    "kana": re.compile(r"[\u3040-\u30ff]"),
    "han": re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]"),
}
_WRITTEN_IN: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("ru", "uk", "be", "bg", "mk", "kk", "ky", "mn"), ("cyrillic",)),
    **dict.fromkeys(("ar", "fa", "ur", "ps"), ("arabic",)),
    **dict.fromkeys(("hi", "mr", "ne"), ("devanagari",)),
    "sr": ("cyrillic", _LATIN), "el": ("greek",), "hy": ("armenian",), "he": ("hebrew",), "bn": ("bengali",),
    "ta": ("tamil",), "th": ("thai",), "ka": ("georgian",), "ko": ("hangul",), "ja": ("kana", "han"), "zh": ("han",),
    **dict.fromkeys(
        "af ca cs cy da de en es et eu fi fr ga gl hr hu id is it lt lv ms mt nb nl nn no pl pt ro sk sl sq sv sw tr "
        "vi".split(),
        (_LATIN,),
    ),
}  # fmt: skip
_OWN_LETTERS: Mapping[str, tuple[re.Pattern[str], re.Pattern[str]]] = {
    "ru": (re.compile("[ыэёъ]", re.I), re.compile("[іїєґ]", re.I)),
    "uk": (re.compile("[іїєґ]", re.I), re.compile("[ыэёъ]", re.I)),
    "zh": (re.compile("(?!)"), re.compile("[\u3040-\u30ff]")),
}
"""Of languages that share a script: letters only this one has, letters it does not have."""
_LEAST_LETTERS = 4
"""Fewer are a name or an interjection, which may be written in any script."""
_LEAST_LETTERS_OF_A_SENTENCE = 14
"""Of shorter texts only the two languages in question are told apart: `Página uno` is Spanish and Portuguese."""
_WORD = re.compile(r"[^\W\d_]+")
_LABEL = re.compile(r"\[[^\]]*\]")
"""A label such as `[laughter]` is no word of the text."""
_LATIN_NAME = re.compile(r"\b[A-Z][\w.'’-]*|\b[a-z]+[A-Z]\w*")
_FOREIGN_SHARE = 0.5
"""Of the letters; names and terms keep theirs."""
_DENSITY: Mapping[str, float] = {"han": 5.0, "kana": 3.0, "hangul": 3.0}
"""A name of Latin letters is as long as a clause in these scripts."""
_LEAST_HAN_WITHOUT_KANA = 9
"""So long a text in Chinese characters alone is not Japanese."""


def in_another_script(text: str, language: str, script: str | None = None) -> bool:
    """Return whether most letters are of a script that a language (ISO 639) is not written in.

    Args:
        script: ISO 15924, where the tag names one (`sr-Latn`).
    """
    wanted = (_LATIN,) if script == "Latn" else ("cyrillic",) if script == "Cyrl" else _WRITTEN_IN.get(language)
    letters = sum(map(str.isalpha, text))
    if wanted is None or letters < _LEAST_LETTERS:
        return False
    found = {each: len(_SCRIPTS[each].findall(text)) for each in wanted}
    own = sum(found.values())
    weight = sum(count * _DENSITY.get(each, 1.0) for each, count in found.items())
    if letters - own > _FOREIGN_SHARE * (letters - own + weight):
        return True
    if language in _OWN_LETTERS:
        has, lacks = _OWN_LETTERS[language]
        return lacks.search(text) is not None and has.search(text) is None
    if language == "ja":
        return own >= _LEAST_HAN_WITHOUT_KANA and not _SCRIPTS["kana"].search(text)
    return False


def identify_none(text: str, languages: Collection[str]) -> None:
    """Identify no language: for sessions without an identifier."""


def language_of(text: str, identify: IdentifyLanguage) -> str | None:
    """Return the language of a text, among those that have a name in briefings; None where it is not clear."""
    return identify(text, LANGUAGE_NAMES.keys())


def without_names(text: str, language: str) -> str:
    """Return a text of another script than Latin without the names in Latin letters, if anything is left of it."""
    wanted = _WRITTEN_IN.get(language, (_LATIN,))
    if _LATIN in wanted or not any(_SCRIPTS[each].search(text) for each in wanted):
        return text
    return _LATIN_NAME.sub(" ", text)


def in_another_language(text: str, target: str, source: str | None, identify: IdentifyLanguage) -> bool:
    """Return whether a text is clearly in another language than the target (ISO 639).

    Args:
        source: the language that was spoken; None where it is not known.
    """
    likely = {target, *([] if source is None else [source])}
    if sum(map(str.isalpha, text)) < _LEAST_LETTERS:
        return False
    short = sum(map(str.isalpha, text)) < _LEAST_LETTERS_OF_A_SENTENCE and source is not None
    if short and len(_WORD.findall(_LABEL.sub("", text))) == 1:
        return False  # a single word is a name, or the same in several languages
    found = identify(text, likely if short else {*LANGUAGE_NAMES, *likely})
    return found is not None and not alike(found, target)


def alike(one: str, other: str) -> bool:
    """Return whether two languages are the same, or hardly told apart."""
    return one == other or any(one in group and other in group for group in _ALIKE)
