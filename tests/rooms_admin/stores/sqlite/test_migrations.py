"""Whatever version of this service wrote a database, this one reads what is in it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import msgspec
import pytest

from rooms_admin.rooms.room import NO_GLOSSARY, milliseconds
from rooms_admin.stores.sqlite.migrations import MIGRATIONS, OF_A_ROOM
from rooms_admin.stores.sqlite.rooms import SqliteRooms
from rooms_admin.stores.sqlite.transcripts import SqliteTranscripts
from rooms_admin.transcripts.recorder import TranscriptRecorder
from storage.sqlite import SqliteDatabase, migrate
from tests.support.rooms import NOW, line, passage, room

YOUNGER = ("glossary", "retention_days", "request_key", "sisters")
"""Keys of a room's document that the first version did not know."""


def written_by(version: int, path: Path) -> None:
    """A database as the service wrote it when the schema had this version."""
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, MIGRATIONS[:version])
    if version >= 1:
        document = msgspec.json.decode(msgspec.json.encode(room(1)))
        for key in YOUNGER:
            del document[key]
        end = milliseconds(room(1).valid_until)
        connection.execute(
            "INSERT INTO rooms"
            " (room_id, acs_room_id, join_code, name, languages, mode, valid_from, valid_until, document)"
            " VALUES (?, ?, ?, 'board', ' en-US es-ES ', 'consecutive', ?, ?, ?)",
            (
                "room-1", room(1).acs_room_id, "000001", milliseconds(NOW), end, msgspec.json.encode(document).decode()
            ),
        )  # fmt: skip
    if version >= 2:
        text = msgspec.json.encode(line()).decode()
        connection.execute("INSERT INTO lines VALUES ('room-1', 'u-1', 'es-ES', ?, 1, ?)", (line().timestamp_ms, text))
        text = msgspec.json.encode(passage()).decode()
        connection.execute("INSERT INTO passages VALUES (1, 'room-1', 'u-1', 'es-ES', 0, ?)", (text,))
    if version >= 8:
        connection.execute("INSERT INTO acs_rooms VALUES (?, 'room-1')", (room(1).acs_room_id,))
    connection.close()


@pytest.mark.parametrize("version", range(len(MIGRATIONS) + 1))
async def test_what_an_older_version_wrote_is_all_there(tmp_path: Path, version: int) -> None:
    path = tmp_path / "rooms.sqlite3"
    await asyncio.to_thread(written_by, version, path)
    async with (
        SqliteDatabase(str(path), MIGRATIONS) as database,
        TranscriptRecorder(SqliteTranscripts(database)) as archive,
    ):
        rooms = SqliteRooms(database)
        if version >= 1:
            assert await rooms.get("room-1") == room(1)
            assert await rooms.find_by_join_code("000001") == room(1)
            assert await rooms.find_by_acs_room(room(1).acs_room_id) == room(1)
            changed = await rooms.update("room-1", lambda room: room)
            assert (changed.version, changed.glossary) == (2, NO_GLOSSARY)
        else:
            await rooms.add(room(1))
        if version >= 2:
            assert await archive.lines("room-1") == [line()]
            assert await archive.ledger("room-1") == [passage()]
        proof = await rooms.remove("room-1", NOW)
        assert set(proof.left.values()) == {0}


def test_every_table_with_rooms_in_it_is_cleared_with_the_room() -> None:
    """A new table cannot be forgotten: proof of deletion would be worth nothing."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, MIGRATIONS)
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    of_a_room = {
        table
        for table in tables
        if any(column[1] == "room_id" for column in connection.execute(f"PRAGMA table_info({table})"))
    }
    connection.close()
    assert of_a_room - {"rooms", "deletions"} == set(OF_A_ROOM)
