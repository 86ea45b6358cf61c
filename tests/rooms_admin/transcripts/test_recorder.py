"""Transcripts and ledgers: written behind, read as if at once, bounded, deleted when their time has come."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rooms_admin.rooms.room import RoomStore, milliseconds
from rooms_admin.stores.redis import transcripts as redis_module
from rooms_admin.stores.redis.keys import Keys
from rooms_admin.stores.sqlite import transcripts as sqlite_module
from rooms_admin.stores.sqlite.migrations import MIGRATIONS
from rooms_admin.stores.sqlite.rooms import SqliteRooms
from rooms_admin.stores.sqlite.transcripts import SqliteTranscripts
from rooms_admin.transcripts import recorder as archive_module
from rooms_admin.transcripts.recorder import TranscriptRecorder, TranscriptStore
from rooms_admin.transcripts.records import LedgerRecord, PlayoutTimes, TranscriptLine
from storage.errors import StoreUnavailable
from storage.sqlite import SqliteDatabase
from tests.support.rooms import NOW, NOW_MS, line, passage, room
from tests.support.stores import Stores


@pytest.fixture
async def rooms(stores: Stores) -> RoomStore:
    for number in (1, 2):
        await stores.rooms.add(room(number))
    return stores.rooms


@pytest.fixture
def records(rooms: RoomStore, stores: Stores) -> TranscriptStore:
    return stores.records


@pytest.fixture
async def archive(records: TranscriptStore) -> AsyncIterator[TranscriptRecorder]:
    async with TranscriptRecorder(records, now=lambda: NOW) as archive:
        yield archive


def everything(folder: Path) -> bytes:
    """All bytes of all files."""
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_what_was_written_down_is_read_at_once_and_after_the_flush(
    stores: Stores, archive: TranscriptRecorder
) -> None:
    archive.line("room-1", line())
    archive.closed("room-1", passage())
    closed = replace(passage(), closed_at_ms=NOW_MS)
    for _ in range(2):
        assert await archive.lines("room-1") == [line()]
        assert await archive.ledger("room-1") == [closed]
        assert await archive.lines("room-2") == []
        await archive.flush()
    assert await stores.count("lines") == await stores.count("passages") == 1


LINE_OF_BEFORE = b"""{"utterance_id":"u-1","revision":2,"speaker_id":"8:acs:a","speaker_name":"Ada","language":"es-ES",
"text":"Hola","is_final":true,"timestamp_ms":1000,"is_original":false}"""
PASSAGE_OF_BEFORE = b"""{"utterance_id":"u-1","speaker_id":"8:acs:a","source":"en-US","target":"es-ES","state":"spoken",
"reason":"","spoken_ms":900,"played_ms":800,"ear_voice_span_ms":700,"model_ms":300,"waited_ms":0,"own_share_ms":5.0,
"tokens":{"input_audio":9},"closed_at_ms":2000}"""


async def test_what_was_written_before_flags_and_faults_were_kept_is_read(
    stores: Stores, archive: TranscriptRecorder
) -> None:
    if isinstance(stores.database, SqliteDatabase):
        kept = (LINE_OF_BEFORE.decode(), PASSAGE_OF_BEFORE.decode())

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO lines VALUES ('room-1', 'u-1', 'es-ES', 1000, 2, ?)", kept[:1])
            connection.execute(
                "INSERT INTO passages (room_id, utterance_id, target, closed_ms, document)"
                " VALUES ('room-1', 'u-1', 'es-ES', 2000, ?)",
                kept[1:],
            )

        await stores.database.write(write)
    else:
        keys = Keys()
        for kind, order, document in (
            ("lines", "lines-by-time", b"2:" + LINE_OF_BEFORE),
            ("passages", "passages-in-order", PASSAGE_OF_BEFORE),
        ):
            await stores.database.call("HSET", keys.of("room-1", kind), b"u-1\0es-ES", document)
            await stores.database.call("ZADD", keys.of("room-1", order), 1000, b"u-1\0es-ES")
    before = TranscriptLine("u-1", 2, "8:acs:a", "Ada", "es-ES", "Hola", True, 1000, False)
    assert await archive.lines("room-1") == [before]
    assert await archive.ledger("room-1") == [replace(passage(), closed_at_ms=2000)]


async def test_all_there_is_to_know_survives_the_store(stores: Stores, archive: TranscriptRecorder) -> None:
    flagged = replace(line(), duration_ms=900, flags=("number",))
    known = replace(
        passage(),
        kind="announcement",
        faults=("number", "term"),
        strict=True,
        speed=1.15,
        engine="captions",
        playouts={"room": PlayoutTimes(800, 40, 20)},
        closed_at_ms=NOW_MS,
    )
    archive.line("room-1", flagged)
    archive.closed("room-1", known)
    await archive.flush()
    assert (await archive.lines("room-1"), await archive.ledger("room-1")) == ([flagged], [known])


async def test_a_later_revision_takes_the_place_of_the_earlier(stores: Stores, archive: TranscriptRecorder) -> None:
    archive.line("room-1", line(1, "Ho"))
    archive.line("room-1", line(1, "Hol", revision=2))
    archive.line("room-1", line(1, "Ho", revision=1))
    await archive.flush()
    archive.line("room-1", line(1, "Hola", revision=3))
    assert [one.text for one in await archive.lines("room-1")] == ["Hola"]
    await archive.flush()
    assert [one.text for one in await archive.lines("room-1")] == ["Hola"]
    assert await stores.count("lines") == 1


async def test_entries_stay_in_the_order_in_which_they_were_closed(archive: TranscriptRecorder) -> None:
    for number in (3, 1, 2):
        archive.closed("room-1", passage(number))
        await archive.flush()
    archive.closed("room-1", passage(4))
    assert [one.utterance_id for one in await archive.ledger("room-1")] == ["u-3", "u-1", "u-2", "u-4"]


async def test_leaving_writes_down_what_is_left(stores: Stores, records: TranscriptStore) -> None:
    async with TranscriptRecorder(records) as archive:
        archive.line("room-1", line())
    assert await stores.count("lines") == 1


async def test_the_task_writes_down_without_being_asked(stores: Stores, records: TranscriptStore) -> None:
    async with TranscriptRecorder(records, flush_s=0.01) as archive:
        running = asyncio.ensure_future(archive.run())
        archive.line("room-1", line())
        async with asyncio.timeout(30):
            while not await stores.count("lines"):  # noqa: ASYNC110 - the disk offers no event
                await asyncio.sleep(0.005)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_store_that_fails_keeps_nobody_from_writing_down(
    records: TranscriptStore, archive: TranscriptRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.line("room-1", line(1))
    with monkeypatch.context() as broken:

        async def fail(_: object) -> None:
            archive.line("room-1", line(2))
            archive.line("room-1", line(1, "Hola!", revision=2))
            raise StoreUnavailable("disk full")

        broken.setattr(records, "write", fail)
        with pytest.raises(StoreUnavailable):
            await archive.flush()
    await archive.flush()
    assert [(one.utterance_id, one.text) for one in await archive.lines("room-1")] == [
        ("u-1", "Hola!"),
        ("u-2", "Hola"),
    ]
    assert archive.lost == 0


async def test_when_the_store_does_not_keep_up_the_oldest_goes_and_is_counted(
    archive: TranscriptRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "BUFFER_LIMIT", 3)
    for number in range(1, 6):
        archive.line("room-1", line(number))
        archive.closed("room-1", passage(number))
    assert [one.utterance_id for one in await archive.lines("room-1")] == ["u-3", "u-4", "u-5"]
    assert [one.utterance_id for one in await archive.ledger("room-1")] == ["u-3", "u-4", "u-5"]
    assert (archive.lost, archive.waiting) == (4, 6)


async def test_the_last_words_of_a_deleted_room_are_not_kept(stores: Stores, archive: TranscriptRecorder) -> None:
    archive.line("room-1", line(1))
    archive.line("room-2", line(1))
    await stores.rooms.remove("room-1", NOW)
    archive.forget("room-1")
    archive.line("room-1", line(2))
    archive.closed("room-1", passage())
    await archive.flush()
    assert await archive.lines("room-1") == []
    assert await archive.ledger("room-1") == []
    assert await archive.lines("room-2") == [line(1)]


async def test_what_is_older_than_its_room_allows_goes(stores: Stores, archive: TranscriptRecorder) -> None:
    days = [1, 6, 8, 40]
    for name in ("room-1", "room-2"):
        for number, age in enumerate(days):
            archive.line(name, line(number, at_ms=milliseconds(NOW - timedelta(days=age))))
            archive.closed(name, replace(passage(number), closed_at_ms=milliseconds(NOW - timedelta(days=age))))
    await archive.flush()
    rooms = [replace(room(1), retention_days=7), room(2)]
    assert await archive.expire(rooms, default_days=30) == 2 * (2 + 1)
    assert len(await archive.lines("room-1")) == len(await archive.ledger("room-1")) == 2
    assert len(await archive.lines("room-2")) == len(await archive.ledger("room-2")) == 3
    assert await archive.expire(rooms, default_days=30) == 0


async def test_what_was_deleted_is_in_no_file_any_more(tmp_path: Path) -> None:
    """Neither in the database nor in its log: the words themselves are looked for in the bytes."""
    secret = "the merger is off"
    path = tmp_path / "rooms.sqlite3"
    async with SqliteDatabase(str(path), MIGRATIONS) as database:
        rooms = SqliteRooms(database)
        await rooms.add(room(1))
        async with TranscriptRecorder(SqliteTranscripts(database), now=lambda: datetime.now(UTC)) as archive:
            archive.line("room-1", line(1, secret))
        assert secret.encode() in everything(tmp_path)
        proof = await rooms.remove("room-1", NOW)
        assert (proof.removed["lines"], proof.left["lines"]) == (1, 0)
        assert secret.encode() not in everything(tmp_path)


def told(passage: LedgerRecord) -> tuple[str, str, str, str]:
    return passage.utterance_id, passage.target, passage.state, passage.reason


async def test_what_nobody_finished_is_closed_as_abandoned(archive: TranscriptRecorder) -> None:
    """Of one call, by the beginning of its utterances' ids; whether the entries are in the store yet or not."""
    for number in (1, 2):
        archive.opened("room-1", f"call-1-{number}", "8:acs:a", "en-US", "es-ES")
        archive.opened("room-1", f"call-1-{number}", "8:acs:a", "en-US", "fr-FR")
        archive.closed("room-1", replace(passage(), utterance_id=f"call-1-{number}", target="fr-FR"))
        await archive.flush()
    archive.opened("room-1", "call-1-3", "8:acs:b", "es-ES", "en-US")
    archive.opened("room-1", "call-2-1", "8:acs:a", "en-US", "es-ES")
    archive.opened("room-1", "CALL-1-1", "8:acs:a", "en-US", "es-ES")
    archive.opened("room-2", "call-1-1", "8:acs:a", "en-US", "es-ES")
    assert await archive.close_open("room-1", "call-1-", "replica_lost") == 3
    assert await archive.close_open("room-1", "call-1-", "replica_lost") == 0
    assert sorted(map(told, await archive.ledger("room-1"))) == [
        ("call-1-1", "es-ES", "abandoned", "replica_lost"),
        ("call-1-1", "fr-FR", "spoken", ""),
        ("call-1-2", "es-ES", "abandoned", "replica_lost"),
        ("call-1-2", "fr-FR", "spoken", ""),
        ("call-1-3", "en-US", "abandoned", "replica_lost"),
    ]
    closed = (await archive.ledger("room-1"))[-1]
    assert (closed.speaker_id, closed.source, closed.closed_at_ms) == ("8:acs:b", "es-ES", NOW_MS)
    assert await archive.ledger("room-2") == []
    assert await archive.close_open("room-1", "", "replica_lost") == 2


async def test_a_late_opening_does_not_open_what_is_closed(archive: TranscriptRecorder) -> None:
    archive.opened("room-1", "u-1", "8:acs:a", "en-US", "es-ES")
    assert await archive.close_open("room-1", "", "replica_lost") == 1
    archive.opened("room-1", "u-1", "8:acs:a", "en-US", "es-ES")
    assert await archive.close_open("room-1", "", "replica_lost") == 0
    archive.closed("room-1", passage(1))
    await archive.flush()
    assert list(map(told, await archive.ledger("room-1"))) == [("u-1", "es-ES", "spoken", "")], "its own word counts"


async def test_what_was_closed_while_writing_failed_stays_closed(
    records: TranscriptStore, archive: TranscriptRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.opened("room-1", "u-1", "8:acs:a", "en-US", "es-ES")
    with monkeypatch.context() as broken:

        async def fail(_: object) -> None:
            archive.closed("room-1", passage(1))
            raise StoreUnavailable("disk full")

        broken.setattr(records, "write", fail)
        with pytest.raises(StoreUnavailable):
            await archive.flush()
    assert await archive.close_open("room-1", "", "replica_lost") == 0
    assert list(map(told, await archive.ledger("room-1"))) == [("u-1", "es-ES", "spoken", "")]


async def test_open_entries_go_with_their_room_and_with_their_time(
    rooms: RoomStore, archive: TranscriptRecorder
) -> None:
    for name in ("room-1", "room-2"):
        archive.opened(name, "u-1", "8:acs:a", "en-US", "es-ES")
    await archive.flush()
    archive.opened("room-1", "u-2", "8:acs:a", "en-US", "es-ES")
    proof = await rooms.remove("room-1", NOW)
    assert (proof.removed["open_passages"], proof.left["open_passages"]) == (1, 0)
    assert await archive.close_open("room-1", "", "replica_lost") == 0
    assert await archive.expire([room(2)], default_days=0) == 0
    assert await archive.expire([room(2)], default_days=-1) == 1
    assert await archive.close_open("room-2", "", "replica_lost") == 0


async def test_open_entries_are_bounded_too(archive: TranscriptRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "BUFFER_LIMIT", 3)
    for number in range(5):
        archive.opened("room-1", f"u-{number}", "8:acs:a", "en-US", "es-ES")
    assert archive.lost == 2
    assert await archive.close_open("room-1", "", "replica_lost") == 3


async def test_a_line_whose_process_was_killed_becomes_final_and_says_so(
    archive: TranscriptRecorder, records: TranscriptStore
) -> None:
    """The ledger says `replica_lost`; a reader of the transcript learns that nothing more will come."""
    ended = replace(line(2), is_final=True)
    of_others = replace(line(3), utterance_id="v-1")
    for one in (line(1), ended, of_others, replace(line(1, "“is_final”:false"), language="en-US", is_original=True)):
        archive.line("room-1", one)
    archive.opened("room-1", "u-1", "8:acs:a", "en-US", "es-ES")
    assert await archive.close_open("room-1", "u-", "replica_lost") == 1
    found = {(one.utterance_id, one.language): one for one in await archive.lines("room-1")}
    lost = found["u-1", "es-ES"]
    assert (lost.is_final, lost.flags, lost.revision, lost.text) == (True, ("abandoned",), 2, "Hola")
    assert found["u-1", "en-US"].flags == ("abandoned",)
    assert (found["u-2", "es-ES"], found["v-1", "es-ES"]) == (ended, of_others)
    assert await archive.close_open("room-1", "u-", "replica_lost") == 0
    assert {one.revision for one in await records.lines("room-1", 9)} == {1, 2}


async def test_a_long_transcript_is_read_in_parts_and_in_order(
    stores: Stores, records: TranscriptStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_module, "READ_AT_ONCE", 7)
    monkeypatch.setattr(redis_module, "ITEMS_AT_ONCE", 7)
    async with TranscriptRecorder(records, now=lambda: NOW) as archive:
        for number in range(50):
            archive.line("room-1", line(number, at_ms=NOW_MS + number // 20))
            archive.closed("room-1", passage(number))
            archive.line("room-2", line(number))
    for most in (1, 6, 7, 8, 14, 49, 50, 60):
        lines = await records.lines("room-1", most)
        assert len(lines) == min(most, 50)
        assert [one.timestamp_ms for one in lines] == sorted(one.timestamp_ms for one in lines)
        assert len({one.utterance_id for one in lines}) == len(lines)
        assert [one.utterance_id for one in await records.ledger("room-1", most)] == [
            f"u-{number}" for number in range(max(0, 50 - most), 50)
        ]
    assert len(await records.ledger("room-1", None)) == 50


@pytest.mark.parametrize("stores", ["sqlite"], indirect=True)
async def test_a_long_read_lets_others_through(stores: Stores, records: TranscriptStore) -> None:
    async with TranscriptRecorder(records, now=lambda: NOW) as archive:
        for number in range(20 * sqlite_module.READ_AT_ONCE):
            archive.line("room-1", line(number))
    order: list[str] = []

    async def read(name: str) -> None:
        if name == "long":
            await records.lines("room-1", 20_000)
        else:
            await stores.rooms.glossary("room-1", 0)
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for name in ("long", "long", "long", "long", "short"):
            group.create_task(read(name))
    assert order[0] == "short"
