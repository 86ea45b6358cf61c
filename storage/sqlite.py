"""A SQLite file with a thread for writing, a thread for reading, transactions and migrations. Knows no table.

SQLite allows a single writer, so writes share a thread and never wait for a lock; readers see the last committed state
meanwhile (WAL). Committed data is on disk: neither a killed process nor a power failure loses any (`synchronous=FULL`).
Deleted content is overwritten (`secure_delete`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from storage.errors import StoreUnavailable, UnusableStore
from storage.health import StoreHealth

logger = logging.getLogger(__name__)

MOST_WAITING = 2_000
"""Reads and writes that have not begun. Beyond that, the disk does not keep up, and callers get `StoreUnavailable`."""
LOCK_TIMEOUT_S = 5.0
"""Seconds to wait for another process on the same file, such as the previous version during an update."""
BUSY_RETRY_MS = 1_000
IN_MEMORY = ":memory:"

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]
Migration = Sequence[str]
"""Statements that upgrade a schema by one version."""


class UnusableSqlite(UnusableStore):
    """The file cannot be opened, is no database, or was written by a newer version of the service."""


class SqliteDatabase:
    """A SQLite database, as an async context manager. `path`: `:memory:`, or a file, created with its folder."""

    def __init__(self, path: str, migrations: Sequence[Migration]) -> None:
        self._path = path
        self._migrations = migrations
        self.health = StoreHealth()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="database-writer")
        # An in-memory database belongs to a single connection, so reading and writing share a thread.
        self._reader = (
            self._writer if path == IN_MEMORY else ThreadPoolExecutor(1, thread_name_prefix="database-reader")
        )
        self._to_write: sqlite3.Connection | None = None
        self._to_read: sqlite3.Connection | None = None
        self._waiting = 0

    async def __aenter__(self) -> SqliteDatabase:
        """Open the file and upgrade it to the current version.

        Raises:
            UnusableSqlite: with the reason, for operators.
        """
        try:
            await self._run(self._writer, self._open)
        except (sqlite3.Error, OSError) as error:
            await self.close()
            raise UnusableSqlite(f"{self._path}: {error}") from error
        except UnusableSqlite as error:
            await self.close()
            raise UnusableSqlite(f"{self._path}: {error}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish waiting work, then close; afterwards all data is in the file itself, not in the log."""
        await self._run(self._reader, self._close_reader)
        await self._run(self._writer, self._close_writer)
        self._reader.shutdown(wait=False)
        self._writer.shutdown(wait=False)

    async def read(self, work: Work[Result]) -> Result:
        """Run `work` on the last committed state. Safe to cancel.

        Raises:
            StoreUnavailable: too much work is waiting, or the file cannot be read.
        """
        return await self._work(self._reader, lambda: work(self._open_one(self._to_read)))

    async def write(self, work: Work[Result]) -> Result:
        """Run `work` as a transaction, committed to disk when this returns; an exception of `work` rolls it back.

        A cancelled write may have been carried out nevertheless: a caller who undoes its steps must undo this one too.

        Raises:
            StoreUnavailable: too much work is waiting, or the file cannot be written.
        """
        return await self._work(self._writer, lambda: _transaction(self._open_one(self._to_write), work))

    async def truncate_log(self) -> None:
        """Checkpoint and truncate the log, so that deleted content is in no file any more.

        Has no effect while a reader uses an older state; the next checkpoint then does it.
        """
        if self._path != IN_MEMORY:
            checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
            await self._work(self._writer, lambda: self._open_one(self._to_write).execute(checkpoint).fetchall())

    async def _work(self, thread: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        if self._waiting >= MOST_WAITING:
            raise StoreUnavailable("the store is busy", retry_after_ms=BUSY_RETRY_MS)
        self._waiting += 1
        try:
            result = await self._run(thread, work)
        except sqlite3.Error as error:
            self.health.failed(_code(error) or type(error).__name__)
            raise StoreUnavailable("the store is temporarily unavailable", retry_after_ms=BUSY_RETRY_MS) from error
        finally:
            self._waiting -= 1
        self.health.worked()
        return result

    @staticmethod
    async def _run(thread: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(thread, work)

    # --- in the threads --------------------------------------------------------------------------

    def _open(self) -> None:
        if self._path != IN_MEMORY:
            make_private(Path(self._path))
        connection = self._to_write = self._connect()
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        migrate(connection, self._migrations)
        self._to_read = connection if self._path == IN_MEMORY else self._connect()
        if self._path != IN_MEMORY:
            self._to_read.execute("PRAGMA query_only = ON")

    def _connect(self) -> sqlite3.Connection:
        # Each connection is used by a single thread; `_transaction` begins and ends transactions.
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=LOCK_TIMEOUT_S, cached_statements=256
        )
        # A damaged text fails when it is decoded as a document, not the query that finds it among others.
        connection.text_factory = _text
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    @staticmethod
    def _open_one(connection: sqlite3.Connection | None) -> sqlite3.Connection:
        if connection is None:
            raise sqlite3.ProgrammingError("the database is not open")
        return connection

    def _close_reader(self) -> None:
        if self._to_read is not None and self._to_read is not self._to_write:
            self._to_read.close()
        self._to_read = None

    def _close_writer(self) -> None:
        if self._to_write is not None:
            self._to_write.close()
        self._to_write = None


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Upgrade a database, empty or of any older version, to the newest; each step is a transaction.

    Raises:
        UnusableSqlite: its schema is newer. Nothing is changed then.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(migrations):
        raise UnusableSqlite(f"its schema has version {version}, this service knows {len(migrations)}")
    for number, statements in enumerate(migrations[version:], start=version + 1):

        def step(connection: sqlite3.Connection, statements: Migration = statements, number: int = number) -> None:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")

        _transaction(connection, step)
        logger.info("store migrated", extra={"version": number})


def _transaction(connection: sqlite3.Connection, work: Work[Result]) -> Result:
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result


def make_private(path: Path) -> None:
    """Create the file, if it does not exist, for its owner alone, and so its folders.

    SQLite gives the files beside it the permissions of the file. Wider permissions of existing files are taken away.
    """
    for folder in (*reversed(path.parent.parents), path.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for one in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        try:
            one.chmod(0o600)
        except FileNotFoundError:
            pass
        except OSError as error:  # such as a network drive without permissions
            logger.warning("store permissions not restricted", extra={"path": str(one), "reason": error.strerror})


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")


def _code(error: sqlite3.Error) -> str:
    return str(getattr(error, "sqlite_errorname", ""))
