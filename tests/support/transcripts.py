"""Transcripts in memory: what a room records, and what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.interpreting.caption_text import CaptionLine
from bot.interpreting.ledger import Entry
from bot.interpreting.plan import Lane
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine


@dataclass
class TranscriptNotes:
    """A `TranscriptSink` in memory, which can be made to fail."""

    lines: list[CaptionLine] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    opened_ones: list[tuple[Lane, str]] = field(default_factory=list)
    fails_to_write: bool = False

    def caption(self, line: CaptionLine) -> None:
        if self.fails_to_write:
            raise OSError("disk full")
        self.lines.append(line)

    def opened(self, lane: Lane, utterance: str) -> None:
        self.opened_ones.append((lane, utterance))

    def settled(self, entry: Entry) -> None:
        self.entries.append(entry)

    @property
    def states(self) -> list[tuple[str, str]]:
        return [(entry.state.value, entry.reason) for entry in self.entries]


class KeptTranscript:
    """A `TranscriptArchive` in memory."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, TranscriptLine]] = []
        self.records: list[tuple[str, LedgerRecord]] = []
        self.open: list[tuple[str, str, str, str, str]] = []

    def opened(self, room_id: str, utterance_id: str, speaker_id: str, source: str, target: str) -> None:
        self.open.append((room_id, utterance_id, speaker_id, source, target))

    def line(self, room_id: str, line: TranscriptLine) -> None:
        self.lines.append((room_id, line))

    def closed(self, room_id: str, record: LedgerRecord) -> None:
        self.records.append((room_id, record))
