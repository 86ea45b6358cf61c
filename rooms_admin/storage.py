"""Opens what is kept, all of it in one place: a SQLite file, or a Redis that several replicas share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rooms_admin.archive import Archive
from rooms_admin.database import Database
from rooms_admin.idempotency import Answers
from rooms_admin.schema import MIGRATIONS
from rooms_admin.shared_state import SharedState
from rooms_admin.sqlite_answers import SqliteAnswers
from rooms_admin.sqlite_archive import SqliteRecords
from rooms_admin.sqlite_state import SqliteState
from rooms_admin.sqlite_store import SqliteRooms
from rooms_admin.sqlite_subscriptions import SqliteSubscriptions
from rooms_admin.store import RoomStore
from rooms_admin.subscriptions import Subscriptions


@dataclass(frozen=True, slots=True)
class Storage:
    """What is kept, each by its protocol."""

    rooms: RoomStore
    archive: Archive
    answers: Answers
    subscriptions: Subscriptions
    state: SharedState


@asynccontextmanager
async def open_storage(database_path: str, redis_url: str | None) -> AsyncIterator[Storage]:
    """Everything in Redis if there is a `redis_url`, in the file at `database_path` otherwise.

    Leaving writes down what the archive still holds.

    Raises:
        UnusableStore: it cannot be opened, or a newer version of this service has written it.
    """
    async with Database(database_path, MIGRATIONS) as database:
        subscriptions = SqliteSubscriptions(database)
        await subscriptions.load()
        async with Archive(SqliteRecords(database)) as archive:
            yield Storage(SqliteRooms(database), archive, SqliteAnswers(database), subscriptions, SqliteState(database))
