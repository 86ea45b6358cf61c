"""Opens what is kept, all of it in one place: a SQLite file, or a Redis that several replicas share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from rooms_admin.idempotency import IdempotencyStore
from rooms_admin.integrations.subscriptions import Subscriptions
from rooms_admin.rooms.room import RoomStore
from rooms_admin.stores.redis.idempotency import RedisIdempotency
from rooms_admin.stores.redis.keys import Keys, check_version
from rooms_admin.stores.redis.rooms import RedisRooms
from rooms_admin.stores.redis.subscriptions import RedisSubscriptions
from rooms_admin.stores.redis.transcripts import FLUSH_S, RedisTranscripts
from rooms_admin.stores.sqlite.idempotency import SqliteIdempotency
from rooms_admin.stores.sqlite.migrations import MIGRATIONS
from rooms_admin.stores.sqlite.rooms import SqliteRooms
from rooms_admin.stores.sqlite.subscriptions import SqliteSubscriptions
from rooms_admin.stores.sqlite.transcripts import SqliteTranscripts
from rooms_admin.transcripts.recorder import TranscriptRecorder
from storage.key_value import KeyValueStore
from storage.redis import RedisClient
from storage.redis_key_value import RedisKeyValue
from storage.sqlite import SqliteDatabase
from storage.sqlite_key_value import SqliteKeyValue


@dataclass(frozen=True, slots=True)
class Stores:
    """What is kept, each by its protocol. `run` must be running."""

    rooms: RoomStore
    archive: TranscriptRecorder
    answers: IdempotencyStore
    subscriptions: Subscriptions
    state: KeyValueStore
    chores: tuple[Callable[[], Coroutine[Any, Any, None]], ...]

    async def run(self) -> None:
        """What has to be done again and again: the archive's writing down, and signs of life. Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for chore in self.chores:
                group.create_task(chore(), name="storage")


@asynccontextmanager
async def open_storage(database_path: str, redis_url: str | None) -> AsyncIterator[Stores]:
    """Everything in Redis if there is a `redis_url`, in the file at `database_path` otherwise.

    Leaving writes down what the archive still holds.

    Raises:
        UnusableStore: it cannot be opened, or a newer version of this service has written it.
    """
    opened = _sqlite(database_path) if redis_url is None else _redis(redis_url)
    async with opened as storage:
        yield storage


@asynccontextmanager
async def _sqlite(path: str) -> AsyncIterator[Stores]:
    async with SqliteDatabase(path, MIGRATIONS) as database:
        subscriptions = SqliteSubscriptions(database)
        await subscriptions.load()
        async with TranscriptRecorder(SqliteTranscripts(database)) as archive:
            answers, state = SqliteIdempotency(database), SqliteKeyValue(database)
            yield Stores(SqliteRooms(database), archive, answers, subscriptions, state, (archive.run,))


@asynccontextmanager
async def _redis(url: str) -> AsyncIterator[Stores]:
    async with RedisClient(url) as client:
        keys = Keys()
        await check_version(client, keys)
        async with TranscriptRecorder(RedisTranscripts(client, keys), flush_s=FLUSH_S) as archive:
            answers, state = RedisIdempotency(client, keys), RedisKeyValue(client, keys.prefix)
            subscriptions = RedisSubscriptions(client, keys)
            yield Stores(RedisRooms(client, keys), archive, answers, subscriptions, state, (archive.run, answers.run))
