"""What is particular to archives in Redis: other replicas, many items, a lost Redis. The rest: test_archive.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from rooms_admin.stores.redis import transcripts as module
from rooms_admin.stores.redis.keys import Keys
from rooms_admin.stores.redis.rooms import RedisRooms
from rooms_admin.stores.redis.transcripts import RedisTranscripts
from rooms_admin.transcripts.recorder import TranscriptRecorder
from storage.errors import StoreUnavailable
from storage.redis import RedisClient
from tests.support.redis_server import RedisServer
from tests.support.rooms import line, passage, room


@pytest.fixture
async def client(empty_redis: RedisServer) -> AsyncIterator[RedisClient]:
    async with RedisClient(empty_redis.url) as client:
        await RedisRooms(client, Keys()).add(room(1))
        yield client


async def test_more_than_fits_into_one_script_is_kept_in_order(
    client: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ITEMS_AT_ONCE", 7)
    ours, theirs = (
        TranscriptRecorder(RedisTranscripts(client, Keys())),
        TranscriptRecorder(RedisTranscripts(client, Keys())),
    )
    for number in range(50):
        ours.line("room-1", line(number, at_ms=1_000 - number))
        ours.closed("room-1", passage(number))
        ours.opened("room-1", f"open-{number}", "8:acs:a", "en-US", "es-ES")
    await ours.flush()
    assert [one.utterance_id for one in await theirs.lines("room-1")] == [f"u-{number}" for number in range(49, -1, -1)]
    assert [one.utterance_id for one in await theirs.ledger("room-1")] == [f"u-{number}" for number in range(50)]
    assert await theirs.close_open("room-1", "open-", "replica_lost") == 50
    assert len(await theirs.whole_ledger("room-1")) == 100


async def test_the_youngest_are_read(client: RedisClient, monkeypatch: pytest.MonkeyPatch) -> None:
    records = RedisTranscripts(client, Keys())
    async with TranscriptRecorder(records) as archive:
        for number in range(9):
            archive.line("room-1", line(number, at_ms=number))
            archive.closed("room-1", passage(number))
    assert [one.utterance_id for one in await records.lines("room-1", 2)] == ["u-7", "u-8"]
    assert [one.utterance_id for one in await records.ledger("room-1", 2)] == ["u-7", "u-8"]
    assert len(await records.ledger("room-1", None)) == 9


async def test_what_two_replicas_close_at_once_is_closed_once(client: RedisClient) -> None:
    archives = [TranscriptRecorder(RedisTranscripts(client, Keys())) for _ in range(4)]
    for number in range(20):
        archives[0].opened("room-1", f"call-1-{number}", "8:acs:a", "en-US", "es-ES")
    await archives[0].flush()
    closed = await asyncio.gather(*(archive.close_open("room-1", "call-1-", "replica_lost") for archive in archives))
    assert sum(closed) == 20
    assert len(await archives[0].ledger("room-1")) == 20


async def test_what_redis_could_not_take_is_written_when_it_is_back(own_redis: RedisServer) -> None:
    async with RedisClient(own_redis.url) as client:
        rooms = RedisRooms(client, Keys())
        archive = TranscriptRecorder(RedisTranscripts(client, Keys()))
        await rooms.add(room(1))
        archive.line("room-1", line(1))
        await archive.flush()
        await asyncio.to_thread(own_redis.stop)
        archive.line("room-1", replace(line(1), text="later", revision=2))
        with pytest.raises(StoreUnavailable):
            await archive.flush()
        await asyncio.to_thread(own_redis.start)
        await rooms.add(room(1))  # this one keeps nothing over its restart
        await archive.flush()
        assert [one.text for one in await archive.lines("room-1")] == ["later"]
        assert archive.lost == 0
