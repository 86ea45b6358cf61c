"""How much of what should have been heard was heard, word by word; and which sound was whose interpretation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from demo.recording_analysis import Span
from emulator.engine.local import normalise

Recognise = Callable[[Span, str], Awaitable[str | None]]
"""A stretch of a recording and a language (ISO 639-1) to its words; None when nothing is understood."""

ENOUGH = 0.75
"""Share of the words that must come out right for a sentence to count as heard. A recogniser of today's kind loses one
word in ten of what it heard well."""


@dataclass(frozen=True, slots=True)
class Words:
    """One sentence against what was heard of it."""

    wanted: int
    right: int
    """Of the wanted ones; a word too many takes away one that was right."""

    @property
    def share(self) -> float:
        return self.right / self.wanted if self.wanted else 0.0


def compare(wanted: str, heard: str | None) -> Words:
    """Words right, by the fewest words replaced, added or left out (the word error rate's own count)."""
    reference, hypothesis = normalise(wanted).split(), normalise(heard or "").split()
    return Words(len(reference), max(0, len(reference) - _edits(reference, hypothesis)))


def enough(words: Words) -> bool:
    """Whether a listener got the sentence."""
    return words.wanted > 0 and words.share >= ENOUGH


@dataclass(frozen=True, slots=True)
class Expected:
    """An interpretation that should be somewhere in a recording."""

    text: str
    language: str
    """ISO 639-1."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where it was, and what it sounded like there."""

    span: Span | None
    text: str | None
    words: Words


def splits(count: int, parts: int) -> list[tuple[tuple[int, int], ...]]:
    """Every way to deal `count` things out to `parts` receivers in order, as (first, after the last) for each.

    Everybody gets at least one while there are enough; with fewer things than receivers some get none.
    """
    if parts == 1:
        return [((0, count),)]
    least = 1 if count >= parts else 0
    return [
        ((0, first), *((start + first, end + first) for start, end in rest))
        for first in range(least, count + 1)
        for rest in splits(count - first, parts - 1)
        if least == 0 or all(end > start for start, end in rest)
    ]


async def attribute(sounds: Sequence[Span], expected: Sequence[Expected], recognise: Recognise) -> list[Found]:
    """Say which of the sounds is which interpretation, given the order in which these were due.

    Of all ways to deal the sounds out, the one with most words right. With one interpretation there is one way: all
    that was heard is taken for it, so that anything said besides counts against it.
    """
    if not expected:
        return []
    known: dict[tuple[int, int, str], str | None] = {}

    async def hear(part: tuple[int, int], one: Expected) -> Found:
        if part[0] == part[1]:
            return Found(None, None, compare(one.text, None))
        span = Span(sounds[part[0]].start, sounds[part[1] - 1].end)
        key = (*part, one.language)
        if key not in known:
            known[key] = await recognise(span, one.language)
        return Found(span, known[key], compare(one.text, known[key]))

    best: list[Found] = []
    for split in splits(len(sounds), len(expected)):
        found = [await hear(part, one) for part, one in zip(split, expected, strict=True)]
        if not best or sum(one.words.right for one in found) > sum(one.words.right for one in best):
            best = found
        if all(one.words.right == one.words.wanted for one in best):
            break
    return best


def _edits(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Levenshtein distance in words."""
    row = list(range(len(hypothesis) + 1))
    for count, word in enumerate(reference, 1):
        before, row[0] = row[0], count
        for place, other in enumerate(hypothesis, 1):
            change = before + (word != other)
            before = row[place]
            row[place] = min(change, row[place] + 1, row[place - 1] + 1)
    return row[-1]
