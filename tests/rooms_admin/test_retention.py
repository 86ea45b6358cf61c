"""What has been kept long enough goes by itself, and nothing else does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rooms_admin import retention as retention_module
from rooms_admin.retention import Retention
from rooms_admin.rooms.room import Room, RoomQuery, milliseconds
from rooms_admin.rooms.service import RoomService
from rooms_admin.stores.sqlite.migrations import MIGRATIONS
from rooms_admin.stores.sqlite.rooms import SqliteRooms
from rooms_admin.stores.sqlite.transcripts import SqliteTranscripts
from rooms_admin.transcripts.recorder import TranscriptRecorder
from storage.errors import StoreUnavailable
from storage.sqlite import IN_MEMORY, SqliteDatabase
from tests.support.acs_fakes import FakeAcs, refused
from tests.support.rooms import NOW, line, room


class Clock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


async def swept(database: SqliteDatabase, clock: Clock, acs: FakeAcs) -> list[str]:
    """The rooms that are there after a sweep."""
    store = SqliteRooms(database)
    async with TranscriptRecorder(SqliteTranscripts(database), now=clock) as transcripts:
        rooms = RoomService(store, acs.acs, now=clock)
        await Retention(store, rooms, transcripts, default_days=30, now=clock).sweep()
    return [one.room_id for one in await store.page(RoomQuery(99))]


async def test_rooms_go_when_their_time_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_module, "ROOMS_AT_ONCE", 2)
    clock, acs = Clock(), FakeAcs()
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        store = SqliteRooms(database)
        ends = {1: 31, 2: 29, 3: 6, 4: 40, 5: -10}  # days ago
        for number, days in ends.items():
            one = replace(room(number), valid_until=NOW - timedelta(days=days))
            await store.add(replace(one, retention_days=5) if number == 3 else one)
        assert await swept(database, clock, acs) == ["room-2", "room-5"]
        proof = await store.deletion("room-1")
        assert proof is not None
        assert proof.deleted_at == NOW


async def test_a_room_that_acs_does_not_let_go_of_stays_until_it_does() -> None:
    clock, acs = Clock(), FakeAcs()
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        await SqliteRooms(database).add(replace(room(1), valid_until=NOW - timedelta(days=31)))
        acs.rooms.fail("delete_room", refused(500))
        assert await swept(database, clock, acs) == ["room-1"]
        assert await swept(database, clock, acs) == []


async def test_old_words_go_while_their_room_stays() -> None:
    clock, acs = Clock(), FakeAcs()
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        await SqliteRooms(database).add(replace(room(1), valid_until=NOW + timedelta(days=100)))
        async with TranscriptRecorder(SqliteTranscripts(database)) as transcripts:
            transcripts.line("room-1", line(1, at_ms=milliseconds(NOW - timedelta(days=31))))
            transcripts.line("room-1", line(2, at_ms=milliseconds(NOW - timedelta(days=29))))
        assert await swept(database, clock, acs) == ["room-1"]
        async with TranscriptRecorder(SqliteTranscripts(database)) as transcripts:
            assert [one.utterance_id for one in await transcripts.lines("room-1")] == ["u-2"]


async def test_it_sweeps_at_once_and_again_though_a_sweep_fails() -> None:
    clock, acs = Clock(), FakeAcs()
    async with (
        SqliteDatabase(IN_MEMORY, MIGRATIONS) as database,
        TranscriptRecorder(SqliteTranscripts(database), now=clock) as transcripts,
    ):
        store = SqliteRooms(database)
        await store.add(replace(room(1), valid_until=NOW - timedelta(days=31)))
        acs.rooms.fail("delete_room", refused(500))
        retention = Retention(
            store, RoomService(store, acs.acs, now=clock), transcripts, default_days=30, interval_s=0.01, now=clock
        )
        running = asyncio.ensure_future(retention.run())
        async with asyncio.timeout(30):
            while await store.get("room-1") is not None:  # noqa: ASYNC110 - the disk offers no event
                await asyncio.sleep(0.005)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_store_that_is_away_ends_no_sweeping(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, acs = Clock(), FakeAcs()
    async with (
        SqliteDatabase(IN_MEMORY, MIGRATIONS) as database,
        TranscriptRecorder(SqliteTranscripts(database), now=clock) as transcripts,
    ):
        store, looks = SqliteRooms(database), asyncio.Queue[None]()

        async def away(query: RoomQuery) -> list[Room]:
            looks.put_nowait(None)
            raise StoreUnavailable("the database is locked")

        monkeypatch.setattr(store, "page", away)
        rooms = RoomService(store, acs.acs, now=clock)
        retention = Retention(store, rooms, transcripts, default_days=30, interval_s=0.01, now=clock)
        running = asyncio.ensure_future(retention.run())
        async with asyncio.timeout(30):
            await looks.get()
            await looks.get()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_an_expired_room_that_the_store_does_not_delete_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, acs = Clock(), FakeAcs()
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        for number in (1, 2):
            await SqliteRooms(database).add(replace(room(number), valid_until=NOW - timedelta(days=31)))
        remove = RoomService.remove

        async def locked_once(service: RoomService, room_id: str) -> None:
            if room_id == "room-1":
                raise StoreUnavailable("the database is locked")
            await remove(service, room_id)

        monkeypatch.setattr(RoomService, "remove", locked_once)
        assert await swept(database, clock, acs) == ["room-1"]


async def test_the_end_of_a_room_may_be_as_late_as_there_are_dates() -> None:
    """The regression: versions without limits of years stored such rooms, and the sweep ended the service."""
    clock, acs = Clock(), FakeAcs()
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        await SqliteRooms(database).add(replace(room(1), valid_until=datetime(9999, 12, 31, tzinfo=UTC)))
        assert await swept(database, clock, acs) == ["room-1"]


async def test_a_sweep_that_fails_does_not_end_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[int] = []
    third = asyncio.Event()

    async def fail(_: Retention) -> None:
        attempts.append(len(attempts))
        if len(attempts) == 3:
            third.set()
        raise RuntimeError("a bug of ours")

    monkeypatch.setattr(Retention, "sweep", fail)
    async with SqliteDatabase(IN_MEMORY, MIGRATIONS) as database:
        store = SqliteRooms(database)
        transcripts = TranscriptRecorder(SqliteTranscripts(database))
        retention = Retention(store, RoomService(store, FakeAcs().acs), transcripts, default_days=30, interval_s=0.01)
        running = asyncio.create_task(retention.run())
        async with asyncio.timeout(30):
            await third.wait()
        running.cancel()
