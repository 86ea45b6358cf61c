"""Keeps transcript lines and ledger entries, open and closed; `TranscriptStore` says where.

Writing down never waits: it fills a buffer, and a task writes the buffer to the store several times a second. Of a line
that still grows only the latest revision is written. A process that is killed loses what the buffer held; one that is
told to stop loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from rooms_admin.rooms.room import Room, milliseconds
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from storage.errors import StoreUnavailable

logger = logging.getLogger(__name__)

FLUSH_S = 0.5
"""Between two writes: one sync of the disk each."""
BUFFER_LIMIT = 20_000
"""Items of a kind not in the store yet. If the store does not keep up, the oldest go, and are counted."""
LINES_READ = 20_000
"""Per room. Two languages, some ten utterances a minute: more than twelve hours; the youngest are read."""
LAST_FLUSH_S = 5.0

Kept = TypeVar("Kept")
RecordKey = tuple[str, str, str]
"""Room, utterance, language or target."""


@dataclass(frozen=True, slots=True)
class OpenLedgerRecord:
    """An utterance somebody works on, in one target language: it has no final state yet."""

    utterance_id: str
    speaker_id: str
    source: str
    target: str
    opened_at_ms: int
    """since the Unix epoch"""

    def abandoned(self, reason: str, now_ms: int) -> LedgerRecord:
        """The final state of one nobody works on any more."""
        return LedgerRecord(
            utterance_id=self.utterance_id,
            speaker_id=self.speaker_id,
            source=self.source,
            target=self.target,
            state="abandoned",
            reason=reason,
            spoken_ms=None,
            played_ms=0,
            ear_voice_span_ms=None,
            model_ms=None,
            waited_ms=0,
            own_share_ms=None,
            closed_at_ms=now_ms,
        )


@dataclass(slots=True)
class TranscriptBatch:
    """What is written down at once."""

    lines: dict[RecordKey, TranscriptLine] = field(default_factory=dict)
    closed: dict[RecordKey, LedgerRecord] = field(default_factory=dict)
    opened: dict[RecordKey, OpenLedgerRecord] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lines) + len(self.closed) + len(self.opened)

    def after(self, earlier: TranscriptBatch) -> TranscriptBatch:
        """Both; this one counts."""
        passages = earlier.closed | self.closed
        opened = {key: one for key, one in (earlier.opened | self.opened).items() if key not in passages}
        return TranscriptBatch(earlier.lines | self.lines, passages, opened)

    def without(self, room_id: str) -> TranscriptBatch:
        return TranscriptBatch(
            {key: one for key, one in self.lines.items() if key[0] != room_id},
            {key: one for key, one in self.closed.items() if key[0] != room_id},
            {key: one for key, one in self.opened.items() if key[0] != room_id},
        )


class TranscriptStore(Protocol):
    """Where an Archive keeps what it keeps. Each method is atomic for a room; errors leave as `StoreUnavailable`."""

    async def write(self, batch: TranscriptBatch) -> None:
        """Of a line the higher revision stays. A closed passage takes its open one's place, and is not opened again.
        What belongs to no room that is there is left out: a deleted one must not come back by its last words."""

    async def lines(self, room_id: str, most: int) -> Sequence[TranscriptLine]:
        """The youngest, by time."""

    async def ledger(self, room_id: str, most: int | None) -> Sequence[LedgerRecord]:
        """The youngest, in the order in which they were closed; None: all of them."""

    async def close_open(self, room_id: str, prefix: str, reason: str, now_ms: int) -> int:
        """See Archive."""

    async def expire(self, oldest_ms: Mapping[str, int]) -> int:
        """Delete what is older, by room; returns how much that was."""


class TranscriptRecorder:
    """The transcripts and ledgers of all rooms. Leaving the context writes down what is still in the buffer."""

    def __init__(
        self,
        records: TranscriptStore,
        *,
        flush_s: float = FLUSH_S,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._records = records
        self._flush_s = flush_s
        self._now = now
        self._buffer = TranscriptBatch()
        self._being_written = TranscriptBatch()
        self._flushing = asyncio.Lock()
        self._losing = False
        self.lost = 0
        """Lines and entries that never reached the store."""

    async def __aenter__(self) -> TranscriptRecorder:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            async with asyncio.timeout(LAST_FLUSH_S):
                await self.flush()
        except (StoreUnavailable, TimeoutError):
            logger.error("transcripts lost", extra={"items": len(self._buffer)})

    # --- writing down: called in the loop, never blocks ----------------------------------------------

    def line(self, room_id: str, line: TranscriptLine) -> None:
        """Keep this revision in the place of the one before."""
        key = (room_id, line.utterance_id, line.language)
        known = self._buffer.lines.get(key)
        if known is None or line.revision >= known.revision:
            self._buffer.lines[key] = line
            self._bound(self._buffer.lines)

    def opened(self, room_id: str, utterance_id: str, speaker_id: str, source: str, target: str) -> None:
        """Somebody begins with an utterance. Its `passage` says how it ended, or `close_open` that nobody can say."""
        entry = OpenLedgerRecord(utterance_id, speaker_id, source, target, milliseconds(self._now()))
        self._buffer.opened[room_id, utterance_id, target] = entry
        self._bound(self._buffer.opened)

    def closed(self, room_id: str, passage: LedgerRecord) -> None:
        """The final state of an utterance in a language."""
        key = (room_id, passage.utterance_id, passage.target)
        self._buffer.opened.pop(key, None)
        closed_at_ms = passage.closed_at_ms or milliseconds(self._now())
        self._buffer.closed[key] = replace(passage, closed_at_ms=closed_at_ms)
        self._bound(self._buffer.closed)

    def _bound(self, kept: dict[RecordKey, Kept]) -> None:
        if len(kept) <= BUFFER_LIMIT:
            return
        del kept[next(iter(kept))]
        self.lost += 1
        if not self._losing:
            self._losing = True
            logger.error("transcripts are being lost: the store does not keep up")

    def forget(self, room_id: str) -> None:
        """What the buffer holds of a deleted room is not to be written; the store has removed the rest."""
        self._buffer = self._buffer.without(room_id)

    # --- the store ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write down the buffer again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._flush_s
        while True:
            await asyncio.sleep(due - loop.time())
            try:
                await self.flush()
            except StoreUnavailable:
                pass  # logged by the store; what was to be written is in the buffer again
            due = max(due + self._flush_s, loop.time())

    async def flush(self) -> None:
        """Write down what the buffer holds now.

        Raises:
            StoreUnavailable: everything is kept for the next time.
        """
        async with self._flushing:
            if not self._buffer:
                return
            batch = self._being_written = self._buffer
            self._buffer = TranscriptBatch()
            written = False
            try:
                await self._records.write(batch)
                written = True
                self._losing = False
            finally:
                if not written:
                    self._buffer = self._buffer.after(batch)
                self._being_written = TranscriptBatch()

    async def close_open(self, room_id: str, prefix: str, reason: str) -> int:
        """Close every open entry of the room whose utterance id begins with `prefix`, as abandoned; returns how many.

        For what a process that is no more had begun.
        """
        await self.flush()
        return await self._records.close_open(room_id, prefix, reason, milliseconds(self._now()))

    # --- reading -------------------------------------------------------------------------------------------

    async def lines(self, room_id: str) -> Sequence[TranscriptLine]:
        """The latest revision of each line, by time; those still in the buffer included."""
        buffered = {**_of(self._being_written.lines, room_id), **_of(self._buffer.lines, room_id)}
        kept = {(one.utterance_id, one.language): one for one in await self._records.lines(room_id, LINES_READ)}
        return list({**kept, **buffered}.values())

    async def ledger(self, room_id: str) -> Sequence[LedgerRecord]:
        """The youngest closed entries, in the order in which they were closed."""
        return await self._read_ledger(room_id, LINES_READ)

    async def whole_ledger(self, room_id: str) -> Sequence[LedgerRecord]:
        """All closed entries there are, in the order in which they were closed."""
        return await self._read_ledger(room_id, None)

    async def _read_ledger(self, room_id: str, most: int | None) -> Sequence[LedgerRecord]:
        buffered = {**_of(self._being_written.closed, room_id), **_of(self._buffer.closed, room_id)}
        kept = {(one.utterance_id, one.target): one for one in await self._records.ledger(room_id, most)}
        return list({**kept, **buffered}.values())

    # --- retention -----------------------------------------------------------------------------------------

    async def expire(self, rooms: Sequence[Room], default_days: int) -> int:
        """Delete what is older than each of the rooms allows; returns how much that was."""
        now = self._now()

        def days(room: Room) -> int:
            return default_days if room.retention_days is None else room.retention_days

        return await self._records.expire(
            {room.room_id: milliseconds(now - timedelta(days=days(room))) for room in rooms}
        )


def _of(kept: dict[RecordKey, Kept], room_id: str) -> dict[tuple[str, str], Kept]:
    return {key[1:]: item for key, item in kept.items() if key[0] == room_id}
