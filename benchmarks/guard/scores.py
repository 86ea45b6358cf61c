"""What the guard finds of the faults that were put in, and how often it sees some where there are none."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from benchmarks.guard.corpus import Set
from benchmarks.guard.injection import Case, Injected, cases
from bot.interpreting.glossary import GlossaryEntries, GlossaryEntry
from bot.interpreting.plan import Lane
from bot.interpreting.quality.checks import Fault, examine
from bot.live_room import language_detection

STRATA = ("written", "phrases", "further", "apertium", "messages", "numbers")
"""Of clean texts; the last two were not written for this guard."""
SETS: Sequence[Set] = ("held_out", "dev")
_Z = 1.959964
"""Of a confidence of 95 %."""

EXPECTED: Mapping[Injected, frozenset[Fault]] = {
    Injected.NOTHING: frozenset(),
    Injected.EMPTY: frozenset({Fault.EMPTY}),
    Injected.ECHO: frozenset({Fault.ECHO, Fault.LANGUAGE}),
    Injected.LANGUAGE: frozenset({Fault.LANGUAGE}),
    Injected.TRUNCATED: frozenset({Fault.LENGTH, Fault.UNFINISHED}),
    Injected.REPEATED: frozenset({Fault.REPEATED, Fault.LENGTH}),
    Injected.INVENTED: frozenset({Fault.INVENTED}),
    Injected.ADDED: frozenset({Fault.LENGTH}),
    Injected.ANSWERED: frozenset({Fault.QUESTION}),
    Injected.NUMBER_LOST: frozenset({Fault.NUMBER}),
    Injected.NUMBER_CHANGED: frozenset({Fault.NUMBER}),
    Injected.TERM_LOST: frozenset({Fault.TERM}),
    Injected.LAPSE_BEFORE: frozenset({Fault.ASSISTANT}),
    Injected.LAPSE_INSTEAD: frozenset({Fault.ASSISTANT}),
}
"""By which faults an injection is recognised for what it is."""

ALSO_RIGHT: Mapping[Injected, frozenset[Fault]] = {
    Injected.TRUNCATED: frozenset({Fault.NUMBER, Fault.TERM, Fault.QUESTION}),
    Injected.REPEATED: frozenset(),
    Injected.ADDED: frozenset({Fault.NUMBER, Fault.QUESTION, Fault.LANGUAGE, Fault.REPEATED}),
    Injected.ECHO: frozenset({Fault.TERM}),
    Injected.LANGUAGE: frozenset({Fault.TERM, Fault.QUESTION, Fault.NUMBER}),
    Injected.ANSWERED: frozenset({Fault.NUMBER, Fault.TERM, Fault.LENGTH}),
    Injected.LAPSE_BEFORE: frozenset({Fault.LENGTH, Fault.QUESTION}),
    Injected.LAPSE_INSTEAD: frozenset({Fault.LENGTH, Fault.QUESTION, Fault.NUMBER, Fault.TERM}),
    Injected.NUMBER_LOST: frozenset({Fault.UNFINISHED}),
}
"""Other faults that such an interpretation really has, or may have: no false alarms."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    count: int
    of: int

    @property
    def value(self) -> float:
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's, 95 %. Cases made of one sentence are alike, so that the truth is somewhat wider."""
        if not self.of:
            return 0.0, 1.0
        n, p = self.of, self.value
        middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z / (1 + _Z**2 / n) * sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(slots=True)
class Scores:
    """Of one set of sentences."""

    which: Set
    recall: dict[str, Share] = field(default_factory=dict)
    """By what was injected: recognised for what it is."""
    noticed: dict[str, Share] = field(default_factory=dict)
    """By what was injected: any fault at all."""
    precision: dict[str, Share] = field(default_factory=dict)
    """By fault: the injection was one that shows it."""
    faulty: dict[str, Share] = field(default_factory=dict)
    """By fault: something was wrong at all. Of these sets one in seven is clean, in meetings most are."""
    false_alarms: dict[str, Share] = field(default_factory=dict)
    """By stratum, `all` and fault: clean interpretations in which it was seen."""
    caught: dict[str, Share] = field(default_factory=dict)
    """By stratum, and `all`: faulty interpretations in which any fault was seen."""
    alone: dict[str, Share] = field(default_factory=dict)
    """By what was injected: any fault at all, the original unknown."""
    us_per_interpretation: float = 0.0

    def document(self) -> dict[str, Any]:
        """As plain values: of each share the counts and the interval."""
        document: dict[str, Any] = {"set": self.which, "us_per_interpretation": self.us_per_interpretation}
        for measure in ("recall", "noticed", "precision", "faulty", "false_alarms", "caught", "alone"):
            shares: dict[str, Share] = getattr(self, measure)
            document[measure] = {
                name: {"count": share.count, "of": share.of, "interval": share.interval}
                for name, share in shares.items()
            }
        return document


@dataclass(frozen=True, slots=True)
class Verdict:
    case: Case
    faults: tuple[Fault, ...]
    alone: tuple[Fault, ...]
    """With the original unknown."""


def judge(which: Set) -> tuple[list[Verdict], float]:
    """What the guard says of every case; and the seconds of CPU time it took with the originals known."""
    identify = language_detection.load()
    prepared = [(case, Lane("8:acs:speaker", case.source, case.target), _terms(case)) for case in cases(which)]
    began = time.process_time()
    faults = [examine(case.original, case.interpretation, lane, terms, identify) for case, lane, terms in prepared]
    took = time.process_time() - began
    return [
        Verdict(case, found, examine(None, case.interpretation, lane, terms, identify))
        for (case, lane, terms), found in zip(prepared, faults, strict=True)
    ], took


def measure(which: Set) -> Scores:
    verdicts, took = judge(which)
    scores = Scores(which, us_per_interpretation=took / len(verdicts) * 1e6)
    for injected in list(Injected)[1:]:
        group = [one for one in verdicts if one.case.injected is injected]
        expected = EXPECTED[injected]
        scores.recall[injected.value] = _share(group, [one for one in group if expected & set(one.faults)])
        scores.noticed[injected.value] = _share(group, [one for one in group if one.faults])
        scores.alone[injected.value] = _share(group, [one for one in group if one.alone])
    for fault in Fault:
        raised = [one for one in verdicts if fault in one.faults]
        scores.precision[fault.value] = _share(raised, [one for one in raised if fault in _right(one.case.injected)])
        wrong = [one for one in raised if one.case.injected is not Injected.NOTHING]
        scores.faulty[fault.value] = _share(raised, wrong)
    clean = [one for one in verdicts if one.case.injected is Injected.NOTHING]
    faulty = [one for one in verdicts if one.case.injected is not Injected.NOTHING]
    for stratum in STRATA:
        group = [one for one in clean if one.case.stratum == stratum]
        scores.false_alarms[stratum] = _share(group, [one for one in group if one.faults])
        group = [one for one in faulty if one.case.stratum == stratum]
        scores.caught[stratum] = _share(group, [one for one in group if one.faults])
    scores.caught["all"] = _share(faulty, [one for one in faulty if one.faults])
    scores.false_alarms["all"] = _share(clean, [one for one in clean if one.faults])
    scores.false_alarms["original unknown"] = _share(clean, [one for one in clean if one.alone])
    for fault in Fault:
        scores.false_alarms[f"of {fault.value}"] = _share(clean, [one for one in clean if fault in one.faults])
    return scores


def _right(injected: Injected) -> frozenset[Fault]:
    return EXPECTED[injected] | ALSO_RIGHT.get(injected, frozenset())


def _share(group: Sequence[Verdict], found: Sequence[Verdict]) -> Share:
    return Share(len(found), len(group))


def _terms(case: Case) -> GlossaryEntries:
    return GlossaryEntries(
        tuple(
            GlossaryEntry(text) if text == wanted else GlossaryEntry(text, {case.target: wanted})
            for text, wanted in case.terms.items()
        )
    )
