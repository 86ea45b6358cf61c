"""Records transcript lines and ledger records in a `TranscriptStore`.

Recording never blocks: it fills a buffer, and a task writes the buffer to the store several times a second. Only the
latest revision of a growing line is written. A killed process loses the contents of the buffer; a stopped one loses
nothing.
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
from storage.documents import MOST, Whole
from storage.errors import StoreUnavailable

logger = logging.getLogger(__name__)

FLUSH_S = 0.5
"""Seconds between two writes; each syncs the disk once."""
BUFFER_LIMIT = 20_000
"""Buffered items of a kind. If the store does not keep up, the oldest are dropped and counted."""
LINES_READ = 20_000
"""Lines read of a room, the most recent ones. With two languages and ten utterances a minute, over twelve hours."""
LAST_FLUSH_S = 5.0
"""Seconds for the last write at shutdown."""

Kept = TypeVar("Kept")
RecordKey = tuple[str, str, str]
"""Room, utterance, and language or target language."""


@dataclass(frozen=True, slots=True)
class OpenLedgerRecord:
    """An utterance being interpreted into a target language: it has no final state yet."""

    utterance_id: str
    speaker_id: str
    source: str
    target: str
    opened_at_ms: Whole
    """Since the Unix epoch."""

    def abandoned(self, reason: str, now_ms: int) -> LedgerRecord:
        """Return the final record of an utterance that nobody completes any more."""
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


def given_up(line: TranscriptLine) -> TranscriptLine:
    """Return the final revision of a line that nobody completes any more."""
    return replace(line, revision=min(line.revision + 1, MOST), is_final=True, flags=(*line.flags, "abandoned"))


@dataclass(slots=True)
class TranscriptBatch:
    """Items written to the store together."""

    lines: dict[RecordKey, TranscriptLine] = field(default_factory=dict)
    closed: dict[RecordKey, LedgerRecord] = field(default_factory=dict)
    opened: dict[RecordKey, OpenLedgerRecord] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lines) + len(self.closed) + len(self.opened)

    def after(self, earlier: TranscriptBatch) -> TranscriptBatch:
        """Merge with an earlier batch; items of this one take precedence."""
        passages = earlier.closed | self.closed
        opened = {key: one for key, one in (earlier.opened | self.opened).items() if key not in passages}
        return TranscriptBatch(earlier.lines | self.lines, passages, opened)

    def without(self, room_id: str) -> TranscriptBatch:
        """Return the batch without the items of a room."""
        return TranscriptBatch(
            {key: one for key, one in self.lines.items() if key[0] != room_id},
            {key: one for key, one in self.closed.items() if key[0] != room_id},
            {key: one for key, one in self.opened.items() if key[0] != room_id},
        )


class TranscriptStore(Protocol):
    """Stores transcripts and ledgers. Methods are atomic for a room and raise `StoreUnavailable` on failure."""

    async def write(self, batch: TranscriptBatch) -> None:
        """Write a batch. Items of rooms that do not exist are left out, so that a deleted room does not come back.

        The higher revision of a line is kept. A closed record replaces the open one and is not opened again.
        """

    async def lines(self, room_id: str, most: int) -> Sequence[TranscriptLine]:
        """Return the `most` recent lines, by time."""

    async def ledger(self, room_id: str, most: int | None) -> Sequence[LedgerRecord]:
        """Return the `most` recent closed records in the order of closing; all of them for None."""

    async def close_open(self, room_id: str, prefix: str, reason: str, now_ms: int) -> int:
        """See `TranscriptRecorder.close_open`."""

    async def expire(self, oldest_ms: Mapping[str, int]) -> int:
        """Delete the items of each room older than its time; return how many."""


class TranscriptRecorder:
    """Records transcripts and ledgers of all rooms. Leaving the context writes the rest of the buffer."""

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
        """Items dropped before they reached the store."""

    async def __aenter__(self) -> TranscriptRecorder:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            async with asyncio.timeout(LAST_FLUSH_S):
                await self.flush()
        except (StoreUnavailable, TimeoutError) as error:
            fields = {"items": len(self._buffer), "reason": type(error).__name__}
            logger.error("transcript items dropped at shutdown", extra=fields)

    @property
    def waiting(self) -> int:
        """Items that are not stored yet."""
        return len(self._buffer) + len(self._being_written)

    # --- recording: called in the loop, never blocks ----------------------------------------------

    def line(self, room_id: str, line: TranscriptLine) -> None:
        """Record a revision of a line; it replaces earlier ones."""
        key = (room_id, line.utterance_id, line.language)
        known = self._buffer.lines.get(key)
        if known is None or line.revision >= known.revision:
            self._buffer.lines[key] = line
            self._bound(self._buffer.lines)

    def opened(self, room_id: str, utterance_id: str, speaker_id: str, source: str, target: str) -> None:
        """Record the start of an utterance. `closed` records its end, or `close_open` if its process is gone."""
        entry = OpenLedgerRecord(utterance_id, speaker_id, source, target, milliseconds(self._now()))
        self._buffer.opened[room_id, utterance_id, target] = entry
        self._bound(self._buffer.opened)

    def closed(self, room_id: str, record: LedgerRecord) -> None:
        """Record the final state of an utterance in a target language."""
        key = (room_id, record.utterance_id, record.target)
        self._buffer.opened.pop(key, None)
        closed_at_ms = record.closed_at_ms or milliseconds(self._now())
        self._buffer.closed[key] = replace(record, closed_at_ms=closed_at_ms)
        self._bound(self._buffer.closed)

    def _bound(self, kept: dict[RecordKey, Kept]) -> None:
        if len(kept) <= BUFFER_LIMIT:
            return
        del kept[next(iter(kept))]
        self.lost += 1
        if not self._losing:
            self._losing = True
            logger.error("transcript item dropped", extra={"reason": "the store does not keep up"})

    def forget(self, room_id: str) -> None:
        """Drop the buffered items of a deleted room; the store has removed the others."""
        self._buffer = self._buffer.without(room_id)

    # --- the store ---------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write the buffer every `flush_s` seconds, until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._flush_s
        while True:
            await asyncio.sleep(due - loop.time())
            try:
                await self.flush()
            except StoreUnavailable:
                pass  # logged by the store; the items are in the buffer again
            due = max(due + self._flush_s, loop.time())

    async def flush(self) -> None:
        """Write the buffer.

        Raises:
            StoreUnavailable: the items stay in the buffer.
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
        """Close the open records of a room whose utterance ids begin with `prefix` as abandoned; return how many.

        Their lines that were not final become final, with the flag `abandoned`. For utterances that were begun by a
        process that is gone.
        """
        await self.flush()
        return await self._records.close_open(room_id, prefix, reason, milliseconds(self._now()))

    # --- reading -------------------------------------------------------------------------------------------

    async def lines(self, room_id: str) -> Sequence[TranscriptLine]:
        """Return the latest revision of each line, by time, including buffered ones."""
        buffered = {**_of(self._being_written.lines, room_id), **_of(self._buffer.lines, room_id)}
        kept = await self._records.lines(room_id, LINES_READ)
        if not buffered:
            return kept
        return [buffered.pop((one.utterance_id, one.language), one) for one in kept] + list(buffered.values())

    async def ledger(self, room_id: str) -> Sequence[LedgerRecord]:
        """Return the most recent closed records in the order of closing."""
        return await self._read_ledger(room_id, LINES_READ)

    async def whole_ledger(self, room_id: str) -> Sequence[LedgerRecord]:
        """Return all closed records in the order of closing."""
        return await self._read_ledger(room_id, None)

    async def _read_ledger(self, room_id: str, most: int | None) -> Sequence[LedgerRecord]:
        buffered = {**_of(self._being_written.closed, room_id), **_of(self._buffer.closed, room_id)}
        kept = await self._records.ledger(room_id, most)
        if not buffered:
            return kept
        return [buffered.pop((one.utterance_id, one.target), one) for one in kept] + list(buffered.values())

    # --- retention -----------------------------------------------------------------------------------------

    async def expire(self, rooms: Sequence[Room], default_days: int) -> int:
        """Delete the items of each room older than its retention; return how many."""
        now = self._now()

        def days(room: Room) -> int:
            return default_days if room.retention_days is None else room.retention_days

        return await self._records.expire(
            {room.room_id: milliseconds(now - timedelta(days=days(room))) for room in rooms}
        )


def _of(kept: dict[RecordKey, Kept], room_id: str) -> dict[tuple[str, str], Kept]:
    return {key[1:]: item for key, item in kept.items() if key[0] == room_id}
