"""Transcripts and ledgers, in SQLite. The tables are in `migrations.py`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from rooms_admin.transcripts.recorder import OpenLedgerRecord, TranscriptBatch
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from storage.sqlite import SqliteDatabase

_line = msgspec.json.Decoder(TranscriptLine)
_record = msgspec.json.Decoder(LedgerRecord)
_open = msgspec.json.Decoder(OpenLedgerRecord)

_AGES = (("lines", "timestamp_ms"), ("passages", "closed_ms"), ("open_passages", "opened_ms"))


class SqliteTranscripts:
    """See TranscriptStore."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def write(self, batch: TranscriptBatch) -> None:
        await self._database.write(lambda connection: _write(connection, batch))

    async def lines(self, room_id: str, most: int) -> Sequence[TranscriptLine]:
        query = "SELECT document FROM lines WHERE room_id = ? ORDER BY timestamp_ms DESC LIMIT ?"

        def read(connection: sqlite3.Connection) -> list[TranscriptLine]:
            rows = connection.execute(query, (room_id, most)).fetchall()
            return [_line.decode(row[0]) for row in reversed(rows)]

        return await self._database.read(read)

    async def ledger(self, room_id: str, most: int | None) -> Sequence[LedgerRecord]:
        query = "SELECT document FROM passages WHERE room_id = ? ORDER BY number DESC LIMIT ?"

        def read(connection: sqlite3.Connection) -> list[LedgerRecord]:
            rows = connection.execute(query, (room_id, -1 if most is None else most)).fetchall()
            return [_record.decode(row[0]) for row in reversed(rows)]

        return await self._database.read(read)

    async def close_open(self, room_id: str, prefix: str, reason: str, now_ms: int) -> int:
        beginning = "room_id = ? AND substr(utterance_id, 1, ?) = ?"
        values = (room_id, len(prefix), prefix)

        def close(connection: sqlite3.Connection) -> int:
            query = f"SELECT document FROM open_passages WHERE {beginning} ORDER BY opened_ms, utterance_id"
            rows = connection.execute(query, values).fetchall()
            closed = [_open.decode(row[0]).abandoned(reason, now_ms) for row in rows]
            _write(connection, TranscriptBatch(closed={(room_id, one.utterance_id, one.target): one for one in closed}))
            return len(closed)

        return await self._database.write(close)

    async def expire(self, oldest_ms: Mapping[str, int]) -> int:
        def expire(connection: sqlite3.Connection) -> int:
            gone = 0
            for table, column in _AGES:
                statement = f"DELETE FROM {table} WHERE room_id = ? AND {column} < ?"
                gone += max(0, connection.executemany(statement, list(oldest_ms.items())).rowcount)
            return gone

        gone = await self._database.write(expire)
        if gone:
            await self._database.truncate_log()
        return gone


# Items of a room deleted meanwhile are left out.
_IF_ROOM = "FROM rooms WHERE room_id = :room_id"


def _write(connection: sqlite3.Connection, batch: TranscriptBatch) -> None:
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
            for (room_id, utterance_id, language), line in batch.lines.items()
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
                "closed_ms": record.closed_at_ms,
                "document": msgspec.json.encode(record).decode(),
            }
            for (room_id, utterance_id, target), record in batch.closed.items()
        ],
    )
    connection.executemany(
        "DELETE FROM open_passages WHERE room_id = ? AND utterance_id = ? AND target = ?", list(batch.closed)
    )
    # A closed record stays closed, even if its opening is written late.
    connection.executemany(
        f"""INSERT OR IGNORE INTO open_passages
        SELECT :room_id, :utterance_id, :target, :opened_ms, :document {_IF_ROOM} AND NOT EXISTS (
            SELECT 1 FROM passages WHERE room_id = :room_id AND utterance_id = :utterance_id AND target = :target
        )""",
        [
            {
                "room_id": room_id,
                "utterance_id": utterance_id,
                "target": target,
                "opened_ms": one.opened_at_ms,
                "document": msgspec.json.encode(one).decode(),
            }
            for (room_id, utterance_id, target), one in batch.opened.items()
        ],
    )
