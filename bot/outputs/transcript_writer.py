"""Converts what a call produces, caption lines and closed ledger entries, to the records of the archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.interpreting.caption_text import CaptionLine
from bot.interpreting.ledger import Entry, EntryKind
from bot.interpreting.plan import Lane
from rooms_admin.transcripts.records import LedgerRecord, PlayoutTimes, TranscriptLine

BYTES_PER_MS = 48
"""PCM16 at 24 kHz."""
TYPED = "typed"
"""Flag of a line, and kind of a record, of what was typed and not said."""


class TranscriptArchive(Protocol):
    """Stores records. Called in the event loop, never blocks."""

    def opened(self, room_id: str, utterance_id: str, speaker_id: str, source: str, target: str) -> None:
        """Store that an utterance has begun."""
        ...

    def line(self, room_id: str, line: TranscriptLine) -> None: ...

    def closed(self, room_id: str, record: LedgerRecord) -> None:
        """Store how an utterance ended."""
        ...


def ledger_record(entry: Entry) -> LedgerRecord:
    """Convert a closed entry: times in seconds become durations in milliseconds, bytes become milliseconds."""
    ended, committed, audio, played = entry.ended_at, entry.committed_at, entry.first_audio_at, entry.first_played_at
    span = model = own = None
    if ended is not None and committed is not None:
        if audio is not None:
            model = (audio - committed) * 1000
        if audio is not None and played is not None:
            span = (played - ended) * 1000
            own = (committed - ended) * 1000 - entry.patience_ms + (played - audio) * 1000 - entry.waited_ms
    return LedgerRecord(
        utterance_id=entry.utterance,
        speaker_id=entry.lane.speaker,
        source=entry.lane.source,
        target=entry.lane.target,
        state=entry.state.value,
        reason=entry.reason,
        spoken_ms=_spoken_ms(entry),
        played_ms=entry.played_ms,
        ear_voice_span_ms=None if span is None else round(span),
        model_ms=None if model is None else round(model),
        waited_ms=round(entry.waited_ms),
        own_share_ms=None if own is None else round(own, 1),
        tokens=dict(entry.tokens),
        kind=TYPED if entry.lane.typed else entry.kind.value,
        faults=tuple(str(fault) for fault in entry.faults),
        strict=entry.strict,
        condensed=entry.condensed,
        speed=entry.speed,
        engine=entry.engine,
        playouts={
            channel: PlayoutTimes(
                round(one.played / BYTES_PER_MS), round(one.trimmed / BYTES_PER_MS), round(one.dropped / BYTES_PER_MS)
            )
            for channel, one in entry.playouts.items()
        },
    )


def _spoken_ms(entry: Entry) -> int | None:
    """Return how much of the speaker was sent to the model; of a voice that was passed through, how long it lasted."""
    if entry.heard:
        return entry.heard_ms
    if entry.kind is EntryKind.UTTERANCE or entry.ended_at is None:
        return None
    return round((entry.ended_at - entry.began_at) * 1000)


@dataclass(frozen=True, slots=True)
class TranscriptWriter:
    """Records a call of a room (implements `bot.live_room.ports.TranscriptSink`)."""

    archive: TranscriptArchive
    room_id: str
    began_at_ms: int
    """Begin of the call since the Unix epoch: the times of the call count from it."""

    def opened(self, lane: Lane, utterance: str) -> None:
        self.archive.opened(self.room_id, utterance, lane.speaker, lane.source, lane.target)

    def caption(self, line: CaptionLine) -> None:
        record = TranscriptLine(
            utterance_id=line.utterance,
            revision=line.revision,
            speaker_id=line.speaker,
            speaker_name=line.speaker_name,
            language=line.language,
            text=line.text,
            is_final=line.is_final,
            timestamp_ms=line.timestamp_ms + self.began_at_ms,
            is_original=line.is_original,
            duration_ms=line.duration_ms,
            flags=tuple(str(flag) for flag in line.flags) + ((TYPED,) if line.typed else ()),
        )
        self.archive.line(self.room_id, record)

    def settled(self, entry: Entry) -> None:
        self.archive.closed(self.room_id, ledger_record(entry))
