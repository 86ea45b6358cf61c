"""Opens all stores: in one SQLite file, or in a Redis that several replicas share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from rooms_admin.idempotency import IdempotencyStore
from rooms_admin.integrations.subscriptions import SubscriptionStore
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
from storage.health import StoreHealth
from storage.key_value import KeyValueStore
from storage.redis import GetPassword, RedisClient
from storage.redis_channels import RedisChannels
from storage.redis_key_value import RedisKeyValue
from storage.replica_channels import ReplicaChannels
from storage.sqlite import SqliteDatabase
from storage.sqlite_key_value import SqliteKeyValue


@dataclass(frozen=True, slots=True)
class Stores:
    """All stores of the service, each by its protocol. They need `run` to be running."""

    rooms: RoomStore
    transcripts: TranscriptRecorder
    idempotency: IdempotencyStore
    subscriptions: SubscriptionStore
    key_value: KeyValueStore
    health: StoreHealth
    channels: ReplicaChannels | None
    """Of replicas; None with one process alone."""
    background_tasks: tuple[Callable[[], Coroutine[Any, Any, None]], ...]
    risks: tuple[str, ...] = ()
    """What should be set in Redis so that it loses nothing."""

    async def run(self) -> None:
        """Write down transcripts and renew signs of life, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for task in self.background_tasks:
                group.create_task(task(), name="stores")


@asynccontextmanager
async def open_stores(
    database_path: str, redis_url: str | None, redis_password: GetPassword | None = None
) -> AsyncIterator[Stores]:
    """Open all stores in Redis if there is a `redis_url`, otherwise in the file at `database_path`.

    Leaving the context writes down buffered transcripts. `redis_password` replaces the password of the URL.

    Raises:
        UnusableStore: it cannot be opened, or a newer version of this service has written it.
    """
    opened = _sqlite(database_path) if redis_url is None else _redis(redis_url, redis_password)
    async with opened as stores:
        yield stores


@asynccontextmanager
async def _sqlite(path: str) -> AsyncIterator[Stores]:
    async with SqliteDatabase(path, MIGRATIONS) as database:
        subscriptions = SqliteSubscriptions(database)
        await subscriptions.load()
        async with TranscriptRecorder(SqliteTranscripts(database)) as transcripts:
            idempotency, key_value = SqliteIdempotency(database), SqliteKeyValue(database)
            rooms = SqliteRooms(database)
            tasks = (transcripts.run,)
            yield Stores(rooms, transcripts, idempotency, subscriptions, key_value, database.health, None, tasks)


@asynccontextmanager
async def _redis(url: str, password: GetPassword | None) -> AsyncIterator[Stores]:
    async with RedisClient(url, password=password) as client:
        keys = Keys()
        await check_version(client, keys)
        async with TranscriptRecorder(RedisTranscripts(client, keys), flush_s=FLUSH_S) as transcripts:
            idempotency, key_value = RedisIdempotency(client, keys), RedisKeyValue(client, keys.prefix)
            rooms, subscriptions = RedisRooms(client, keys), RedisSubscriptions(client, keys)
            channels = RedisChannels(client, keys.prefix)
            tasks, risks = (transcripts.run, idempotency.run, channels.run), client.risks
            yield Stores(
                rooms, transcripts, idempotency, subscriptions, key_value, client.health, channels, tasks, risks
            )
