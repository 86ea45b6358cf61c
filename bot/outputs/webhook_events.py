"""Emits a webhook event for each utterance that has ended, on the way of its records to the archive."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol

from bot.outputs.transcript_writer import TranscriptArchive
from rooms_admin.integrations.subscriptions import EventKind
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine

TEXTS_REMEMBERED = 2_000
"""Final lines kept until their utterance ends: a few per call. Beyond the limit the oldest are forgotten; the event of
their utterance then has no texts."""


class EmitEvent(Protocol):
    """Sends a webhook event to the subscribers of a room. Never blocks."""

    def __call__(self, kind: EventKind, room_id: str, data: Mapping[str, object]) -> None: ...


class WebhookEvents:
    """Passes records on to an archive, and emits `utterance.final` (implements `TranscriptArchive`)."""

    def __init__(self, archive: TranscriptArchive, emit: EmitEvent) -> None:
        self._archive = archive
        self._emit = emit
        self._texts: OrderedDict[tuple[str, str, str | None], str] = OrderedDict()
        """By room, utterance and language; None instead of the language for the speaker's own words."""

    def opened(self, room_id: str, utterance_id: str, speaker_id: str, source: str, target: str) -> None:
        self._archive.opened(room_id, utterance_id, speaker_id, source, target)

    def line(self, room_id: str, line: TranscriptLine) -> None:
        self._archive.line(room_id, line)
        if line.is_final:
            self._texts[room_id, line.utterance_id, None if line.is_original else line.language] = line.text
            if len(self._texts) > TEXTS_REMEMBERED:
                self._texts.popitem(last=False)

    def closed(self, room_id: str, record: LedgerRecord) -> None:
        self._archive.closed(room_id, record)
        if record.kind == "usage":
            return  # nobody's words
        data = {
            "utterance_id": record.utterance_id,
            "speaker_id": record.speaker_id,
            "source": record.source,
            "target": record.target,
            "state": record.state,
            "reason": record.reason,
            "original": self._texts.get((room_id, record.utterance_id, None)),
            "interpretation": self._texts.pop((room_id, record.utterance_id, record.target), None),
            "ear_voice_span_ms": record.ear_voice_span_ms,
            "kind": record.kind,
            "faults": list(record.faults),
        }
        self._emit("utterance.final", room_id, data)
