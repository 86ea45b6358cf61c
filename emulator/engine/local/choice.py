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

GRAMMAR_MARGIN = -12.0
"""How far a known sentence may stay behind free phones: what was said comes out at -10 or better, with few exceptions,
anything else that covers the utterance at -14 or worse."""

COVERED = 0.88
"""How much of the loud part of an utterance the words of a sentence must take up. The rest went to the silence model,
which hides speech the sentence doesn't explain: known sentences take up 0.97 or more, others mostly under 0.8."""

DOMAIN_MARGIN = 2.5
"""How much better than the general model the domain model must be: sentences of the phrasebook come out at +4 to +20,
other English below +0.5."""

ENGLISH_MARGIN = -23.0
"""How far free English may stay behind free phones: English of people comes out at -21 or better, other languages at
-22 to -36."""

_MARK = re.compile(r"\(\d+\)|<[^>]*>|\[[^\]]*\]|\+\+[^+]*\+\+")


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was made of one utterance in one language."""

    language: str
    text: str | None
    """Normalised words; None when nothing was understood."""
    fit: float = -math.inf
    """How well the text explains the sound, as a score per frame against free phones; about 0 is perfect."""


def known_sentence(language: str, grammar: Grammar, found: Hypothesis, free: Hypothesis) -> Recognition:
    """The sentence of a grammar, or nothing when it doesn't fit the sound or leaves much of it out."""
    text = normalise(grammar.read(words(found)))
    if not text or found.score is None or free.score is None or found.covered < COVERED:
        return Recognition(language, None)
    fit = found.score - free.score
    return Recognition(language, text, fit) if fit > GRAMMAR_MARGIN else Recognition(language, None)


def free_english(general: Hypothesis, domain: Hypothesis, free: Hypothesis) -> Recognition:
    """The general model's words, or the domain model's where they are clearly better; nothing if it isn't English."""
    best = general
    if domain.score is not None and (general.score is None or domain.score - general.score > DOMAIN_MARGIN):
        best = domain
    text = normalise(words(best))
    if not text or best.score is None or free.score is None:
        return Recognition("en", None)
    fit = best.score - free.score
    return Recognition("en", text, fit) if fit > ENGLISH_MARGIN else Recognition("en", None)


def words(hypothesis: Hypothesis) -> str:
    """A decoder's words without its marks for silence, noise and pronunciation variants."""
    return " ".join(_MARK.sub(" ", hypothesis.text or "").split())
