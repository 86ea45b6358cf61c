"""Scores of a golden set: of each utterance, and of all in one direction."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from typing import Any

from benchmarks.interpretation import scoring
from benchmarks.interpretation.golden_set import GoldenSet, Utterance
from benchmarks.interpretation.scoring import NOTHING, Count, Kept
from benchmarks.percentiles import Spread
from bot.interpreting.glossary import GlossaryEntries
from bot.interpreting.plan import Lane
from bot.interpreting.quality.language_id import IdentifyLanguage


@dataclass(frozen=True, slots=True)
class Interpreted:
    """What became of an utterance in the meeting."""

    utterance: Utterance
    recognised: str | None
    """The speaker's words in the transcript; None if the model does not transcribe."""
    rendition: str
    """The interpretation in the transcript; empty if there is none."""
    heard: str | None
    """What a recogniser understands of the interpretation as it was heard; None if there is none, or none knows the
    language."""
    spoken: bool
    """Whether the ledger says that all of it was played into the call."""
    reasons: tuple[str, ...]
    """Why something was not, as the ledger gives it."""
    source_s: float
    """Seconds from the first to the last sound of the speaker."""
    stretches_s: tuple[tuple[float, float], ...]
    """When the interpretation was heard: (start, end), in seconds from the speaker's first sound."""
    span_s: float | None
    """Ear-voice span as heard: from the end of the speech before it to the first sound of the interpretation. None if
    nothing was heard, or the speaker had not paused yet."""


@dataclass(frozen=True, slots=True)
class Score:
    """An interpreted utterance with its scores."""

    of: Interpreted
    recognition: Count | None
    """Word errors of the recognised words against the transcript."""
    chrf: float
    hearing: Count | None
    """Word errors of the heard words against the rendition; None if either is missing."""
    kept: Kept
    lagging_s: float | None

    @classmethod
    def rate(cls, one: Interpreted, terms: GlossaryEntries, identify: IdentifyLanguage) -> Score:
        """Compute the scores of an utterance."""
        wanted = one.utterance
        lane = Lane("", wanted.source, wanted.target)
        times = scoring.word_times(one.rendition, one.stretches_s) if one.stretches_s else []
        shortest = min(len(scoring.words(text)) for text in wanted.references)
        return cls(
            one,
            None if one.recognised is None else scoring.word_errors(wanted.transcript, one.recognised),
            scoring.chrf([one.rendition], [wanted.references]) or 0.0,
            scoring.word_errors(one.rendition, one.heard) if one.rendition and one.heard is not None else None,
            scoring.kept(wanted.transcript, wanted.references, one.rendition, lane, terms, identify),
            scoring.average_lagging(times, one.source_s, shortest),
        )

    def document(self) -> dict[str, Any]:
        """Return everything known of the utterance as JSON values."""
        said = asdict(self.of.utterance)
        del said["recording"]
        return {
            **said,
            "recognised": self.of.recognised,
            "rendition": self.of.rendition,
            "heard": self.of.heard,
            "spoken": self.of.spoken,
            "reasons": self.of.reasons,
            "recognition": None if self.recognition is None else asdict(self.recognition),
            "chrf": round(self.chrf, 1),
            "hearing": None if self.hearing is None else asdict(self.hearing),
            **asdict(self.kept),
            "source_s": round(self.of.source_s, 3),
            "span_s": self.of.span_s,
            "lagging_s": None if self.lagging_s is None else round(self.lagging_s, 3),
        }


@dataclass(frozen=True, slots=True)
class Direction:
    """The utterances of a set from one language into the other."""

    name: str
    """Of the set."""
    source: str
    target: str
    scores: Sequence[Score]

    @property
    def spoken(self) -> Count:
        return Count(sum(one.of.spoken for one in self.scores), len(self.scores))

    @property
    def recognition(self) -> Count:
        return _sum(one.recognition for one in self.scores)

    @property
    def chrf(self) -> float | None:
        """Return the chrF of all renditions together; one that is missing counts as empty."""
        return scoring.chrf(
            [one.of.rendition for one in self.scores], [one.of.utterance.references for one in self.scores]
        )

    @property
    def hearing(self) -> Count:
        return _sum(one.hearing for one in self.scores)

    @property
    def numbers(self) -> Count:
        return _sum(one.kept.numbers for one in self.scores)

    @property
    def terms(self) -> Count:
        return _sum(one.kept.terms for one in self.scores)

    @property
    def answered(self) -> Count:
        return Count(sum(one.kept.answered for one in self.scores), len(self.scores))

    @property
    def span(self) -> Spread | None:
        return Spread.of([one.of.span_s for one in self.scores if one.of.span_s is not None])

    @property
    def lagging_s(self) -> float | None:
        known = [one.lagging_s for one in self.scores if one.lagging_s is not None]
        return statistics.mean(known) if known else None

    def document(self) -> dict[str, Any]:
        """Return the figures, and those of each utterance, as JSON values."""
        figures = {name: measure.value(self) for name, measure in MEASURES.items()}
        return {
            "set": self.name,
            "source": self.source,
            "target": self.target,
            "count": len(self.scores),
            **{name: None if value is None else round(value, 2) for name, value in figures.items()},
            "utterances": [one.document() for one in self.scores],
        }


def _sum(counts: Any) -> Count:
    return reduce(add, (one for one in counts if one is not None), NOTHING)


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of a direction, which may be required."""

    value: Callable[[Direction], float | None]
    most: bool = False
    """Whether less is better."""


MEASURES: Mapping[str, Measure] = {
    "spoken": Measure(lambda one: one.spoken.percent),
    "wer": Measure(lambda one: one.recognition.percent, most=True),
    "chrf": Measure(lambda one: one.chrf),
    "heard_wer": Measure(lambda one: one.hearing.percent, most=True),
    "numbers": Measure(lambda one: one.numbers.percent),
    "terms": Measure(lambda one: one.terms.percent),
    "answered": Measure(lambda one: float(one.answered.part), most=True),
    "span": Measure(lambda one: None if one.span is None else one.span.p50, most=True),
    "span_p95": Measure(lambda one: None if one.span is None else one.span.p95, most=True),
    "lagging": Measure(lambda one: one.lagging_s, most=True),
}
"""Percentages, chrF (0-100), a count (answered), and seconds (spans, lagging)."""

Requirements = Mapping[str, float]
"""Bounds of measures: at least, or at most where less is better."""


def missed(direction: Direction, requirements: Requirements) -> dict[str, float | None]:
    """Return the measures that do not keep their bound; what was not measured does not."""
    found = {name: MEASURES[name].value(direction) for name in requirements}
    return {
        name: value
        for name, value in found.items()
        if value is None or (value > requirements[name] if MEASURES[name].most else value < requirements[name])
    }


def rate(golden: GoldenSet, interpreted: Sequence[Interpreted], identify: IdentifyLanguage) -> list[Direction]:
    """Score what became of a set, by direction."""
    terms = golden.terms
    rated = [Score.rate(one, terms, identify) for one in interpreted]
    ways = (golden.languages, golden.languages[::-1])
    found = [
        Direction(golden.name, source, target, [one for one in rated if one.of.utterance.source == source])
        for source, target in ways
    ]
    return [one for one in found if one.scores]
