"""All stores, in memory, in SQLite and in Redis, keep what a RoomStore promises."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms_admin.rooms.room import (
    NO_GLOSSARY,
    Glossary,
    JoinCodeTaken,
    Room,
    RoomQuery,
    RoomStore,
    Sort,
    Term,
    UnknownRoom,
)
from storage.sqlite import IN_MEMORY
from tests.support.in_memory_stores import InMemoryRooms
from tests.support.rooms import ADA, NOW, room
from tests.support.stores import opened


@pytest.fixture(params=["memory", "sqlite", "sqlite in memory", "redis"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RoomStore]:
    if request.param == "memory":
        yield InMemoryRooms()
        return
    path = str(tmp_path / "rooms.sqlite3") if request.param == "sqlite" else IN_MEMORY
    async with opened(request.param, request, path) as stores:
        yield stores.rooms


async def test_a_room_is_found_by_each_of_its_names(store: RoomStore) -> None:
    await store.add(room(1))
    await store.add(room(2))
    assert await store.get("room-2") == room(2)
    assert await store.find_by_acs_room(room(2).acs_room_id) == room(2)
    assert await store.find_by_join_code("000002") == room(2)


SISTERS = {"en-US": "99117812428621001", "es-ES": "99117812428621002"}


async def test_a_room_is_found_by_each_of_its_acs_rooms(store: RoomStore) -> None:
    sisters = replace(room(1), acs_room_id=SISTERS["en-US"], sisters=SISTERS)
    await store.add(sisters)
    await store.add(room(2))
    assert [await store.find_by_acs_room(one) for one in SISTERS.values()] == [sisters, sisters]


async def test_a_room_without_acs_is_kept_and_found_by_no_acs_room(store: RoomStore) -> None:
    web = replace(room(1), acs_room_id="", media="web")
    await store.add(web)
    await store.add(replace(room(2), acs_room_id="", media="web"))
    assert await store.get("room-1") == web
    assert await store.find_by_acs_room("") is None
    assert await store.update("room-1", lambda room: replace(room, name="Lecture")) == replace(
        web, name="Lecture", version=2
    )
    assert (await store.remove("room-1", NOW)).left["acs_rooms"] == 0


def test_a_room_stored_before_there_were_rooms_without_acs_is_one_with_acs() -> None:
    document = json.loads(msgspec.json.encode(room(1)))
    del document["media"]
    assert msgspec.json.decode(json.dumps(document), type=Room) == room(1)


async def test_acs_rooms_that_come_and_go_change_what_a_room_is_found_by(store: RoomStore) -> None:
    await store.add(replace(room(1), acs_room_id=SISTERS["en-US"], sisters=SISTERS))
    now = {"fr-FR": "99117812428621003", "es-ES": SISTERS["es-ES"]}
    changed = await store.update("room-1", lambda room: replace(room, acs_room_id=now["fr-FR"], sisters=now))
    assert await store.find_by_acs_room(SISTERS["en-US"]) is None
    assert [await store.find_by_acs_room(one) for one in now.values()] == [changed, changed]
    assert list((await store.get("room-1") or room(2)).sisters) == ["fr-FR", "es-ES"]
    proof = await store.remove("room-1", NOW)
    assert (proof.removed["acs_rooms"], proof.left["acs_rooms"]) == (2, 0)
    assert [await store.find_by_acs_room(one) for one in now.values()] == [None, None]


async def test_nothing_is_found_by_other_names(store: RoomStore) -> None:
    await store.add(room(1))
    assert await store.get("room-2") is None
    assert await store.find_by_acs_room("") is None
    assert await store.find_by_join_code("") is None


async def test_a_join_code_belongs_to_one_valid_room(store: RoomStore) -> None:
    await store.add(room(1, join_code="123456"))
    with pytest.raises(JoinCodeTaken):
        await store.add(room(2, join_code="123456"))
    assert await store.get("room-2") is None


async def test_the_join_code_of_an_expired_room_is_used_again(store: RoomStore) -> None:
    later = room(2, join_code="123456", created_at=NOW + timedelta(days=1))
    await store.add(room(1, join_code="123456"))
    await store.add(later)
    assert await store.find_by_join_code("123456") == later
    await store.remove("room-1", NOW)
    assert await store.find_by_join_code("123456") == later


async def test_each_change_is_a_new_version(store: RoomStore) -> None:
    await store.add(room(1))
    await store.update("room-1", lambda room: replace(room, name="Town hall"))
    changed = await store.update("room-1", lambda room: replace(room, name=room.name + "!"))
    assert (changed.name, changed.version) == ("Town hall!", 3)
    assert await store.get("room-1") == changed


async def test_a_change_that_fails_changes_nothing(store: RoomStore) -> None:
    await store.add(room(1))

    def fail(_: Room) -> Room:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.update("room-1", fail)
    assert await store.get("room-1") == room(1)


async def test_a_removed_room_is_gone_by_every_name(store: RoomStore) -> None:
    await store.add(replace(room(1), request_key="ops:1"))
    await store.remove("room-1", NOW)
    assert await store.get("room-1") is None
    assert await store.find_by_acs_room(room(1).acs_room_id) is None
    assert await store.find_by_join_code("000001") is None
    assert await store.find_by_request("ops:1") is None
    with pytest.raises(UnknownRoom):
        await store.remove("room-1", NOW)
    with pytest.raises(UnknownRoom):
        await store.update("room-1", lambda room: room)


async def test_a_removal_leaves_its_proof(store: RoomStore) -> None:
    await store.add(room(1))
    assert await store.deletion("room-1") is None
    proof = await store.remove("room-1", NOW)
    assert (proof.room_id, proof.deleted_at) == ("room-1", NOW)
    assert (proof.removed["rooms"], proof.removed["participants"]) == (1, 1)
    assert set(proof.left.values()) == {0}
    assert await store.deletion("room-1") == proof


async def test_a_room_is_found_by_the_request_that_made_it(store: RoomStore) -> None:
    await store.add(room(1))
    await store.add(replace(room(2), request_key="ops:1"))
    found = await store.find_by_request("ops:1")
    assert found is not None
    assert found.room_id == "room-2"
    assert await store.find_by_request("ops:2") is None


async def test_every_version_of_a_glossary_is_kept(store: RoomStore) -> None:
    await store.add(room(1))
    versions = [Glossary(1, (Term("booth", {"es-ES": "cabina"}),)), Glossary(2, (Term("Contoso"),))]
    for version in versions:
        await store.update("room-1", lambda room, version=version: replace(room, glossary=version))  # type: ignore[misc]  # mypy and lambdas with defaults
    current = await store.get("room-1")
    assert current is not None
    assert current.glossary == versions[1]
    assert [await store.glossary("room-1", number) for number in (0, 1, 2, 3)] == [NO_GLOSSARY, *versions, None]


ROOMS = [
    replace(room(1, name="Board"), languages=("en-US", "es-ES")),
    replace(room(2, name="all hands"), languages=("en-US", "fr-FR"), valid_from=NOW + timedelta(days=2)),
    replace(room(3, name="BOARD 2"), languages=("de-DE", "es-ES"), valid_until=NOW + timedelta(hours=1)),
    replace(room(4, name="Über alles"), valid_until=NOW + timedelta(days=9)),
    replace(room(5, name="Board"), valid_until=NOW + timedelta(days=3)),
]


async def listed(store: RoomStore, query: RoomQuery) -> list[int]:
    return [int(one.room_id.removeprefix("room-")) for one in await store.page(query)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (RoomQuery(9), [1, 2, 3, 4, 5]),
        (RoomQuery(2), [1, 2]),
        (RoomQuery(9, sort="-created_at"), [5, 4, 3, 2, 1]),
        (RoomQuery(9, sort="name"), [2, 1, 5, 3, 4]),
        (RoomQuery(9, sort="-name"), [4, 3, 5, 1, 2]),
        (RoomQuery(9, sort="valid_until"), [3, 1, 2, 5, 4]),
        (RoomQuery(9, sort="-valid_until"), [4, 5, 2, 1, 3]),
        (RoomQuery(9, name="board"), [1, 3, 5]),
        (RoomQuery(9, name="über"), [4]),
        (RoomQuery(9, name="%"), []),
        (RoomQuery(9, language="fr-FR"), [2]),
        (RoomQuery(9, language="fr"), []),
        (RoomQuery(9, mode="simultaneous"), []),
        (RoomQuery(9, mode="consecutive", name="all h"), [2]),
        (RoomQuery(9, validity="scheduled", now=NOW + timedelta(hours=2)), [2]),
        (RoomQuery(9, validity="open", now=NOW + timedelta(hours=2)), [1, 4, 5]),
        (RoomQuery(9, validity="expired", now=NOW + timedelta(hours=2)), [3]),
    ],
    ids=str,
)
async def test_rooms_are_filtered_and_sorted(store: RoomStore, query: RoomQuery, expected: list[int]) -> None:
    for one in ROOMS:
        await store.add(one)
    assert await listed(store, query) == expected


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name", "-name", "valid_until", "-valid_until"])
async def test_pages_together_are_the_whole_list(store: RoomStore, sort: Sort) -> None:
    """A page goes on after the last room seen, whichever field it is sorted by, and though rooms are alike in it."""
    for one in ROOMS:
        await store.add(one)
    whole = await store.page(RoomQuery(9, sort=sort))
    query = RoomQuery(2, sort=sort)
    seen: list[Room] = []
    while found := await store.page(query):
        seen += found
        query = replace(query, after=(query.sort_key(found[-1]), found[-1].room_id))
    assert seen == list(whole)


@given(st.text(), st.text())
def test_sort_keys_sort_as_names_do(one: str, other: str) -> None:
    query = RoomQuery(1, sort="name")
    keys = [query.sort_key(room(1, name=name)) for name in (one, other)]
    assert (keys[0] < keys[1]) == (one.casefold() < other.casefold())


def test_a_participant_is_found_in_its_room() -> None:
    assert room(1).participant("participant-1") is ADA
    assert room(1).participant("participant-2") is None
