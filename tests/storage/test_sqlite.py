"""The database: whole transactions, bounded waiting, and a kill that loses nothing that was acknowledged."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import threading
from pathlib import Path

import pytest

from storage import sqlite as database_module
from storage.errors import StoreUnavailable
from storage.sqlite import IN_MEMORY, SqliteDatabase, UnusableSqlite, migrate

MIGRATIONS = (["CREATE TABLE numbers (number INTEGER)"],)


def insert(number: int) -> database_module.Work[int]:
    return lambda connection: connection.execute("INSERT INTO numbers VALUES (?)", (number,)).rowcount


def numbers(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT number FROM numbers ORDER BY number")]


@pytest.mark.parametrize("where", ["file", "memory"])
async def test_what_is_written_is_read(tmp_path: Path, where: str) -> None:
    path = IN_MEMORY if where == "memory" else str(tmp_path / "new folder" / "numbers.sqlite3")
    async with SqliteDatabase(path, MIGRATIONS) as database:
        assert await database.write(insert(1)) == 1
        assert await database.read(numbers) == [1]
        await database.truncate_log()


async def test_what_is_written_is_there_next_time(tmp_path: Path) -> None:
    path = tmp_path / "numbers.sqlite3"
    async with SqliteDatabase(str(path), MIGRATIONS) as database:
        await database.write(insert(1))
    assert os.listdir(tmp_path) == [path.name]
    async with SqliteDatabase(str(path), MIGRATIONS) as database:
        assert await database.read(numbers) == [1]


async def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    async with SqliteDatabase(str(tmp_path / "numbers.sqlite3"), MIGRATIONS) as database:

        def fail(connection: sqlite3.Connection) -> None:
            insert(1)(connection)
            raise LookupError("after the insert")

        with pytest.raises(LookupError, match="after the insert"):
            await database.write(fail)
        await database.write(insert(2))
        assert await database.read(numbers) == [2]


async def test_the_reader_cannot_write(tmp_path: Path) -> None:
    async with SqliteDatabase(str(tmp_path / "numbers.sqlite3"), MIGRATIONS) as database:
        with pytest.raises(StoreUnavailable):
            await database.read(insert(1))
        assert await database.read(numbers) == []


async def test_reading_goes_on_while_something_is_written(tmp_path: Path) -> None:
    async with SqliteDatabase(str(tmp_path / "numbers.sqlite3"), MIGRATIONS) as database:
        writing, go_on = threading.Event(), threading.Event()

        def slow(connection: sqlite3.Connection) -> None:
            insert(1)(connection)
            writing.set()
            go_on.wait(10)

        async with asyncio.TaskGroup() as group:
            group.create_task(database.write(slow))
            await asyncio.to_thread(writing.wait, 10)
            assert await database.read(numbers) == []
            go_on.set()
        assert await database.read(numbers) == [1]


async def test_too_much_waiting_is_refused_and_what_waits_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "MOST_WAITING", 3)
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        go_on = threading.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(database.write(lambda _: go_on.wait(10)))
            group.create_task(database.write(insert(1)))
            group.create_task(database.write(insert(2)))
            await asyncio.sleep(0)
            with pytest.raises(StoreUnavailable) as caught:
                await database.write(insert(3))
            go_on.set()
        assert caught.value.retry_after_ms == 1000
        assert await database.read(numbers) == [1, 2]


async def test_a_cancelled_caller_does_not_stop_the_writer() -> None:
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        task = asyncio.ensure_future(database.write(insert(1)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await database.write(insert(2))
        assert 2 in await database.read(numbers)


async def test_a_closed_database_says_so() -> None:
    database = SqliteDatabase(IN_MEMORY, MIGRATIONS)
    async with database:
        pass
    with pytest.raises((StoreUnavailable, RuntimeError)):
        await database.read(numbers)


async def test_a_file_that_is_no_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear customer, " * 100)
    with pytest.raises(UnusableSqlite, match="not a database"):
        async with SqliteDatabase(str(path), MIGRATIONS):
            pass
    assert path.read_text() == "Dear customer, " * 100


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnusableSqlite, match=str(tmp_path / "file")):
        async with SqliteDatabase(str(tmp_path / "file" / "x.sqlite3"), MIGRATIONS):
            pass


# --- migrations ------------------------------------------------------------------------------------

STEPS = (
    *MIGRATIONS,
    ["ALTER TABLE numbers ADD COLUMN name TEXT", "UPDATE numbers SET name = 'number ' || number"],
    ["CREATE INDEX numbers_by_name ON numbers (name)"],
)


@pytest.mark.parametrize("version", range(len(STEPS) + 1))
def test_every_older_version_becomes_the_newest(version: int) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, STEPS[:version])
    if version:
        connection.execute("INSERT INTO numbers (number) VALUES (7)")
    migrate(connection, STEPS)
    migrate(connection, STEPS)
    assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    expected = {0: [], 1: [(7, "number 7")], 2: [(7, None)], 3: [(7, None)]}[version]
    assert connection.execute("SELECT number, name FROM numbers").fetchall() == expected
    connection.close()


def test_a_migration_that_fails_leaves_the_version_before() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    broken = (*STEPS[:1], ["CREATE TABLE more (number INTEGER)", "INSERT INTO missing VALUES (1)"])
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, broken)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'more'").fetchall() == []
    migrate(connection, STEPS)
    connection.close()


async def test_a_newer_database_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = str(tmp_path / "numbers.sqlite3")
    async with SqliteDatabase(path, STEPS) as database:
        await database.write(insert_with_name)
    with pytest.raises(UnusableSqlite, match="version 3, this service knows 1"):
        async with SqliteDatabase(path, MIGRATIONS):
            pass
    async with SqliteDatabase(path, STEPS) as database:
        assert await database.read(numbers) == [1]


def insert_with_name(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO numbers VALUES (1, 'one')")


# --- a kill ------------------------------------------------------------------------------------------

WRITER = """
import asyncio, sys
from storage.sqlite import SqliteDatabase

async def main():
    async with SqliteDatabase(sys.argv[1], (["CREATE TABLE numbers (number INTEGER)"],)) as database:
        number = 0
        while True:
            number += 1
            await database.write(lambda c: c.execute("INSERT INTO numbers VALUES (?)", (number,)))
            sys.stdout.write(f"{number}\\n")
            sys.stdout.flush()

asyncio.run(main())
"""


@pytest.mark.line
async def test_a_killed_process_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = str(tmp_path / "numbers.sqlite3")
    acknowledged = 0
    for _ in range(3):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, path,
            stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        assert child.stdout is not None
        said = [await child.stdout.readline() for _ in range(20)]
        child.send_signal(signal.SIGKILL)
        said += (await child.stdout.read()).splitlines(keepends=True)
        assert await child.wait() == -signal.SIGKILL
        acknowledged += len([line for line in said if line.endswith(b"\n")])
        async with SqliteDatabase(path, MIGRATIONS) as database:
            kept = await database.read(numbers)
            assert await database.read(lambda c: c.execute("PRAGMA integrity_check").fetchone()) == ("ok",)
        # With each kill one may have been committed that was not reported any more.
        assert acknowledged <= len(kept) <= acknowledged + 3


# --- the file and the disk ----------------------------------------------------------------------------------


def permissions(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
async def test_nobody_else_may_read_the_files(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "deep" / "folder" / "numbers.sqlite3"
    before = os.umask(umask)
    try:
        async with SqliteDatabase(str(path), MIGRATIONS) as database:
            await database.write(insert(1))
            files = {one: permissions(path.parent / one) for one in os.listdir(path.parent)}
    finally:
        os.umask(before)
    assert files == {path.name: 0o600, f"{path.name}-wal": 0o600, f"{path.name}-shm": 0o600}
    assert [permissions(one) for one in (path.parent, path.parent.parent)] == [0o700, 0o700]


async def test_the_file_of_an_earlier_version_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "numbers.sqlite3"
    sqlite3.connect(path).close()
    path.chmod(0o644)
    folder = permissions(tmp_path)
    async with SqliteDatabase(str(path), MIGRATIONS):
        assert permissions(path) == 0o600
    assert permissions(tmp_path) == folder, "a folder that was there belongs to somebody else"


async def test_a_file_whose_permissions_cannot_be_changed_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    async with SqliteDatabase(str(tmp_path / "numbers.sqlite3"), MIGRATIONS) as database:
        await database.write(insert(1))
    assert {record.__dict__["reason"] for record in caplog.records} == {"Operation not permitted"}


async def test_a_full_disk_is_known_although_reads_succeed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with SqliteDatabase(str(tmp_path / "numbers.sqlite3"), MIGRATIONS) as database:
        assert database.health.problem == ""
        await database.write(lambda connection: connection.execute("PRAGMA max_page_count = 1").fetchall())
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                await database.write(
                    lambda connection: connection.execute("INSERT INTO numbers VALUES (zeroblob(100000))").rowcount
                )
            assert await database.read(numbers) == []
            assert database.health.problem == "SQLITE_FULL"
    assert [record.message for record in caplog.records] == ["store failed"]
