"""Which of the decoders' hypotheses to believe, and when to believe none: the rules, as plain functions on scores.

All margins are differences of scores per frame, on one utterance; 0 is a perfect fit. They were set on recordings of
people and on synthetic voices, inside and outside the phrasebook.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from emulator.engine.local.grammars import Grammar
from emulator.engine.local.messages import Hypothesis
from emulator.engine.local.phrasebook import normalise

GRAMMAR_MARGIN = -14.0
"""How far a known sentence may stay behind free phones: of what was said 91 to 99 of a hundred come out better, of
anything else that passes the two checks below 1 of 250 utterances."""

ENGLISH_GRAMMAR_MARGIN = -10.0
"""The same for English, whose own sounds these are: all of what was said come out better, anything else at -10.7 or
worse. A sentence refused here gets a second hearing by the models of free speech."""

COVERED = 0.88
"""How much of the loud part of an utterance the words of a sentence must take up. The rest went to the silence model,
which hides speech the sentence doesn't explain: known sentences take up 0.97 or more, others mostly under 0.8."""

SLOWEST = 0.3
"""Seconds per phone that nobody takes over a word: one stretched that far stands for words it isn't. Even slow speech
stays under 0.26."""

DOMAIN_MARGIN = 2.5
"""How much better than the general model the domain model must be: sentences of the phrasebook come out at +4 to +20,
other English below +0.5."""

DOMAIN_FIT = -18.0
"""How far words of the domain model may stay behind free phones. It has few words and finds them everywhere: said
with its words, a sentence comes out at -12 or better, anything else at -18 or worse."""

GENERAL_FIT = -23.0
"""How far words of the general model may: English of people comes out at -21 or better, other languages at -22 or
worse, most of them under -25."""

_MARK = re.compile(r"\(\d+\)|<[^>]*>|\[[^\]]*\]|\+\+[^+]*\+\+")


@dataclass(frozen=True, slots=True)
class RecognisedText:
    """What was made of one utterance in one language."""

    language: str
    text: str | None
    """Normalised words; None when nothing was understood."""
    fit: float = -math.inf
    """How well the text explains the sound, as a score per frame against free phones; about 0 is perfect."""


def known_sentence(language: str, grammar: Grammar, found: Hypothesis, free: Hypothesis) -> RecognisedText:
    """The sentence of a grammar, or nothing when it doesn't fit the sound or leaves much of it out."""
    fit, sentence = _fit(found, free), grammar.read(words(found))
    margin = ENGLISH_GRAMMAR_MARGIN if language == "en" else GRAMMAR_MARGIN
    explained = found.covered >= COVERED and found.slowest <= SLOWEST
    if sentence is not None and fit > margin and explained:
        return RecognisedText(language, normalise(sentence), fit)
    return RecognisedText(language, None)


def free_english(general: Hypothesis, domain: Hypothesis, free: Hypothesis) -> RecognisedText:
    """The general model's words, or the domain model's where they are clearly better; nothing if it isn't English."""
    by_domain, by_general = _fit(domain, free), _fit(general, free)
    if by_domain - by_general > DOMAIN_MARGIN and by_domain > DOMAIN_FIT:
        return RecognisedText("en", normalise(words(domain)), by_domain)
    if by_general > GENERAL_FIT:
        return RecognisedText("en", normalise(words(general)), by_general)
    return RecognisedText("en", None)


def _fit(found: Hypothesis, free: Hypothesis) -> float:
    if not words(found) or found.score is None or free.score is None:
        return -math.inf
    return found.score - free.score


def words(hypothesis: Hypothesis) -> str:
    """A decoder's words without its marks for silence, noise and pronunciation variants."""
    return " ".join(_MARK.sub(" ", hypothesis.text or "").split())
