"""Scores of interpretations: words, meaning, numbers, terms, answers, and how late they are. Pure functions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from sacrebleu.metrics.chrf import CHRF

from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.plan import Lane
from bot.interpreting.quality import numbers
from bot.interpreting.quality.assistant_phrases import lapses
from bot.interpreting.quality.checks import Fault, examine
from bot.interpreting.quality.language_id import IdentifyLanguage
from emulator.engine.local import bench

_UNSPACED = re.compile(r"([\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff])")
"""Characters of scripts without spaces; each counts as a word, so that their error rate is one of characters."""


@dataclass(frozen=True, slots=True)
class Count:
    """So many of so many."""

    part: int
    whole: int

    def __add__(self, other: Count) -> Count:
        return Count(self.part + other.part, self.whole + other.whole)

    @property
    def percent(self) -> float | None:
        """Return the share in percent; None of nothing."""
        return 100 * self.part / self.whole if self.whole else None


NOTHING = Count(0, 0)


def words(text: str) -> list[str]:
    """Return the words of a text as the word error rate compares them: without case, punctuation and symbols."""
    spaced = _UNSPACED.sub(r" \1 ", re.sub(r"[-‐‑–—/]", " ", unicodedata.normalize("NFKC", text).casefold()))
    bare = ("".join(one for one in word if unicodedata.category(one)[0] not in "PS") for word in spaced.split())
    return [word for word in bare if word]


def word_errors(wanted: str, said: str) -> Count:
    """Return the words that were replaced, left out or added, the fewest that explain the difference, of those wanted.

    Their share is the word error rate; it exceeds 100 % where much was added.
    """
    reference, hypothesis = words(wanted), words(said)
    return Count(bench.word_errors(reference, hypothesis), len(reference))


def chrf(renditions: Sequence[str], references: Sequence[Sequence[str]]) -> float | None:
    """Return the character F-score of some renditions together (0-100); None without any.

    chrF2 of Popović (2015), as sacrebleu computes it by default: characters alone, case kept. Each rendition has one
    or more references, of which the nearest counts.
    """
    if not renditions:
        return None
    most = max(map(len, references))
    streams = [[some[min(number, len(some) - 1)] for some in references] for number in range(most)]
    return float(CHRF().corpus_score(list(renditions), streams).score)


@dataclass(frozen=True, slots=True)
class Kept:
    """What an interpretation has kept of the original."""

    numbers: Count
    """1 of 1 if all numbers are the same, 0 of 0 without numbers."""
    terms: Count
    """Terms of the glossary that were said."""
    answered: bool
    """The model spoke for itself: an assistant's phrase, or no question where one was asked."""
    faults: tuple[Fault, ...]
    """Everything that the quality checks of the bot object to."""


def kept(
    original: str,
    references: Sequence[str],
    rendition: str,
    lane: Lane,
    terms: GlossaryEntries,
    identify: IdentifyLanguage,
) -> Kept:
    """Compare an interpretation with what was really said, by the quality checks that the bot itself uses.

    Here they know the transcript, where the bot has only what was recognised; so a number that was misheard counts as
    changed. An assistant's phrase is one that no reference has. How often the checks themselves err is measured by
    `--only guard`.
    """
    source = lane.source.partition("-")[0].lower()
    faults = examine(original, rendition, lane, terms, identify)
    has_numbers = any(one.required for one in numbers.mentions(original, source))
    wanted = terms.missed(original, "", lane.source, lane.target)
    lost = terms.missed(original, rendition, lane.source, lane.target)
    own_phrases = lapses(rendition).difference(*map(lapses, references))
    return Kept(
        Count(int(bool(words(rendition)) and Fault.NUMBER not in faults), 1) if has_numbers else NOTHING,
        Count(len(wanted) - len(lost), len(wanted)),
        bool(own_phrases) or not {Fault.ASSISTANT, Fault.QUESTION}.isdisjoint(faults),
        faults,
    )


def word_times(text: str, stretches: Sequence[tuple[float, float]]) -> list[float]:
    """Return when each word begins, in seconds, of a text that is heard in some stretches (start, end) of sound.

    Words are taken to last as long as they have letters; nothing is said between the stretches.
    """
    said = words(text)
    starts = accumulate((len(word) for word in said), initial=0)
    letters = sum(map(len, said))
    audible = sum(end - start for start, end in stretches)
    return [_at(audible * start / letters, stretches) for start, _ in zip(starts, said, strict=False)]


def _at(heard_s: float, stretches: Sequence[tuple[float, float]]) -> float:
    """Return the moment at which so many seconds of sound have been heard."""
    for start, end in stretches:
        if heard_s < end - start:
            return start + heard_s
        heard_s -= end - start
    return stretches[-1][1]


def average_lagging(times_s: Sequence[float], source_s: float, reference_words: int) -> float | None:
    """Return by how many seconds an interpretation lags behind an ideal one; None if nothing was heard.

    `times_s` has when each of its words was heard, in seconds from the first sound of the source, which lasts
    `source_s`. The ideal interpreter says word i of n at (i - 1) * source_s / n: at the speaker's pace, with no delay.
    The differences are averaged up to the first word that is heard when the source is over; later ones would only
    measure how long the interpretation is. So after a whole utterance (consecutive) it is the time from the
    speaker's first word to the interpreter's first.

    Average Lagging is of Ma et al. (2019, "STACL", arXiv 1810.08398); for speech, in seconds of the source, as in
    SimulEval (Ma et al. 2020, arXiv 2007.16193), whose "computation-aware" times are those of a clock, as here. n is
    the greater of the words said and those of the reference, so that wordiness does not make up for delay:
    "length-adaptive", of Papi et al. (2022, arXiv 2206.05807).
    """
    if not times_s or source_s <= 0:
        return None
    pace = source_s / max(len(times_s), reference_words)
    lags: list[float] = []
    for place, at in enumerate(times_s):
        lags.append(at - place * pace)
        if at >= source_s:
            break
    return sum(lags) / len(lags)
