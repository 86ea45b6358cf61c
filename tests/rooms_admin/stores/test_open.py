"""Everything that is kept is opened in one place, or it is said in one sentence why not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rooms_admin.integrations.subscriptions import OutgoingEvent
from rooms_admin.stores.open import open_stores
from rooms_admin.stores.redis.keys import VERSION, Keys
from storage.errors import UnusableStore
from tests.support.redis_server import RedisServer, free_port
from tests.support.rooms import line, room
from tests.support.stores import KINDS


def made_files(folder: Path) -> bool:
    return any(folder.iterdir())


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_kept_is_there_at_the_next_start(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    redis_url = request.getfixturevalue("empty_redis").url if kind == "redis" else None
    path = str(tmp_path / "data" / "interpreter.sqlite3")
    async with open_stores(path, redis_url) as storage:
        await storage.rooms.add(room(1))
        storage.transcripts.line("room-1", line())
        await storage.key_value.put({"a": b"1"})
        subscription = await storage.subscriptions.add("https://contoso.com", ["room.live"], None)
    async with open_stores(path, redis_url) as storage:
        assert await storage.rooms.get("room-1") == room(1)
        assert await storage.transcripts.lines("room-1") == [line()]
        assert await storage.key_value.get("a") == b"1"
        assert await storage.subscriptions.all() == [subscription]
        assert await storage.subscriptions.enqueue([OutgoingEvent("room.live", "room-1", 1, {})]) == 1
    assert made_files(tmp_path) == (kind == "sqlite")


@pytest.mark.parametrize("kind", KINDS)
async def test_running_it_writes_down(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    redis_url = request.getfixturevalue("empty_redis").url if kind == "redis" else None
    path = str(tmp_path / "interpreter.sqlite3")
    async with open_stores(path, redis_url) as storage, open_stores(path, redis_url) as other:
        await storage.rooms.add(room(1))
        running = asyncio.ensure_future(storage.run())
        storage.transcripts.line("room-1", line())
        async with asyncio.timeout(30):
            while not await other.transcripts.lines("room-1"):  # noqa: ASYNC110 - no store tells of what was written
                await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_no_redis_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnusableStore, match=r"^Redis at 127\.0\.0\.1:\d+ cannot be used: "):
        async with open_stores(str(tmp_path / "unused"), f"redis://:the-password@127.0.0.1:{free_port()}"):
            pass


async def test_a_newer_redis_is_said(empty_redis: RedisServer) -> None:
    async with open_stores(":memory:", empty_redis.url):
        pass
    empty_redis.set(Keys().schema, VERSION + 1)
    with pytest.raises(UnusableStore, match="its schema has version"):
        async with open_stores(":memory:", empty_redis.url):
            pass


async def test_no_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UnusableStore):
        async with open_stores(str(tmp_path / "file" / "interpreter.sqlite3"), None):
            pass
