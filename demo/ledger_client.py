"""Reads caption lines and ledger entries from the transcript of the REST API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from demo.report import LedgerEntry

GOES_ON = "goes_on"
"""Reason of an utterance whose end was taken back: the speaker's next one contains it."""


@dataclass(frozen=True, slots=True)
class CaptionLine:
    """A final caption line."""

    utterance_id: str
    speaker_id: str
    language: str
    text: str
    is_original: bool
    timestamp_ms: int
    """Start of the utterance in milliseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class UtteranceEntry:
    """A ledger entry with its speaker and start."""

    speaker_id: str
    began_ms: int | None
    """Milliseconds since the Unix epoch; None without a caption line."""
    ledger: LedgerEntry


def final_lines(document: Mapping[str, Any]) -> list[CaptionLine]:
    """Return the final caption lines in the order of the transcript."""
    return [
        CaptionLine(
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


def entries(document: Mapping[str, Any]) -> list[UtteranceEntry]:
    """Return the closed ledger entries with their captions, in order of closing, without passed-through audio.

    An utterance whose end was taken back went on in the speaker's next one in that language.
    """
    lines = final_lines(document)
    began = {line.utterance_id: line.timestamp_ms for line in lines}
    originals = {line.utterance_id: line.text for line in lines if line.is_original}
    translations = {(line.utterance_id, line.language): line.text for line in lines if not line.is_original}
    found: list[UtteranceEntry] = []
    next_ones: dict[tuple[str, str], str] = {}  # (speaker id, target) -> utterance id
    for row in reversed(document["passages"]):
        if row["source"] == row["target"]:
            continue  # original audio passed through to listeners of its language
        utterance_id = str(row["utterance_id"])
        lane = str(row["speaker_id"]), str(row["target"])
        went_on_in = next_ones.get(lane) if row["reason"] == GOES_ON else None
        next_ones[lane] = utterance_id
        ledger = LedgerEntry(
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
            went_on_in=went_on_in,
        )
        found.append(UtteranceEntry(str(row["speaker_id"]), began.get(utterance_id), ledger))
    return found[::-1]


def by_turn(
    found: Iterable[UtteranceEntry], began: Sequence[tuple[str, float]], closed_ms: Mapping[str, float]
) -> list[list[LedgerEntry]]:
    """Assign each entry to its speaker's latest turn that had started by then.

    `began` has each turn's speaker id and start, in milliseconds since the Unix epoch, in order. `closed_ms` says when
    an utterance was first seen closed; it replaces the start of an utterance without a caption line.
    """
    dealt: list[list[tuple[float, LedgerEntry]]] = [[] for _ in began]
    for entry in found:
        then = entry.began_ms if entry.began_ms is not None else closed_ms.get(entry.ledger.utterance_id, 0.0)
        own = [number for number, (speaker_id, _) in enumerate(began) if speaker_id == entry.speaker_id]
        before = [number for number in own if began[number][1] <= then]
        if own:
            dealt[(before or own[:1])[-1]].append((then, entry.ledger))
    return [[ledger for _, ledger in sorted(turn, key=lambda pair: pair[0])] for turn in dealt]
