"""Transcripts and ledgers, in SQLite. The tables are in `migrations.py`."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial

from rooms_admin.transcripts.recorder import OpenLedgerRecord, TranscriptBatch, given_up
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from storage.documents import Documents
from storage.sqlite import SqliteDatabase

READ_AT_ONCE = 500
"""Records read at a time: a few milliseconds, after which other reads have their turn."""

_AGES = (("lines", "timestamp_ms"), ("passages", "closed_ms"), ("open_passages", "opened_ms"))
_LAST = (2**63 - 1, "", "")
"""A place behind every line: time, utterance and language."""


# Items of a room deleted meanwhile are left out.
_IF_ROOM = "FROM rooms WHERE room_id = :room_id"

NOT_FINAL = '"is_final":false'
"""Part of a document that no text can contain, as its quotes would be escaped."""


class SqliteTranscripts:
    """See TranscriptStore."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._lines = Documents("transcript line", TranscriptLine, database.health)
        self._records = Documents("ledger record", LedgerRecord, database.health)
        self._open = Documents("open ledger record", OpenLedgerRecord, database.health)

    async def write(self, batch: TranscriptBatch) -> None:
        await self._database.write(lambda connection: self._write(connection, batch))

    async def lines(self, room_id: str, most: int) -> Sequence[TranscriptLine]:
        query = (
            "SELECT timestamp_ms, utterance_id, language, document FROM lines"
            " WHERE room_id = ? AND (timestamp_ms, utterance_id, language) < (?, ?, ?)"
            " ORDER BY timestamp_ms DESC, utterance_id DESC, language DESC LIMIT ?"
        )
        found: list[TranscriptLine] = []
        place: tuple[int, str, str] | None = _LAST

        def read(connection: sqlite3.Connection) -> tuple[list[TranscriptLine], tuple[int, str, str] | None]:
            rows = connection.execute(query, (room_id, *(place or _LAST), READ_AT_ONCE)).fetchall()
            lines = (self._lines.decode(f"{room_id}/{utterance}/{tag}", text) for _, utterance, tag, text in rows)
            return [one for one in lines if one is not None], rows[-1][:3] if len(rows) == READ_AT_ONCE else None

        while place is not None and len(found) < most:
            lines, place = await self._database.read(read)
            found += lines
        return found[:most][::-1]

    async def ledger(self, room_id: str, most: int | None) -> Sequence[LedgerRecord]:
        query = "SELECT number FROM passages WHERE room_id = ? ORDER BY number DESC LIMIT ?"
        given = (room_id, -1 if most is None else most)
        numbers = await self._database.read(lambda connection: connection.execute(query, given).fetchall())
        numbers.reverse()
        found: list[LedgerRecord] = []
        for start in range(0, len(numbers), READ_AT_ONCE):
            part = [number for (number,) in numbers[start : start + READ_AT_ONCE]]
            found += await self._database.read(partial(self._some_of_the_ledger, room_id, part))
        return found

    def _some_of_the_ledger(
        self, room_id: str, numbers: Sequence[int], connection: sqlite3.Connection
    ) -> list[LedgerRecord]:
        marks = ", ".join("?" * len(numbers))
        query = f"SELECT utterance_id, target, document FROM passages WHERE number IN ({marks}) ORDER BY number"
        rows = connection.execute(query, numbers).fetchall()
        records = (self._records.decode(f"{room_id}/{utterance}/{tag}", text) for utterance, tag, text in rows)
        return [one for one in records if one is not None]

    async def close_open(self, room_id: str, prefix: str, reason: str, now_ms: int) -> int:
        beginning = "room_id = ? AND utterance_id >= ? AND substr(utterance_id, 1, ?) = ?"
        values = (room_id, prefix, len(prefix), prefix)

        def close(connection: sqlite3.Connection) -> int:
            batch = TranscriptBatch()
            query = (
                "SELECT utterance_id, target, document FROM open_passages"
                f" WHERE {beginning} ORDER BY opened_ms, utterance_id"
            )
            for utterance, target, document in connection.execute(query, values).fetchall():
                opened = self._open.decode(f"{room_id}/{utterance}/{target}", document)
                if opened is not None:
                    batch.closed[room_id, utterance, target] = opened.abandoned(reason, now_ms)
            query = f"SELECT utterance_id, language, document FROM lines WHERE {beginning} AND instr(document, ?) > 0"
            for utterance, language, document in connection.execute(query, (*values, NOT_FINAL)).fetchall():
                line = self._lines.decode(f"{room_id}/{utterance}/{language}", document)
                if line is not None:
                    batch.lines[room_id, utterance, language] = given_up(line)
            self._write(connection, batch)
            return len(batch.closed)

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

    def _write(self, connection: sqlite3.Connection, batch: TranscriptBatch) -> None:
        connection.executemany(
            f"""INSERT INTO lines
            SELECT :room_id, :utterance_id, :language, :timestamp_ms, :revision, :document {_IF_ROOM}
            ON CONFLICT DO UPDATE SET timestamp_ms = excluded.timestamp_ms, revision = excluded.revision,
            document = excluded.document WHERE excluded.revision >= lines.revision""",
            [
                {
                    "room_id": room_id,
                    "utterance_id": utterance_id,
                    "language": language,
                    "timestamp_ms": line.timestamp_ms,
                    "revision": line.revision,
                    "document": document.decode(),
                }
                for (room_id, utterance_id, language), line, document in self._lines.encode_each(batch.lines)
            ],
        )
        closed = [
            {
                "room_id": room_id,
                "utterance_id": utterance_id,
                "target": target,
                "closed_ms": record.closed_at_ms,
                "document": document.decode(),
            }
            for (room_id, utterance_id, target), record, document in self._records.encode_each(batch.closed)
        ]
        connection.executemany(
            f"""INSERT INTO passages (room_id, utterance_id, target, closed_ms, document)
            SELECT :room_id, :utterance_id, :target, :closed_ms, :document {_IF_ROOM}
            ON CONFLICT (room_id, utterance_id, target) DO UPDATE SET document = excluded.document""",
            closed,
        )
        connection.executemany(
            "DELETE FROM open_passages WHERE room_id = :room_id AND utterance_id = :utterance_id AND target = :target",
            closed,
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
                    "document": document.decode(),
                }
                for (room_id, utterance_id, target), one, document in self._open.encode_each(batch.opened)
            ],
        )
