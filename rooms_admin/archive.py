"""Keeps what was said and what became of it: transcript lines and closed ledger entries, in the rooms' database.

Writing down never waits: it fills a buffer, and a task writes the buffer to disk twice a second. Of a line that still
grows only the latest revision is written. A process that is killed loses what the buffer held, half a second at most;
one that is told to stop loses nothing.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from rooms_admin.database import Database
from rooms_admin.errors import StoreUnavailable
from rooms_admin.exports import Passage, TranscriptLine
from rooms_admin.store import Room, milliseconds

logger = logging.getLogger(__name__)

FLUSH_S = 0.5
"""Between two writes: one sync of the disk each."""
BUFFER_LIMIT = 20_000
"""Lines and entries not on disk yet. If the disk does not keep up, the oldest go, and are counted."""
LINES_READ = 20_000
"""Per room. Two languages, some ten utterances a minute: more than twelve hours; the youngest are read."""
LAST_FLUSH_S = 5.0

Kept = TypeVar("Kept")
Key = tuple[str, str, str]
"""Room, utterance, language or target."""

_line = msgspec.json.Decoder(TranscriptLine)
_passage = msgspec.json.Decoder(Passage)


class Archive:
    """The transcripts and ledgers of all rooms. Leaving the context writes down what is still in the buffer."""

    def __init__(
        self,
        database: Database,
        *,
        flush_s: float = FLUSH_S,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._database = database
        self._flush_s = flush_s
        self._now = now
        self._lines: dict[Key, TranscriptLine] = {}
        self._passages: dict[Key, Passage] = {}
        self._being_written: tuple[dict[Key, TranscriptLine], dict[Key, Passage]] = ({}, {})
        self._flushing = asyncio.Lock()
        self._losing = False
        self.lost = 0
        """Lines and entries that never reached the disk."""

    async def __aenter__(self) -> Archive:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            async with asyncio.timeout(LAST_FLUSH_S):
                await self.flush()
        except (StoreUnavailable, TimeoutError):
            logger.error("transcripts lost", extra={"items": len(self._lines) + len(self._passages)})

    # --- writing down: called in the loop, never blocks ----------------------------------------------

    def line(self, room_id: str, line: TranscriptLine) -> None:
        """Keep this revision in the place of the one before."""
        key = (room_id, line.utterance_id, line.language)
        known = self._lines.get(key)
        if known is None or line.revision >= known.revision:
            self._lines[key] = line
            self._bound(self._lines)

    def passage(self, room_id: str, passage: Passage) -> None:
        key = (room_id, passage.utterance_id, passage.target)
        self._passages[key] = replace(passage, closed_at_ms=passage.closed_at_ms or milliseconds(self._now()))
        self._bound(self._passages)

    def _bound(self, kept: dict[Key, Kept]) -> None:
        if len(kept) <= BUFFER_LIMIT:
            return
        del kept[next(iter(kept))]
        self.lost += 1
        if not self._losing:
            self._losing = True
            logger.error("transcripts are being lost: the store does not keep up")

    def forget(self, room_id: str) -> None:
        """What the buffer holds of a deleted room is not to be written; the store has removed the rest."""
        self._lines = {key: line for key, line in self._lines.items() if key[0] != room_id}
        self._passages = {key: passage for key, passage in self._passages.items() if key[0] != room_id}

    # --- the disk ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write down the buffer again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._flush_s
        while True:
            await asyncio.sleep(due - loop.time())
            try:
                await self.flush()
            except StoreUnavailable:
                pass  # logged by the database; what was to be written is in the buffer again
            due = max(due + self._flush_s, loop.time())

    async def flush(self) -> None:
        """Write down what the buffer holds now.

        Raises:
            StoreUnavailable: everything is kept for the next time.
        """
        async with self._flushing:
            if not self._lines and not self._passages:
                return
            lines, passages = self._being_written = self._lines, self._passages
            self._lines, self._passages = {}, {}
            written = False
            try:
                await self._database.write(lambda connection: _write(connection, lines, passages))
                written = True
                self._losing = False
            finally:
                if not written:
                    self._lines, self._passages = lines | self._lines, passages | self._passages
                self._being_written = ({}, {})

    # --- reading -------------------------------------------------------------------------------------------

    async def lines(self, room_id: str) -> Sequence[TranscriptLine]:
        """The latest revision of each line, by time; those still in the buffer included."""
        buffered = {**_of(self._being_written[0], room_id), **_of(self._lines, room_id)}
        query = "SELECT document FROM lines WHERE room_id = ? ORDER BY timestamp_ms DESC LIMIT ?"

        def read(connection: sqlite3.Connection) -> list[TranscriptLine]:
            rows = connection.execute(query, (room_id, LINES_READ)).fetchall()
            kept = {
                (line.utterance_id, line.language): line for line in (_line.decode(row[0]) for row in reversed(rows))
            }
            return list({**kept, **buffered}.values())

        return await self._database.read(read)

    async def passages(self, room_id: str) -> Sequence[Passage]:
        """The youngest closed entries, in the order in which they were closed."""
        return await self._read_passages(room_id, LINES_READ)

    async def every_passage(self, room_id: str) -> Sequence[Passage]:
        """All closed entries there are, in the order in which they were closed."""
        return await self._read_passages(room_id, -1)

    async def _read_passages(self, room_id: str, limit: int) -> Sequence[Passage]:
        buffered = {**_of(self._being_written[1], room_id), **_of(self._passages, room_id)}
        query = "SELECT document FROM passages WHERE room_id = ? ORDER BY number DESC LIMIT ?"

        def read(connection: sqlite3.Connection) -> list[Passage]:
            rows = connection.execute(query, (room_id, limit)).fetchall()
            kept = {(one.utterance_id, one.target): one for one in (_passage.decode(row[0]) for row in reversed(rows))}
            return list({**kept, **buffered}.values())

        return await self._database.read(read)

    # --- retention -----------------------------------------------------------------------------------------

    async def expire(self, rooms: Sequence[Room], default_days: int) -> int:
        """Delete what is older than each of the rooms allows; returns how much that was."""
        now = self._now()

        def days(room: Room) -> int:
            return default_days if room.retention_days is None else room.retention_days

        oldest = [(room.room_id, milliseconds(now - timedelta(days=days(room)))) for room in rooms]

        def expire(connection: sqlite3.Connection) -> int:
            gone = 0
            for table, column in (("lines", "timestamp_ms"), ("passages", "closed_ms")):
                statement = f"DELETE FROM {table} WHERE room_id = ? AND {column} < ?"
                gone += max(0, connection.executemany(statement, oldest).rowcount)
            return gone

        gone = await self._database.write(expire)
        if gone:
            await self._database.forget_traces()
        return gone


def _of(kept: dict[Key, Kept], room_id: str) -> dict[tuple[str, str], Kept]:
    return {key[1:]: item for key, item in kept.items() if key[0] == room_id}


# A room that has been deleted in the meantime must not come back by the last words of its call.
_IF_ROOM = "FROM rooms WHERE room_id = :room_id"


def _write(connection: sqlite3.Connection, lines: dict[Key, TranscriptLine], passages: dict[Key, Passage]) -> None:
    connection.executemany(
        f"""INSERT INTO lines SELECT :room_id, :utterance_id, :language, :timestamp_ms, :revision, :document {_IF_ROOM}
        ON CONFLICT DO UPDATE SET timestamp_ms = excluded.timestamp_ms, revision = excluded.revision,
        document = excluded.document WHERE excluded.revision >= lines.revision""",
        [
            {
                "room_id": room_id,
                "utterance_id": utterance_id,
                "language": language,
                "timestamp_ms": line.timestamp_ms,
                "revision": line.revision,
                "document": msgspec.json.encode(line).decode(),
            }
            for (room_id, utterance_id, language), line in lines.items()
        ],
    )
    connection.executemany(
        f"""INSERT INTO passages (room_id, utterance_id, target, closed_ms, document)
        SELECT :room_id, :utterance_id, :target, :closed_ms, :document {_IF_ROOM}
        ON CONFLICT (room_id, utterance_id, target) DO UPDATE SET document = excluded.document""",
        [
            {
                "room_id": room_id,
                "utterance_id": utterance_id,
                "target": target,
                "closed_ms": passage.closed_at_ms,
                "document": msgspec.json.encode(passage).decode(),
            }
            for (room_id, utterance_id, target), passage in passages.items()
        ],
    )
