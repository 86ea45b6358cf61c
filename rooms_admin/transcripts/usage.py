"""Computes the usage of a room from its ledger, by lane: minutes, tokens and cost. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from rooms_admin.transcripts.records import LedgerRecord

MILLION = 1_000_000
MS_PER_MINUTE = 60_000
DURATIONS = {"translation_ms": "translation", "transcription_ms": "transcription"}
"""Kinds of usage that are milliseconds, and what their price per minute is called; all others are tokens."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of the model per million tokens of each kind, and per minute; what has no price is free."""

    currency: str
    per_million: Mapping[str, float]
    per_minute: Mapping[str, float] = field(default_factory=dict)

    def cost(self, used: Mapping[str, int]) -> float:
        """Return the cost of these tokens and milliseconds.

        The model counts cached input as input too; that share is charged once, taken from text before audio.
        """
        paid = dict(used)
        minutes = sum(
            paid.pop(kind, 0) * self.per_minute.get(name, 0.0) / MS_PER_MINUTE for kind, name in DURATIONS.items()
        )
        cached = paid.get("input_cached", 0)
        for kind in ("input_text", "input_audio"):
            spared = min(cached, paid.get(kind, 0))
            paid[kind] = paid.get(kind, 0) - spared
            cached -= spared
        return minutes + sum(count * self.per_million.get(kind, 0.0) for kind, count in paid.items()) / MILLION


@dataclass(slots=True)
class LaneUsage:
    """Usage of a lane: a speaker interpreted into a language."""

    speaker_id: str
    source: str
    target: str
    utterances: Counter[str] = field(default_factory=Counter)
    """Utterances by final state."""
    spoken_ms: int = 0
    """Speech of the speaker that was sent to the model, with the pauses around it."""
    interpreted_ms: int = 0
    """Interpretation played into the call."""
    condensed: int = 0
    """Utterances that were requested in fewer words."""
    used: Counter[str] = field(default_factory=Counter)
    """Tokens and milliseconds, by kind."""

    @property
    def tokens(self) -> dict[str, int]:
        return {kind: count for kind, count in self.used.items() if kind not in DURATIONS}

    @property
    def model_ms(self) -> dict[str, int]:
        """What is billed by duration, by kind."""
        return {name: self.used[kind] for kind, name in DURATIONS.items() if self.used[kind]}

    def add(self, passage: LedgerRecord) -> None:
        if passage.kind != "usage":
            self.utterances[passage.state] += 1
        self.spoken_ms += passage.spoken_ms or 0
        self.interpreted_ms += passage.played_ms
        self.condensed += passage.condensed
        self.used.update(passage.tokens)


def paid_for(passages: Iterable[LedgerRecord]) -> Iterator[LedgerRecord]:
    """Return the records of what a model worked on: it does not hear audio that is passed through from the start."""
    return (passage for passage in passages if passage.source != passage.target)


def usage_by_lane(passages: Iterable[LedgerRecord]) -> list[LaneUsage]:
    """Return the usage of each lane, in the order of their first utterances."""
    lanes: dict[tuple[str, str, str], LaneUsage] = {}
    for passage in paid_for(passages):
        key = (passage.speaker_id, passage.source, passage.target)
        lanes.setdefault(key, LaneUsage(*key)).add(passage)
    return list(lanes.values())
