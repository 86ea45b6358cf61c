"""The integrity guard: what is plainly wrong with a finished interpretation; corrects nothing, abstains when in doubt.

It compares what a recogniser wrote down with what the interpreter's own text says, without understanding either: forms,
numbers and lengths. A wrong word, a lost negation or an invented clause of the right length it does not see.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from unicodedata import normalize

from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.plan import AUTO, Lane, primary
from bot.interpreting.quality import assistant_phrases, numbers
from bot.interpreting.quality.language_id import (
    IdentifyLanguage,
    alike,
    identify_none,
    in_another_language,
    in_another_script,
    language_of,
    without_names,
)
from bot.interpreting.quality.number_words import WORDS
from bot.interpreting.quality.questions import asks, may_begin_question


class Fault(StrEnum):
    """What is wrong with an interpretation."""

    EMPTY = "empty"
    """Something was said, and nothing came."""
    ECHO = "echo"
    """The original once more, in the original's language."""
    LANGUAGE = "language"
    """Not the target language, or not its script."""
    ASSISTANT = "assistant"
    """The model speaks of its own accord."""
    QUESTION = "question"
    """A question became a statement, such as an answer, or the other way round."""
    NUMBER = "number"
    """A number was lost, changed or added."""
    TERM = "term"
    """A term of the glossary is not what it should be."""
    LENGTH = "length"
    """Far shorter or longer than the original would be in this language."""
    INVENTED = "invented"
    """A sentence came, and no words were said."""
    UNFINISHED = "unfinished"
    """It ends in the middle of a phrase."""
    REPEATED = "repeated"
    """It says at its end the same thing twice."""


_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+")
_MOST_LETTERS = 2_000
"""Of a text; ten seconds of speech have 250. What goes on beyond is not looked at."""
_SIGNS = re.compile(r"\w")
_ENDED = re.compile(r"[.!?…。！？؟।]\W*$")
_BROKEN_OFF = re.compile(r"[,:،，、]\s*$")
_LAST_WORD = re.compile(r"(?<!\w)[^\W\d_]+\s*$")
_SENTENCE_END = re.compile(r"[.!?…](?=\s|$)|[。！？]")
_ASIDE = re.compile(r"[(（\[]")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")
_LETTERS = re.compile(r"[^\s.,;:!?…¡¿\"'’«»„“”()\-–—。、！？؟،।]")
_DIGIT = re.compile(r"\d")

_SIZES: Mapping[str, float] = {
    "en": 1.0, "es": 1.07, "fr": 1.14, "de": 1.13, "it": 1.09, "pt": 1.04, "nl": 1.08, "ca": 1.06, "pl": 1.05,
    "sv": 0.98, "da": 1.0, "nb": 0.98, "no": 0.98, "fi": 1.05, "ru": 1.1, "uk": 1.06, "el": 1.12, "ar": 0.83,
    "he": 0.78, "hi": 1.03, "th": 0.95, "tr": 1.05,
}  # fmt: skip
"""Letters for the same thing, against English. Estimated; the limits below leave room for what they are off."""
_DENSE = re.compile(r"(?P<han>[\u3400-\u9fff])|(?P<hangul>[\uac00-\ud7af])|(?P<kana>[\u3040-\u30ff])")
_LETTERS_OF = {"han": 3.0, "hangul": 2.2, "kana": 1.5}
"""A character says as much as so many Latin letters."""
_LETTERS_OF_A_DIGIT_IN_WORDS = 8.0
_LETTERS_OF_A_DIGIT = 4.0
"""A number may be in digits here and in words there."""
_LEAST_LETTERS = 24.0
"""Shorter originals can become anything: `Sure.` is `Por supuesto que sí.`"""
_SHORTEST, _LONGEST = 0.7, 1.6
"""Of the length expected, of long texts; short ones vary more, by the letters below."""
_SHORTER_BY, _LONGER_BY = 5.0, 9.0
_LONGEST_ADDED = 1.25
"""The same for an interpretation that has a sentence more."""
_LONGER_ADDED_BY = 15.0
_MUCH_LONGER_BY = 35.0
"""Letters that a short original may grow by."""

_LEAST_REPEATED = 3
"""Words said twice: fewer are emphasis."""
_LEAST_REPEATED_SIGNS = 6
"""The same where words are not parted."""
_LEAST_ECHOED = 2
"""Different words. One is a name, or the same word in both languages."""
_SURELY_ECHOED = 4
"""As many even where nothing tells the languages apart."""

_LEAST_INVENTED = 3
"""Words. Fewer may be the noise that was heard."""

_DANGLING: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the a an and or but of my your our their its his because if than from with every",
        "es": """el la los las un una unos unas de del al y e o u pero en con por para sin mi su sus nuestro nuestra que
            como""",
        "fr": """le la les l un une des de du d au aux et ou mais dans avec pour par sans mon ma mes son sa ses notre
            nos votre vos leur leurs que qu parce""",
        "de": """der die das den dem des ein eine einen einem einer und oder aber von vom zum zur für durch ohne mein
            meine unser unsere ihr ihre dass weil wenn als im am""",
        "it": """il lo la gli le un uno una di del della dei delle al alla da dal e o ma in nel nella con per che su suo
            sua""",
        "pt": "o a os as um uma de do da dos das e ou mas em no na nos nas com por para seu sua que ao",
        "nl": "de het een en of maar van met voor mijn onze dat omdat",
        "ca": "el la els les un una de del dels i o però en amb per que al als",
    }.items()
}
"""Words that a sentence of these languages hardly ends in."""


def examine(
    original: str | None,
    interpretation: str,
    lane: Lane,
    terms: GlossaryEntries,
    identify: IdentifyLanguage = identify_none,
) -> tuple[Fault, ...]:
    """Return the faults of a complete interpretation, in the order of `Fault`; none where in doubt.

    Args:
        original: what the speaker said, as recognised; None while it is not known: then only what the interpretation
            shows by itself is found.
        lane: its languages; the source may be `auto`.
        terms: of the room.
        identify: without it, no language is known by its words.
    """
    interpretation = normalize("NFC", interpretation[:_MOST_LETTERS])
    original = None if original is None else normalize("NFC", original[:_MOST_LETTERS])
    source = _source(original, lane, identify)
    if not _SIGNS.search(interpretation):
        return (Fault.EMPTY,) if original is not None and _to_be_interpreted(original, source, lane) else ()
    found = set(_alone(interpretation, lane, terms, identify))
    if original is None:
        found |= {Fault.ASSISTANT} if assistant_phrases.lapses(interpretation) & assistant_phrases.ALONE else set()
    elif _SIGNS.search(original):
        found |= set(_compared(original, interpretation, source, lane, terms, identify))
        if Fault.UNFINISHED in found and _dangles(original, source):
            found.discard(Fault.UNFINISHED)  # so did the speaker
        if Fault.REPEATED in found and _ends_twice(original, 1, 1):
            found.discard(Fault.REPEATED)
    elif _is_sentence(interpretation):
        found.add(Fault.INVENTED)
    return tuple(fault for fault in Fault if fault in found)


def begins_in_source(beginning: str, lane: Lane, identify: IdentifyLanguage) -> bool:
    """Return whether the first words of an interpretation are rather in the source language than in the target.

    Two languages are told apart by fewer words than forty, at the price of names: enough to wait, not to condemn.
    Of correct interpretations, 2 in 1,000 begin so by their first two words, none by their first three (2,725
    sentences of the development set of `benchmarks/guard` and of a phrasebook).
    """
    if lane.source == AUTO:
        return False
    source, target = primary(lane.source), primary(lane.target)
    return not alike(source, target) and identify(beginning, {source, target}) == source


def shows_early(
    original: str | None, beginning: str, lane: Lane, terms: GlossaryEntries, identify: IdentifyLanguage
) -> bool:
    """Return whether the first words show already that this is no interpretation: the costly checks are left out."""
    if original is None:
        phrases = assistant_phrases.lapses(beginning) & assistant_phrases.ALONE
    elif _SIGNS.search(original):
        phrases = _own_words(original, beginning, _source(original, lane, identify))
    else:
        return _is_sentence(beginning)
    return bool(phrases) or _is_foreign(beginning, lane, terms, identify)


def is_doubtful(original: str | None, beginning: str, lane: Lane, identify: IdentifyLanguage) -> bool:
    """Return whether the first words of an interpretation may be the model's own: enough to wait for the next.

    Such are an assistant's phrases, anything where no words were said, and no question where one was asked.
    """
    phrases = assistant_phrases.lapses(beginning)
    if original is None:
        return bool(phrases)
    if not _SIGNS.search(original):
        return True
    source, target = _source(original, lane, identify), primary(lane.target)
    if phrases - assistant_phrases.lapses(original):
        return True
    return bool(asks(original, source, recognised=True)) and not may_begin_question(beginning, target)


def _is_sentence(text: str) -> bool:
    return len(_words(text)) >= _LEAST_INVENTED or len(_UNSPACED.findall(text)) >= _LEAST_REPEATED_SIGNS


def _alone(interpretation: str, lane: Lane, terms: GlossaryEntries, identify: IdentifyLanguage) -> Iterator[Fault]:
    """Find faults that are faults whatever was said."""
    if _is_foreign(interpretation, lane, terms, identify):
        yield Fault.LANGUAGE
    if _dangles(interpretation, primary(lane.target)):
        yield Fault.UNFINISHED
    if _ends_twice(interpretation):
        yield Fault.REPEATED


def _compared(
    original: str,
    interpretation: str,
    source: str | None,
    lane: Lane,
    terms: GlossaryEntries,
    identify: IdentifyLanguage,
) -> Iterator[Fault]:
    """Find faults that show beside the original, whose language is `source`."""
    target = primary(lane.target)
    if source != target and _is_echo(original, interpretation, source, target, identify):
        yield Fault.ECHO
    if _own_words(original, interpretation, source):
        yield Fault.ASSISTANT
    asked = asks(original, source, recognised=True)
    if asked is not None and asks(interpretation, target, recognised=False) is (not asked):
        yield Fault.QUESTION
    if numbers.differ(original, source, interpretation, target):
        yield Fault.NUMBER
    if terms.missed(original, interpretation, lane.source, lane.target):
        yield Fault.TERM
    if source is not None and not _of_fitting_length(original, interpretation, source, target):
        yield Fault.LENGTH


def _source(original: str | None, lane: Lane, identify: IdentifyLanguage) -> str | None:
    """Return the language of the original, None where it is not known."""
    if lane.source != AUTO:
        return primary(lane.source)
    return None if original is None else language_of(original, identify)


def _to_be_interpreted(original: str, source: str | None, lane: Lane) -> bool:
    """Return whether something was said that needs interpreting: the target language of an `auto` lane does not."""
    if not _SIGNS.search(original):
        return False
    return lane.source != AUTO or (source is not None and not alike(source, primary(lane.target)))


def _is_foreign(interpretation: str, lane: Lane, terms: GlossaryEntries, identify: IdentifyLanguage) -> bool:
    """Return whether an interpretation is in another language or script than its target."""
    target = primary(lane.target)
    script = next((part for part in lane.target.split("-") if len(part) == 4 and part.isalpha()), None)
    if in_another_script(interpretation, target, script):
        own = without_names(interpretation, target)
        for _, wanted in terms.into(lane.source, lane.target):
            own = own.replace(wanted, "")  # names keep their letters
        return in_another_script(own, target, script)
    source = None if lane.source == AUTO else primary(lane.source)
    return in_another_language(interpretation, target, source, identify)


def _is_echo(original: str, interpretation: str, source: str | None, target: str, identify: IdentifyLanguage) -> bool:
    """Return whether an interpretation says the original's words, in the original's language."""
    words = _words(interpretation)
    if words != _words(original):
        return False
    different = len({word for word in words if word.isalpha() and len(word) > 1})  # numbers are alike everywhere
    if different < _LEAST_ECHOED:
        return False
    found = None if source is None else identify(interpretation, {source, target})
    names = all(not word[0].islower() for word in _WORD.findall(interpretation))
    return found != target if different >= _SURELY_ECHOED and not names else found is not None and found == source


def _own_words(original: str, interpretation: str, source: str | None) -> set[assistant_phrases.AssistantPhrase]:
    """What the model said of its own accord: not what the speaker said of theirs."""
    found = assistant_phrases.lapses(interpretation)
    if source not in WORDS:  # their languages are those whose phrases are known
        found &= assistant_phrases.ALONE | assistant_phrases.of_its_task(interpretation)
    if not found:
        return found
    return found - assistant_phrases.lapses(original) - assistant_phrases.said_otherwise(original, interpretation)


def _of_fitting_length(original: str, interpretation: str, source: str, target: str) -> bool:
    expected = _length(original) * _SIZES.get(target, 1.0) / _SIZES.get(source, 1.0)
    length = _length(interpretation)
    # A long number is several words in the one, and a few digits in the other.
    in_words = _LETTERS_OF_A_DIGIT_IN_WORDS * (len(_DIGIT.findall(original)) - len(_DIGIT.findall(interpretation)))
    longer, shorter = max(0.0, in_words), max(0.0, -in_words)
    added_by = _LONGER_BY if expected >= _LEAST_LETTERS else _LONGER_ADDED_BY
    if length > _LONGEST_ADDED * expected + added_by + longer and _adds_a_part(original, interpretation):
        return False
    if expected < _LEAST_LETTERS * _SIZES.get(target, 1.0):
        return length <= _LONGEST * expected + _MUCH_LONGER_BY + longer
    return _SHORTEST * expected - _SHORTER_BY - shorter <= length <= _LONGEST * expected + _LONGER_BY + longer


def _adds_a_part(original: str, interpretation: str) -> bool:
    """Return whether there is an aside or a sentence more than in the original, if that is punctuated."""
    sentences = len(_SENTENCE_END.findall(original))
    if not sentences:
        return False
    aside = _ASIDE.search(interpretation) is not None and _ASIDE.search(original) is None
    return aside or len(_SENTENCE_END.findall(interpretation)) > sentences


def _length(text: str) -> float:
    length = len(_LETTERS.findall(text)) + len(_DIGIT.findall(text)) * (_LETTERS_OF_A_DIGIT - 1)
    for dense in _DENSE.finditer(text):
        length += _LETTERS_OF[dense.lastgroup or ""] - 1
    return length


def _dangles(text: str, language: str | None) -> bool:
    words = _DANGLING.get(language or "")
    if _BROKEN_OFF.search(text):
        return True
    if words is None or _ENDED.search(text):
        return False
    last = _LAST_WORD.search(text[-30:].lower())
    return last is not None and last[0].strip() in words


def _ends_twice(text: str, least: int = _LEAST_REPEATED, least_signs: int = _LEAST_REPEATED_SIGNS) -> bool:
    parts: Sequence[str] = _words(text)
    if _UNSPACED.search(text):
        parts, least = "".join(parts), least_signs
    end = len(parts)
    return any(parts[end - 2 * size : end - size] == parts[end - size :] for size in range(least, end // 2 + 1))


def _words(text: str) -> list[str]:
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


class Guard:
    """The functions of this file with a language identifier."""

    def __init__(self, identify: IdentifyLanguage = identify_none) -> None:
        self._identify = identify

    def examine(self, original: str | None, interpretation: str, lane: Lane, terms: GlossaryEntries) -> tuple[str, ...]:
        return examine(original, interpretation, lane, terms, self._identify)

    def shows_early(self, original: str | None, beginning: str, lane: Lane, terms: GlossaryEntries) -> bool:
        return shows_early(original, beginning, lane, terms, self._identify)

    def begins_in_source(self, beginning: str, lane: Lane) -> bool:
        return begins_in_source(beginning, lane, self._identify)

    def is_doubtful(self, original: str | None, beginning: str, lane: Lane) -> bool:
        return is_doubtful(original, beginning, lane, self._identify)
