"""Chooses between the decoders' hypotheses, or rejects all, by plain rules on their scores.

All margins are differences of scores per frame for the same utterance; 0 is a perfect fit. They were tuned on
recordings of people and on synthetic voices, with sentences inside and outside the phrasebook.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from emulator.engine.local.grammars import Grammar
from emulator.engine.local.messages import Hypothesis
from emulator.engine.local.phrasebook import normalise

GRAMMAR_MARGIN = -14.0
"""Margin by which a known sentence may score below free phones: 91 to 99 % of correct sentences score better, of other
utterances that pass the two checks below, 1 in 250."""

ENGLISH_GRAMMAR_MARGIN = -10.0
"""The same for English, the language of the acoustic model: all correct sentences score better, others -10.7 or less. A
sentence refused here is decoded again with the models of free speech."""

COVERED = 0.88
"""Share of the loud frames that the words of a sentence must cover. The silence model covers the rest and so hides
speech that the sentence does not explain: known sentences cover 0.97 or more, others mostly less than 0.8."""

SLOWEST = 0.3
"""Maximum seconds per phone of a word: a word stretched further replaces other words. Slow speech stays below 0.26."""

DOMAIN_MARGIN = 2.5
"""Margin by which the domain model must beat the general model: sentences of the phrasebook reach +4 to +20, other
English less than +0.5."""

DOMAIN_FIT = -18.0
"""Margin by which the domain model may score below free phones. It has few words and finds them everywhere: sentences
made of its words reach -12 or better, others -18 or worse."""

GENERAL_FIT = -23.0
"""The same for the general model: English of people reaches -21 or better, other languages -22 or worse, most of them
less than -25."""

_MARK = re.compile(r"\(\d+\)|<[^>]*>|\[[^\]]*\]|\+\+[^+]*\+\+")


@dataclass(frozen=True, slots=True)
class RecognisedText:
    """The result for an utterance in one language."""

    language: str
    text: str | None
    """Normalised words; None if nothing was understood."""
    fit: float = -math.inf
    """Score per frame relative to free phones; about 0 is perfect."""


def known_sentence(language: str, grammar: Grammar, found: Hypothesis, free: Hypothesis) -> RecognisedText:
    """Return the sentence of a grammar, or no text if it does not fit the sound or covers too little of it."""
    fit, sentence = _fit(found, free), grammar.read(words(found))
    margin = ENGLISH_GRAMMAR_MARGIN if language == "en" else GRAMMAR_MARGIN
    explained = found.covered >= COVERED and found.slowest <= SLOWEST
    if sentence is not None and fit > margin and explained:
        return RecognisedText(language, normalise(sentence), fit)
    return RecognisedText(language, None)


def free_english(general: Hypothesis, domain: Hypothesis, free: Hypothesis) -> RecognisedText:
    """Return the general model's words, or the domain model's if clearly better; no text if it is not English."""
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
    """Return a decoder's words without its marks for silence, noise and pronunciation variants."""
    return " ".join(_MARK.sub(" ", hypothesis.text or "").split())
