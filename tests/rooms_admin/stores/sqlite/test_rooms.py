"""What is particular to rooms in SQLite: what is known without reading, and for how long. The rest: test_store.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from rooms_admin.rooms.room import Room
from rooms_admin.stores.sqlite import rooms as module
from rooms_admin.stores.sqlite.migrations import MIGRATIONS
from rooms_admin.stores.sqlite.rooms import KNOWN_FOR_S, SqliteRooms
from storage.sqlite import SqliteDatabase
from tests.support.rooms import NOW, room


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    async with SqliteDatabase(str(tmp_path / "rooms.sqlite3"), MIGRATIONS) as database:
        yield database


def rename(room: Room) -> Room:
    return replace(room, name=room.name + "!")


async def test_another_process_is_seen_after_a_second_and_oneself_at_once(database: SqliteDatabase) -> None:
    clock = Clock()
    ours, theirs = SqliteRooms(database, clock=clock), SqliteRooms(database)
    await ours.add(room(1))
    await ours.get("room-1")
    await theirs.update("room-1", rename)
    seen = await ours.get("room-1")
    assert seen is not None
    assert seen.name == "Board"
    clock.now += KNOWN_FOR_S
    seen = await ours.get("room-1")
    assert seen is not None
    assert seen.name == "Board!"
    await ours.update("room-1", rename)
    seen = await ours.get("room-1")
    assert seen is not None
    assert seen.name == "Board!!"
    await ours.remove("room-1", NOW)
    assert await ours.get("room-1") is None


async def test_what_is_read_while_it_changes_is_not_taken_for_known(database: SqliteDatabase) -> None:
    """However reading and changing overlap, the change is seen by whoever reads after it."""
    rooms = SqliteRooms(database)
    await rooms.add(room(1))
    for turn in range(20):
        _, changed, _ = await asyncio.gather(rooms.get("room-1"), rooms.update("room-1", rename), rooms.get("room-1"))
        assert await rooms.get("room-1") == changed, turn


async def test_not_everything_is_known(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KNOWN", 2)
    rooms = SqliteRooms(database)
    for number in (1, 2, 3):
        await rooms.add(room(number))
        assert await rooms.get(f"room-{number}") == room(number)
    assert list(rooms._known) == ["room-2", "room-3"]
