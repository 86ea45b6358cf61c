"""The stores a contract test is run with: a SQLite file, or a Redis, opened as a process does that starts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from rooms_admin.idempotency import IdempotencyStore
from rooms_admin.integrations.subscriptions import SubscriptionStore
from rooms_admin.rooms.room import RoomStore
from rooms_admin.stores.redis.idempotency import RedisIdempotency
from rooms_admin.stores.redis.keys import Keys
from rooms_admin.stores.redis.rooms import RedisRooms
from rooms_admin.stores.redis.subscriptions import RedisSubscriptions
from rooms_admin.stores.redis.transcripts import RedisTranscripts
from rooms_admin.stores.sqlite.idempotency import SqliteIdempotency
from rooms_admin.stores.sqlite.migrations import MIGRATIONS
from rooms_admin.stores.sqlite.rooms import SqliteRooms
from rooms_admin.stores.sqlite.subscriptions import SqliteSubscriptions
from rooms_admin.stores.sqlite.transcripts import SqliteTranscripts
from rooms_admin.transcripts.recorder import TranscriptStore
from storage.redis import RedisClient
from storage.sqlite import IN_MEMORY, SqliteDatabase
from tests.support.redis_server import RedisServer

KINDS = ("sqlite", "redis")
Now = Callable[[], datetime]


def wall_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Stores:
    """One database; what is asked of it with a clock is made anew each time, as by a process that starts."""

    rooms: RoomStore
    records: TranscriptStore
    database: SqliteDatabase | RedisClient

    def idempotency(self, now: Now = wall_clock) -> IdempotencyStore:
        if isinstance(self.database, SqliteDatabase):
            return SqliteIdempotency(self.database, now=now)
        return RedisIdempotency(self.database, Keys(), now=now)

    async def subscriptions(self, now: Now = wall_clock) -> SubscriptionStore:
        if isinstance(self.database, RedisClient):
            return RedisSubscriptions(self.database, Keys(), now=now)
        subscriptions = SqliteSubscriptions(self.database, now=now)
        await subscriptions.load()
        return subscriptions

    async def another_process(self) -> None:
        """That of before is dead, and its signs of life have gone."""
        if isinstance(self.database, RedisClient):
            for key in await self.database.call("KEYS", Keys().alive("*").replace("{", "[{]").replace("}", "[}]")):
                await self.database.call("DEL", key)

    async def count(self, kind: str) -> int:
        """How many there are of `lines` or `passages`, in all rooms."""
        if isinstance(self.database, SqliteDatabase):
            query = f"SELECT count(*) FROM {kind}"
            found = await self.database.read(lambda connection: connection.execute(query).fetchone()[0])
        else:
            found = sum([await self.database.call("HLEN", Keys().of(f"room-{room}", kind)) for room in range(1, 4)])
        assert isinstance(found, int)
        return found


@asynccontextmanager
async def opened(kind: str, request: pytest.FixtureRequest, path: str = IN_MEMORY) -> AsyncIterator[Stores]:
    if kind == "redis":
        server: RedisServer = request.getfixturevalue("empty_redis")
        async with RedisClient(server.url) as client:
            yield Stores(RedisRooms(client, Keys()), RedisTranscripts(client, Keys()), client)
    else:
        async with SqliteDatabase(path, MIGRATIONS) as database:
            yield Stores(SqliteRooms(database), SqliteTranscripts(database), database)


@pytest.fixture(params=KINDS)
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Stores]:
    async with opened(request.param, request) as stores:
        yield stores
