"""Reads the interpreter's own books, its transcript and ledger as the REST API gives them; judges nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo.report import Booked


@dataclass(frozen=True, slots=True)
class Line:
    """One final caption line."""

    utterance_id: str
    speaker_id: str
    language: str
    text: str
    is_original: bool
    timestamp_ms: int
    """When the utterance began, since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One utterance, from its caption lines and its ledger entry."""

    speaker_id: str
    began_ms: int | None
    """Since the Unix epoch; None when there is no caption line to tell."""
    booked: Booked


def final_lines(document: Mapping[str, Any]) -> list[Line]:
    """The caption lines that will not change any more, in the order of the transcript."""
    return [
        Line(
            utterance_id=str(item["utterance_id"]),
            speaker_id=str(item["speaker_id"]),
            language=str(item["language"]),
            text=str(item["text"]),
            is_original=bool(item["is_original"]),
            timestamp_ms=int(item["timestamp_ms"]),
        )
        for item in document["items"]
        if item["is_final"]
    ]


def entries(document: Mapping[str, Any]) -> list[Entry]:
    """Every closed ledger entry with what its caption lines say, in the order in which they were closed. What was only
    passed through is none."""
    lines = final_lines(document)
    began = {line.utterance_id: line.timestamp_ms for line in lines}
    originals = {line.utterance_id: line.text for line in lines if line.is_original}
    translations = {(line.utterance_id, line.language): line.text for line in lines if not line.is_original}
    found: list[Entry] = []
    for row in document["passages"]:
        if row["source"] == row["target"]:
            continue  # a voice passed through as it is
        utterance_id = str(row["utterance_id"])
        booked = Booked(
            utterance_id=utterance_id,
            state=str(row["state"]),
            target=str(row["target"]),
            reason=str(row["reason"]),
            recognised=originals.get(utterance_id),
            translated=translations.get((utterance_id, str(row["target"]))),
            spoken_ms=row["spoken_ms"],
            ear_voice_span_ms=row["ear_voice_span_ms"],
            model_ms=row["model_ms"],
            waited_ms=row["waited_ms"],
            own_share_ms=row["own_share_ms"],
        )
        found.append(Entry(str(row["speaker_id"]), began.get(utterance_id), booked))
    return found


def by_turn(
    found: Iterable[Entry], began: Sequence[tuple[str, float]], closed_ms: Mapping[str, float]
) -> list[list[Booked]]:
    """Deal the entries out to the turns they came from: each to its speaker's latest turn that had begun by then.

    `began` holds each turn's speaker id and beginning, in milliseconds since the Unix epoch, in order. `closed_ms` says
    when an utterance was first seen closed: all there is to go by for one without a caption line.
    """
    dealt: list[list[tuple[float, Booked]]] = [[] for _ in began]
    for entry in found:
        then = entry.began_ms if entry.began_ms is not None else closed_ms.get(entry.booked.utterance_id, 0.0)
        own = [number for number, (speaker_id, _) in enumerate(began) if speaker_id == entry.speaker_id]
        before = [number for number in own if began[number][1] <= then]
        if own:
            dealt[(before or own[:1])[-1]].append((then, entry.booked))
    return [[booked for _, booked in sorted(turn, key=lambda pair: pair[0])] for turn in dealt]
