"""Faults put into clean sentence pairs, by a seeded chance; knows nothing of how the guard looks for them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import permutations

from benchmarks.guard.corpus import (
    SIX,
    Lapses,
    MachinePair,
    Marked,
    Sentence,
    Set,
    collected,
    lapses,
    machine_pairs,
    sentences,
)

SEED = 20_261_120
DIRECTIONS: Mapping[Set, int] = {"dev": 30, "held_out": 6}
"""Of the thirty in which a sentence of six languages can be interpreted, this many are drawn."""
UNPUNCTUATED = 0.25
"""So many originals come as some recognisers write them: lower case, no punctuation."""
_LEFT_OUT = re.compile(r"[¿¡?!…]|[.,;:](?=\s|$)")


class Injected(StrEnum):
    """What was done to a clean pair."""

    NOTHING = "nothing"
    EMPTY = "empty"
    ECHO = "echo"
    LANGUAGE = "wrong language"
    TRUNCATED = "truncated"
    REPEATED = "said twice"
    INVENTED = "no words said"
    ADDED = "another sentence added"
    ANSWERED = "answer to a question"
    NUMBER_LOST = "number lost"
    NUMBER_CHANGED = "number changed"
    TERM_LOST = "term lost"
    LAPSE_BEFORE = "assistant, before it"
    LAPSE_INSTEAD = "assistant, instead"


@dataclass(frozen=True, slots=True)
class Case:
    """One interpretation to judge, and what is wrong with it."""

    injected: Injected
    stratum: str
    source: str
    target: str
    original: str
    interpretation: str
    terms: Mapping[str, str]
    """Terms of the source to the wanted wording; the same twice: protected."""


def cases(which: Set) -> Iterator[Case]:
    """Every case of a set, the same at each call."""
    chance = random.Random(SEED)
    spoken = lapses(which)
    six = {stratum: list(sentences(which, stratum)) for stratum in ("written", "phrases")}
    numbers = _number_words(sentence for several in six.values() for sentence in several)
    for stratum, several in six.items():
        for sentence in several:
            for source, target in chance.sample(list(permutations(SIX, 2)), DIRECTIONS[which]):
                clean = _clean(chance, stratum, sentence, source, target)
                yield clean
                yield from _common(chance, clean, spoken[target])
                yield from _of_a_sentence(chance, clean, sentence, spoken[target], numbers[target])
    for sentence in sentences(which, "further"):
        for target in sorted(sentence.keys() - {"en"}):
            clean = _clean(chance, "further", sentence, "en", target)
            yield clean
            others = sorted(sentence.keys() - {"en", target})
            yield _into_another_language(chance, clean, sentence, others)
            yield replace(clean, injected=Injected.ECHO, interpretation=sentence["en"].plain)
    for pair in machine_pairs(which):
        clean = _of_a_machine(pair)
        yield clean
        yield from _common(chance, clean, spoken.get(pair.target))
    yield from _collected(which, spoken)


def _collected(which: Set, spoken: Mapping[str, Lapses]) -> Iterator[Case]:
    """What others wrote. Numbers that stand alone are changed, and nothing else."""
    chance = random.Random(SEED + 1)  # the cases above are the same as before
    messages = list(collected(which, "sentence"))
    for sentence in messages:
        pairs = chance.sample(list(permutations(sorted(sentence), 2)), 4)
        for source, target in pairs:
            clean = _clean(chance, "messages", sentence, source, target)
            yield clean
            yield from _common(chance, clean, spoken.get(target))
            yield _into_another_language(chance, clean, sentence, sorted(sentence.keys() - {source, target}))
            others = [one[target].plain for one in messages if target in one and one is not sentence]
            yield replace(
                clean, injected=Injected.ADDED, interpretation=f"{clean.interpretation} {chance.choice(others)}"
            )
            if clean.original.endswith(("?", "？", "؟")) and target in spoken:
                yield replace(clean, injected=Injected.ANSWERED, interpretation=chance.choice(spoken[target].answer))
            yield from _numbers_changed(chance, clean, sentence[target])
    for sentence in collected(which, "number"):
        for source, target in chance.sample(list(permutations(sorted(sentence), 2)), min(4, len(sentence))):
            clean = Case(
                Injected.NOTHING, "numbers", source, target, sentence[source].plain, sentence[target].plain, {}
            )
            yield clean
            yield from _numbers_changed(chance, clean, sentence[target])


def _numbers_changed(chance: random.Random, clean: Case, wanted: Marked) -> Iterator[Case]:
    """Another first digit: the number is another one, however it is written."""
    for index, number in enumerate(wanted.numbers):
        place = next((place for place, sign in enumerate(number) if sign in "123456789"), None)
        if place is not None:
            other = chance.choice([digit for digit in "123456789" if digit != number[place]])
            changed = wanted.with_number(index, number[:place] + other + number[place + 1 :])
            yield replace(clean, injected=Injected.NUMBER_CHANGED, interpretation=changed)


def _clean(chance: random.Random, stratum: str, sentence: Sentence, source: str, target: str) -> Case:
    spoken, wanted = sentence[source], sentence[target]
    terms = {spoken.term: wanted.term} if spoken.term is not None and wanted.term is not None else {}
    original = spoken.plain
    if chance.random() < UNPUNCTUATED:
        original = " ".join(_LEFT_OUT.sub(" ", original).lower().split())
    return Case(Injected.NOTHING, stratum, source, target, original, wanted.plain, terms)


def _of_a_machine(pair: MachinePair) -> Case:
    return Case(Injected.NOTHING, "apertium", pair.source, pair.target, pair.original, pair.interpretation, {})


def _common(chance: random.Random, clean: Case, spoken: Lapses | None) -> Iterator[Case]:
    """What can happen to any interpretation."""
    text = clean.interpretation
    words = text.split()
    yield replace(clean, injected=Injected.EMPTY, interpretation=chance.choice(["", " ", "...", "\n"]))
    yield replace(clean, injected=Injected.ECHO, interpretation=clean.original)
    if len(words) >= 3:
        yield replace(clean, injected=Injected.INVENTED, original="")
    if len(words) >= 6:
        kept = max(1, round(len(words) * chance.uniform(0.25, 0.65)))
        yield replace(clean, injected=Injected.TRUNCATED, interpretation=" ".join(words[:kept]))
    if len(words) >= 3:
        yield replace(clean, injected=Injected.REPEATED, interpretation=f"{text} {text}")
    if spoken is not None:
        before = f"{chance.choice(spoken.before)} {text}"
        yield replace(clean, injected=Injected.LAPSE_BEFORE, interpretation=before)
        yield replace(clean, injected=Injected.LAPSE_INSTEAD, interpretation=chance.choice(spoken.instead))


def _of_a_sentence(
    chance: random.Random, clean: Case, sentence: Sentence, spoken: Lapses, numbers: Sequence[str]
) -> Iterator[Case]:
    """What takes the marks of a sentence, or its other languages."""
    wanted = sentence[clean.target]
    yield _into_another_language(chance, clean, sentence, sorted(sentence.keys() - {clean.source, clean.target}))
    if sentence[clean.source].plain.endswith("?"):
        yield replace(clean, injected=Injected.ANSWERED, interpretation=chance.choice(spoken.answer))
    if wanted.numbers:
        index = chance.randrange(len(wanted.numbers))
        lost = " ".join(wanted.with_number(index, "").replace(" .", ".").replace(" ,", ",").split())
        yield replace(clean, injected=Injected.NUMBER_LOST, interpretation=lost)
        changed = _another_number(chance, wanted, index, numbers)
        yield replace(clean, injected=Injected.NUMBER_CHANGED, interpretation=changed)
    if clean.terms:
        yield replace(clean, injected=Injected.TERM_LOST, interpretation=wanted.without_term)


def _into_another_language(chance: random.Random, clean: Case, sentence: Sentence, others: Sequence[str]) -> Case:
    return replace(clean, injected=Injected.LANGUAGE, interpretation=sentence[chance.choice(others)].plain)


def _another_number(chance: random.Random, wanted: Marked, index: int, words: Sequence[str]) -> str:
    """One digit changed, or another number's word."""
    number = wanted.numbers[index]
    digits = [place for place, sign in enumerate(number) if sign.isdigit()]
    if digits:
        place = chance.choice(digits)
        other = chance.choice([digit for digit in "123456789" if digit != number[place]])
        return wanted.with_number(index, number[:place] + other + number[place + 1 :])
    return wanted.with_number(index, chance.choice([word for word in words if word.lower() != number.lower()]))


def _number_words(several: Iterator[Sentence]) -> Mapping[str, Sequence[str]]:
    found: dict[str, set[str]] = {language: set() for language in SIX}
    for sentence in several:
        for language, marked in sentence.items():
            found[language] |= {number.lower() for number in marked.numbers if not any(map(str.isdigit, number))}
    return {language: sorted(words) for language, words in found.items()}
