"""What is particular to state in SQLite: it is on disk, and goes by the wall clock. The rest: test_shared_state.py."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rooms_admin.stores.sqlite.migrations import MIGRATIONS
from storage.sqlite import IN_MEMORY, SqliteDatabase
from storage.sqlite_key_value import SqliteKeyValue


class Clock:
    now = 1_763_625_600.0

    def __call__(self) -> float:
        return self.now


async def test_a_restart_keeps_and_forgets(tmp_path: Path) -> None:
    path, clock = str(tmp_path / "state.sqlite3"), Clock()
    async with SqliteDatabase(path, MIGRATIONS) as database:
        state = SqliteKeyValue(database, now=clock)
        await state.put({"short": b"1"}, ttl_s=10)
        await state.put({"long": b"2"}, ttl_s=20)
        await state.push("inbox", b"3")
    clock.now += 10
    async with SqliteDatabase(path, MIGRATIONS) as database:
        state = SqliteKeyValue(database, now=clock)
        assert await state.find("") == {"long": b"2"}
        assert await state.pop("inbox", 0) == b"3"


async def test_what_is_forgotten_is_removed(tmp_path: Path) -> None:
    clock = Clock()
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        state = SqliteKeyValue(database, now=clock)
        for number in range(5):
            await state.put({f"call:{number}": b"1"}, ttl_s=10)
            clock.now += 11
        rows = await database.read(lambda connection: connection.execute("SELECT count(*) FROM state").fetchone())
        assert rows == (1,)


async def test_what_another_process_pushes_comes_within_a_poll(tmp_path: Path) -> None:
    path = str(tmp_path / "state.sqlite3")
    async with (
        SqliteDatabase(path, MIGRATIONS) as ours,
        SqliteDatabase(path, MIGRATIONS) as theirs,
        asyncio.timeout(30),
    ):
        waiting = asyncio.ensure_future(SqliteKeyValue(ours).pop("inbox", 30))
        await asyncio.sleep(0.02)
        await SqliteKeyValue(theirs).push("inbox", b"1")
        assert await waiting == b"1"
