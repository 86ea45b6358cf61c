"""Tells integrators of each utterance when its last word has been spoken; keeps what a call yields on the way."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Protocol

from bot.outputs.transcript_writer import TranscriptKeeper
from rooms_admin.integrations.subscriptions import EventKind
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine

TEXTS_REMEMBERED = 2_000
"""Final lines whose utterance may still have to be settled: a few per call. The oldest go first; their utterance is
told without its words."""


class EmitEvent(Protocol):
    """Who tells integrators. Never blocks."""

    def __call__(self, kind: EventKind, room_id: str, data: Mapping[str, object]) -> None: ...


class WebhookEvents:
    """A Keeper in front of another."""

    def __init__(self, keeper: TranscriptKeeper, tell: EmitEvent) -> None:
        self._keeper = keeper
        self._tell = tell
        self._texts: OrderedDict[tuple[str, str, str | None], str] = OrderedDict()
        """By room, utterance and language; the speaker's own words have none."""

    def opened(self, room_id: str, utterance_id: str, speaker_id: str, source: str, target: str) -> None:
        self._keeper.opened(room_id, utterance_id, speaker_id, source, target)

    def line(self, room_id: str, line: TranscriptLine) -> None:
        self._keeper.line(room_id, line)
        if line.is_final:
            self._texts[room_id, line.utterance_id, None if line.is_original else line.language] = line.text
            if len(self._texts) > TEXTS_REMEMBERED:
                self._texts.popitem(last=False)

    def closed(self, room_id: str, passage: LedgerRecord) -> None:
        self._keeper.closed(room_id, passage)
        data = {
            "utterance_id": passage.utterance_id,
            "speaker_id": passage.speaker_id,
            "source": passage.source,
            "target": passage.target,
            "state": passage.state,
            "reason": passage.reason,
            "original": self._texts.get((room_id, passage.utterance_id, None)),
            "interpretation": self._texts.pop((room_id, passage.utterance_id, passage.target), None),
            "ear_voice_span_ms": passage.ear_voice_span_ms,
            "kind": passage.kind,
            "faults": list(passage.faults),
        }
        self._tell("utterance.final", room_id, data)
