"""One SQLite file: a thread that writes, a thread that reads, transactions, migrations. Knows no table.

SQLite has one writer at a time anyway, so ours is one thread, and nobody waits for a lock; readers see the last
committed state meanwhile (WAL). What is committed is on the disk: a killed process loses nothing, and neither does a
machine without power (`synchronous=FULL`). Deleted content is overwritten (`secure_delete`).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from storage.errors import StoreUnavailable, UnusableStore

logger = logging.getLogger(__name__)

MOST_WAITING = 2_000
"""Pieces of work not begun yet, of either kind. More than that means the disk does not keep up: the caller is told."""
LOCK_TIMEOUT_S = 5.0
"""For another process on the same file, such as the one we are taking over from."""
BUSY_RETRY_MS = 1_000
IN_MEMORY = ":memory:"

Answer = TypeVar("Answer")
Work = Callable[[sqlite3.Connection], Answer]
Migration = Sequence[str]
"""Statements that lead from one version of the schema to the next."""


class UnusableSqlite(UnusableStore):
    """The file cannot be opened, is no database, or was written by a newer version of this service."""


class SqliteDatabase:
    """An async context manager. `path` is a file, made with its folder if there is none, or `:memory:`."""

    def __init__(self, path: str, migrations: Sequence[Migration]) -> None:
        self._path = path
        self._migrations = migrations
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="database-writer")
        # What is in memory belongs to one connection, so that reading and writing share a thread.
        self._reader = (
            self._writer if path == IN_MEMORY else ThreadPoolExecutor(1, thread_name_prefix="database-reader")
        )
        self._to_write: sqlite3.Connection | None = None
        self._to_read: sqlite3.Connection | None = None
        self._waiting = 0

    async def __aenter__(self) -> SqliteDatabase:
        """Open the file and bring it to the current version.

        Raises:
            UnusableDatabase: with the reason, in words for an operator.
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
        """Finish what is waiting, then close; afterwards everything is in the one file."""
        await self._run(self._reader, self._close_reader)
        await self._run(self._writer, self._close_writer)
        self._reader.shutdown(wait=False)
        self._writer.shutdown(wait=False)

    async def read(self, work: Work[Answer]) -> Answer:
        """Run `work` on the last committed state. Safe to cancel.

        Raises:
            StoreUnavailable: too much is waiting, or the file cannot be read.
        """
        return await self._work(self._reader, lambda: work(self._open_one(self._to_read)))

    async def write(self, work: Work[Answer]) -> Answer:
        """Run `work` as one transaction, committed to disk when this returns; what `work` raises undoes all of it.

        Cancelled, it may have been done all the same: a caller who undoes things must undo this too.

        Raises:
            StoreUnavailable: too much is waiting, or the file cannot be written.
        """
        return await self._work(self._writer, lambda: _transaction(self._open_one(self._to_write), work))

    async def truncate_log(self) -> None:
        """Write the log back and cut it to nothing: what was deleted is then in no file any more.

        Does nothing while somebody reads an older state; the next write-back will do it.
        """
        if self._path != IN_MEMORY:
            checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
            await self._work(self._writer, lambda: self._open_one(self._to_write).execute(checkpoint).fetchall())

    async def _work(self, thread: ThreadPoolExecutor, work: Callable[[], Answer]) -> Answer:
        if self._waiting >= MOST_WAITING:
            raise StoreUnavailable("the store is busy", retry_after_ms=BUSY_RETRY_MS)
        self._waiting += 1
        try:
            return await self._run(thread, work)
        except sqlite3.Error as error:
            logger.error("store failed", extra={"error": type(error).__name__, "code": _code(error)})
            raise StoreUnavailable("the store cannot be used now", retry_after_ms=BUSY_RETRY_MS) from error
        finally:
            self._waiting -= 1

    @staticmethod
    async def _run(thread: ThreadPoolExecutor, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(thread, work)

    # --- in the threads --------------------------------------------------------------------------

    def _open(self) -> None:
        if self._path != IN_MEMORY:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
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
        # Opened here, used by one thread each; transactions are begun and ended by us alone.
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=LOCK_TIMEOUT_S, cached_statements=256
        )
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
    """Bring a database, empty or of any older version, to the newest; each step whole or not at all.

    Raises:
        UnusableDatabase: it is newer than we are. Nothing is changed then.
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


def _transaction(connection: sqlite3.Connection, work: Work[Answer]) -> Answer:
    connection.execute("BEGIN IMMEDIATE")
    try:
        answer = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return answer


def _code(error: sqlite3.Error) -> str:
    return str(getattr(error, "sqlite_errorname", ""))
