"""Compares expected and recognised words, and assigns sounds to interpretations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from bot.interpreting.quality.number_reader import read_numbers
from demo.recording_analysis import Span
from emulator.engine.local import normalise
from emulator.engine.local.bench import word_errors

Recognise = Callable[[Span, str], Awaitable[str | None]]
"""Recognises a stretch of a recording in a language (ISO 639-1); None if nothing was recognised."""

ENOUGH = 0.75
"""Share of correct words from which a sentence counts as heard. Recognisers miss 1 word in 10 of clear speech."""


@dataclass(frozen=True, slots=True)
class Words:
    """Word counts of a sentence and what was heard of it."""

    wanted: int
    right: int
    """Correct words; each superfluous word subtracts 1."""

    @property
    def share(self) -> float:
        return self.right / self.wanted if self.wanted else 0.0


def compare(wanted: str, heard: str | None, language: str) -> Words:
    """Count correct words by the fewest replaced, added or missing words, as in the word error rate.

    `language` (ISO 639-1) is that of both. Numbers in words and in digits are the same.
    """
    reference, hypothesis = _words(wanted, language), _words(heard or "", language)
    return Words(len(reference), max(0, len(reference) - word_errors(reference, hypothesis)))


def enough(words: Words, least: float = ENOUGH) -> bool:
    """Return whether this share of the sentence at least was heard."""
    return words.wanted > 0 and words.share >= least


def total(counts: Iterable[Words]) -> Words:
    """Return the sums."""
    every = list(counts)
    return Words(sum(one.wanted for one in every), sum(one.right for one in every))


@dataclass(frozen=True, slots=True)
class Expected:
    """An interpretation that a recording should contain."""

    text: str
    language: str
    """ISO 639-1."""


@dataclass(frozen=True, slots=True)
class Found:
    """Position and recognised text of an interpretation."""

    span: Span | None
    text: str | None
    words: Words


def splits(count: int, parts: int) -> list[tuple[tuple[int, int], ...]]:
    """Return all ways to split `count` items in order into `parts` ranges, each (first, after the last).

    Every range has at least 1 item; with fewer items than parts some are empty.
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
    """Assign sounds to the expected interpretations, which have this order.

    The assignment with most correct words wins. A single interpretation gets all sounds, so that additional speech
    counts against it.
    """
    if not expected:
        return []
    known: dict[tuple[int, int, str], str | None] = {}

    async def hear(part: tuple[int, int], one: Expected) -> Found:
        if part[0] == part[1]:
            return Found(None, None, compare(one.text, None, one.language))
        span = Span(sounds[part[0]].start, sounds[part[1] - 1].end)
        key = (*part, one.language)
        if key not in known:
            known[key] = await recognise(span, one.language)
        return Found(span, known[key], compare(one.text, known[key], one.language))

    best: list[Found] = []
    for split in splits(len(sounds), len(expected)):
        found = [await hear(part, one) for part, one in zip(split, expected, strict=True)]
        if not best or sum(one.words.right for one in found) > sum(one.words.right for one in best):
            best = found
        if all(one.words.right == one.words.wanted for one in best):
            break
    return best


def _words(text: str, language: str) -> list[str]:
    for number in reversed(read_numbers(text, language)):
        text = f"{text[: number.start]} {min(number.values):g} {text[number.end :]}"
    return normalise(text).split()
