"""One stored record that cannot be read hurts no other, whichever it is and wherever it stands; it stays stored."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from http_serving.errors import Conflict, NotFound
from rooms_admin.idempotency import KeyClaim, StoredResponse
from rooms_admin.integrations.subscriptions import OutgoingEvent
from rooms_admin.rooms.room import Room, RoomQuery, Sort, UnknownRoom
from rooms_admin.rooms.service import RoomService
from rooms_admin.rooms.versions import Expected
from rooms_admin.stores.redis.keys import Keys
from rooms_admin.transcripts.recorder import OpenLedgerRecord, TranscriptBatch, TranscriptRecorder
from rooms_admin.transcripts.records import LedgerRecord, TranscriptLine
from storage.errors import UnstorableValue
from storage.redis import RedisClient
from tests.support.acs_fakes import FakeAcs
from tests.support.hostile import anything_of
from tests.support.rooms import NOW, NOW_MS, line, passage, room
from tests.support.stores import KINDS, Stores
from tests.support.stores import opened as stores_opened

DAMAGED = ['{"usage_cap":{"money":null}}', "", "{", '{"room_id":"' + "\udc80" + '"}', "[" * 5_000]


async def damage(stores: Stores, table: str, row: str, document: str) -> None:
    """Replace a document. `row`: the id, or utterance and language."""
    name, _, language = row.partition("/")
    if isinstance(stores.database, RedisClient):
        raw = document.encode(errors="surrogateescape")
        if table in ("rooms", "deliveries"):
            key = Keys().room(name) if table == "rooms" else Keys().delivery(name)
            await stores.database.call("HSET", key, "document", raw)
        elif table == "subscriptions":
            await stores.database.call("HSET", Keys().subscriptions, name, raw)
        else:
            await stores.database.call("HSET", Keys().of("room-1", table), f"{name}\0{language}", raw)
        return
    column, value = (
        ("body", b"\x80") if table == "deliveries" else ("document", document.encode(errors="surrogateescape"))
    )
    key = {"rooms": "room_id", "subscriptions": "subscription_id", "deliveries": "delivery_id"}.get(
        table, "utterance_id"
    )
    statement = f"UPDATE {table} SET {column} = CAST(? AS TEXT) WHERE {key} = ?"
    assert await stores.database.write(lambda connection: connection.execute(statement, (value, name)).rowcount) == 1


@pytest.mark.parametrize("document", DAMAGED, ids=range(len(DAMAGED)))
@pytest.mark.parametrize("sort", ["created_at", "-name", "valid_until"])
async def test_a_room_that_cannot_be_read_is_in_no_list_and_shortens_none(
    stores: Stores, document: str, sort: Sort
) -> None:
    for number in range(1, 8):
        await stores.rooms.add(room(number))
    for number in (1, 3, 4, 7):
        await damage(stores, "rooms", f"room-{number}", document)
    names = [f"room-{number}" for number in (2, 5, 6)]
    expected = names[::-1] if sort.startswith("-") else names
    assert [one.room_id for one in await stores.rooms.page(RoomQuery(3, sort))] == expected
    assert [one.room_id for one in await stores.rooms.page(RoomQuery(2, sort))] == expected[:2]
    first = (await stores.rooms.page(RoomQuery(1, sort)))[0]
    query = RoomQuery(10, sort)
    rest = await stores.rooms.page(replace(query, after=(query.sort_key(first), first.room_id)))
    assert [one.room_id for one in rest] == expected[1:]
    assert stores.database.health.unreadable == {"room": 4}


async def test_a_room_that_cannot_be_read_is_kept_and_does_not_exist(stores: Stores) -> None:
    for number in (1, 2):
        await stores.rooms.add(room(number))
    await damage(stores, "rooms", "room-1", "{")
    assert await stores.rooms.get("room-1") is None
    assert await stores.rooms.find_by_acs_room(room(1).acs_room_id) is None
    assert await stores.rooms.find_by_join_code(room(1).join_code) is None
    with pytest.raises(UnknownRoom):
        await stores.rooms.update("room-1", lambda room: room)
    assert (await stores.rooms.update("room-2", lambda room: replace(room, name="B"))).name == "B"
    if isinstance(stores.database, RedisClient):
        kept = await stores.database.call("HGET", Keys().room("room-1"), "document")
        assert kept == b"{"
    else:
        query = "SELECT document FROM rooms WHERE room_id = 'room-1'"
        assert await stores.database.read(lambda connection: connection.execute(query).fetchone()) == ("{",)


async def test_a_room_that_cannot_be_read_can_be_deleted_with_all_that_belongs_to_it(stores: Stores) -> None:
    await stores.rooms.add(room(1))
    await stores.records.write(TranscriptBatch({("room-1", "u-1", "es-ES"): line(1)}))
    await damage(stores, "rooms", "room-1", "{")
    rooms = RoomService(stores.rooms, FakeAcs().acs)
    with pytest.raises(NotFound):
        await rooms.remove("room-1", Expected(frozenset({"1"})))
    await rooms.remove("room-1")
    proof = await rooms.deletion("room-1")
    assert (proof.removed["lines"], set(proof.left.values())) == (1, {0})
    with pytest.raises(NotFound):
        await rooms.remove("room-1")


async def test_a_room_with_a_number_that_cannot_be_stored_is_not_stored(stores: Stores) -> None:
    def spoil(one: Any) -> Any:
        return replace(one, settings=replace(one.settings, usage_cap={"money": float("inf")}))

    with pytest.raises(UnstorableValue):
        await stores.rooms.add(spoil(room(1)))
    assert await stores.rooms.page(RoomQuery(9)) == []
    await stores.rooms.add(room(1))
    with pytest.raises(UnstorableValue):
        await stores.rooms.update("room-1", spoil)
    assert await stores.rooms.get("room-1") == room(1)


async def test_lines_and_ledger_go_on_without_what_cannot_be_read(stores: Stores) -> None:
    await stores.rooms.add(room(1))
    opened = OpenLedgerRecord("u-9", "8:acs:a", "en-US", "es-ES", NOW_MS)
    batch = TranscriptBatch(
        {("room-1", f"u-{number}", "es-ES"): line(number, at_ms=NOW_MS + number) for number in (1, 2, 3)},
        {("room-1", f"u-{number}", "es-ES"): replace(passage(number), closed_at_ms=NOW_MS) for number in (1, 2, 3)},
        {
            ("room-1", "u-8", "es-ES"): replace(opened, utterance_id="u-8"),
            ("room-1", "u-9", "es-ES"): opened,
        },
    )
    await stores.records.write(batch)
    await damage(stores, "lines", "u-2/es-ES", "{")
    await damage(stores, "passages", "u-1/es-ES", "{}")
    await damage(stores, "open_passages", "u-8/es-ES", "")
    assert [one.utterance_id for one in await stores.records.lines("room-1", 9)] == ["u-1", "u-3"]
    assert [one.utterance_id for one in await stores.records.ledger("room-1", None)] == ["u-2", "u-3"]
    assert await stores.records.close_open("room-1", "u-", "replica_lost", NOW_MS) == 1
    assert [one.utterance_id for one in await stores.records.ledger("room-1", None)] == ["u-2", "u-3", "u-9"]
    assert set(stores.database.health.unreadable) == {"transcript line", "ledger record", "open ledger record"}
    await stores.records.write(TranscriptBatch({("room-1", "u-2", "es-ES"): line(2, revision=2)}))
    assert len(await stores.records.lines("room-1", 9)) == 3


async def test_what_cannot_be_stored_costs_its_own_record_and_no_other(stores: Stores) -> None:
    """A model counts 10³⁰ tokens; a clock is wrong by a million years; a text is no text."""
    await stores.rooms.add(room(1))
    async with TranscriptRecorder(stores.records, now=lambda: NOW) as recorder:
        recorder.line("room-1", line(1))
        recorder.line("room-1", line(2, "\ud800"))
        recorder.line("room-1", line(3, at_ms=2**63))
        recorder.closed("room-1", passage(1))
        recorder.closed("room-1", replace(passage(2), tokens={"input_audio": 10**30}))
        recorder.closed("room-1", replace(passage(3), speed=float("nan")))
        await recorder.flush()
    assert [one.utterance_id for one in await stores.records.lines("room-1", 9)] == ["u-1"]
    assert [one.utterance_id for one in await stores.records.ledger("room-1", None)] == ["u-1"]


async def test_a_subscription_that_cannot_be_read_is_left_out_from_the_start_on(stores: Stores) -> None:
    await stores.rooms.add(room(1))
    before = await stores.subscriptions()
    one, other = [await before.add(f"https://contoso.com/{path}", ["room.live"], None) for path in "ab"]
    await damage(stores, "subscriptions", one.subscription_id, "{}")
    after = await stores.subscriptions()
    assert await after.all() == [other]
    assert await after.find(one.subscription_id) is None
    assert await after.enqueue([OutgoingEvent("room.live", "room-1", NOW_MS, {})]) == 1


async def test_a_delivery_that_cannot_be_read_does_not_hold_up_those_behind_it(stores: Stores) -> None:
    await stores.rooms.add(room(1))
    subscriptions = await stores.subscriptions(now=lambda: NOW)
    one = await subscriptions.add("https://contoso.com/", ["room.live"], None)
    for at_ms in (NOW_MS - 2, NOW_MS - 1):
        await subscriptions.enqueue([OutgoingEvent("room.live", "room-1", at_ms, {})])
    youngest, oldest = await subscriptions.history(one.subscription_id, None, 9)
    await damage(stores, "deliveries", oldest.delivery_id, "{}")
    found = [*await subscriptions.due(), *await subscriptions.due()]
    assert youngest.delivery_id in {each.delivery_id for each in found}
    assert oldest.delivery_id not in {each.delivery_id for each in found}
    assert await subscriptions.history(one.subscription_id, None, 9) == [youngest]


async def test_an_event_that_is_no_text_costs_its_own_delivery_and_no_other(stores: Stores) -> None:
    await stores.rooms.add(room(1))
    subscriptions = await stores.subscriptions(now=lambda: NOW)
    one = await subscriptions.add("https://contoso.com/", ["room.live"], None)
    events = [OutgoingEvent("room.live", "room-1", NOW_MS, {"text": text}) for text in ("\ud800", "fine")]
    await subscriptions.enqueue(events)
    assert ["fine" in each.body for each in await subscriptions.history(one.subscription_id, None, 9)] == [True]


async def test_a_stored_response_that_cannot_be_read_is_a_conflict(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores.idempotency()
    with monkeypatch.context() as older:
        older.setattr("rooms_admin.stores.sqlite.idempotency.encode_response", lambda response: b"\xc1")
        older.setattr("rooms_admin.stores.redis.idempotency.encode_response", lambda response: b"\xc1")
        claim = await store.claim("ops", "k", b"wanted")
        assert isinstance(claim, KeyClaim)
        await store.keep(claim, StoredResponse(201, b"{}"), None)
    with pytest.raises(Conflict, match="cannot be read"):
        await store.claim("ops", "k", b"wanted")
    assert isinstance(await store.claim("ops", "another", b"wanted"), KeyClaim)


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_stored_hurts_nothing_else_and_comes_back_as_it_was(
    kind: str, request: pytest.FixtureRequest
) -> None:
    numbers = count(1)

    @settings(max_examples=10, phases=[Phase.generate])
    @given(
        anything_of(Room),
        st.lists(anything_of(TranscriptLine), max_size=3),
        st.lists(anything_of(LedgerRecord), max_size=3),
        st.lists(anything_of(OpenLedgerRecord), max_size=3),
    )
    def store(
        odd: Room, lines: list[TranscriptLine], records: list[LedgerRecord], opened: list[OpenLedgerRecord]
    ) -> None:
        asyncio.run(store_and_read(odd, lines, records, opened))

    async def store_and_read(
        odd: Room, lines: list[TranscriptLine], records: list[LedgerRecord], opened: list[OpenLedgerRecord]
    ) -> None:
        async with stores_opened(kind, request) as stores:
            number = next(numbers)
            plain = room(number)
            await stores.rooms.add(plain)
            odd = replace(
                odd, room_id=f"room-odd{number}", acs_room_id=f"odd{number}", join_code=f"odd{number}", created_at=NOW
            )
            try:
                await stores.rooms.add(odd)
            except UnstorableValue:
                assert await stores.rooms.get(odd.room_id) is None
            else:
                assert await stores.rooms.get(odd.room_id) == odd
            assert plain in await stores.rooms.page(RoomQuery(1_000))
            batch = TranscriptBatch(
                {(plain.room_id, one.utterance_id, one.language): one for one in (*lines, line())},
                {(plain.room_id, one.utterance_id, one.target): one for one in (*records, passage())},
                {(plain.room_id, one.utterance_id, one.target): one for one in opened},
            )
            await stores.records.write(batch)
            found = await stores.records.lines(plain.room_id, 99)
            assert line() in found and set(map(repr, found)) <= set(map(repr, batch.lines.values()))
            ledger = await stores.records.ledger(plain.room_id, None)
            assert passage() in ledger and all(one in batch.closed.values() for one in ledger)
            await stores.records.close_open(plain.room_id, "", "replica_lost", NOW_MS)
            assert all(one.is_final for one in await stores.records.lines(plain.room_id, 99))
            assert not stores.database.health.unreadable

    store()
