"""All shared states, in memory, in SQLite and in Redis, keep what SharedState promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rooms_admin.stores.sqlite.migrations import MIGRATIONS
from storage import redis_key_value, sqlite_key_value
from storage.errors import StoreUnavailable
from storage.key_value import KeyValueStore
from storage.redis import RedisClient
from storage.redis_key_value import RedisKeyValue
from storage.sqlite import IN_MEMORY, SqliteDatabase
from storage.sqlite_key_value import SqliteKeyValue
from tests.support import in_memory_stores
from tests.support.in_memory_stores import InMemoryKeyValue
from tests.support.redis_server import RedisServer

KINDS = ("memory", "sqlite", "redis")


@asynccontextmanager
async def two_of(
    kind: str, request: pytest.FixtureRequest, path: str
) -> AsyncIterator[tuple[KeyValueStore, KeyValueStore]]:
    """Two replicas' views of the same state; one and the same where it is of one process only."""
    async with AsyncExitStack() as opened:
        match kind:
            case "memory":
                state = InMemoryKeyValue()
                yield state, state
            case "sqlite":
                database = await opened.enter_async_context(SqliteDatabase(path, MIGRATIONS))
                yield SqliteKeyValue(database), SqliteKeyValue(database)
            case _:
                server: RedisServer = request.getfixturevalue("empty_redis")
                clients = [await opened.enter_async_context(RedisClient(server.url)) for _ in range(2)]
                yield RedisKeyValue(clients[0]), RedisKeyValue(clients[1])


@pytest.fixture(params=KINDS)
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[KeyValueStore, KeyValueStore]]:
    async with two_of(request.param, request, str(tmp_path / "state.sqlite3")) as states:
        yield states


@pytest.fixture
def state(both: tuple[KeyValueStore, KeyValueStore]) -> KeyValueStore:
    return both[0]


async def test_what_is_put_is_seen_by_all(both: tuple[KeyValueStore, KeyValueStore]) -> None:
    ours, theirs = both
    await ours.put({"a": b"1", "b": b"\x00\xff"})
    assert await theirs.get("a") == b"1"
    assert await theirs.get("b") == b"\x00\xff"
    assert await theirs.get("c") is None
    await theirs.remove("a", "c")
    assert await ours.get("a") is None
    assert await ours.get("b") == b"\x00\xff"


async def test_find_goes_by_the_beginning_of_the_key(state: KeyValueStore) -> None:
    await state.put({"call:1": b"1", "call:2": b"2", "call": b"0", "calls:1": b"3", "CALL:4": b"4", "call:é*?": b"5"})
    assert await state.find("call:") == {"call:1": b"1", "call:2": b"2", "call:é*?": b"5"}
    assert await state.find("call:é*") == {"call:é*?": b"5"}
    assert await state.find("nobody") == {}
    assert len(await state.find("")) == 6


async def gone(state: KeyValueStore, key: str) -> None:
    async with asyncio.timeout(30):
        while await state.get(key) is not None:  # noqa: ASYNC110 - no store tells when it forgets
            await asyncio.sleep(0.01)


async def test_values_are_forgotten_in_time(state: KeyValueStore) -> None:
    await state.put({"call:1": b"1", "call:3": b"3"}, ttl_s=60)
    assert await state.swap("call:2", None, b"2", ttl_s=60)
    assert len(await state.find("call:")) == 3
    await state.put({"call:1": b"1"}, ttl_s=0.05)
    assert await state.swap("call:2", b"2", b"2", ttl_s=0.05)
    await gone(state, "call:1")
    await gone(state, "call:2")
    assert await state.find("call:") == {"call:3": b"3"}
    assert not await state.swap("call:1", b"1", b"again"), "what is forgotten is no value any more"
    assert await state.swap("call:1", None, b"again")
    assert await state.find("call:") == {"call:1": b"again", "call:3": b"3"}


async def test_a_value_put_anew_lives_as_long_as_it_is_told_now(state: KeyValueStore) -> None:
    await state.put({"a": b"1", "b": b"1"}, ttl_s=1.0)
    await state.put({"a": b"2"})
    assert await state.swap("b", b"1", b"2", ttl_s=60)
    await state.put({"c": b"1"}, ttl_s=1.0)
    await gone(state, "c")
    assert await state.find("") == {"a": b"2", "b": b"2"}


async def test_a_value_without_time_is_not_kept(state: KeyValueStore) -> None:
    await state.put({"a": b"1"})
    await state.put({"a": b"2"}, ttl_s=0)
    assert await state.find("a") == {}


async def test_one_of_many_who_swap_at_once_wins(both: tuple[KeyValueStore, KeyValueStore]) -> None:
    swaps = [both[number % 2].swap("owner", None, b"%d" % number) for number in range(20)]
    won = await asyncio.gather(*swaps)
    assert won.count(True) == 1
    assert await both[0].get("owner") == b"%d" % won.index(True)


VALUES = st.one_of(st.none(), st.sampled_from([b"", b"1", b"2"]))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from("ab"), VALUES, VALUES), max_size=12))
async def test_swap_is_compare_and_set(
    kind: str, request: pytest.FixtureRequest, steps: list[tuple[str, bytes | None, bytes | None]]
) -> None:
    """Against a dictionary: the same answer to each, and the same values at the end."""
    async with two_of(kind, request, IN_MEMORY) as (state, other):
        model: dict[str, bytes] = {}
        await state.remove("a", "b")
        for key, old, new in steps:
            fits = model.get(key) == old
            if fits and new is None:
                model.pop(key, None)
            elif fits and new is not None:
                model[key] = new
            assert await state.swap(key, old, new) == fits
        assert await other.find("") == model


class Clock:
    now = 1_763_625_600.0

    def __call__(self) -> float:
        return self.now


LIVES = st.one_of(st.none(), st.integers(0, 4))


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@settings(max_examples=50)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.sampled_from("ab"), LIVES),
            st.tuples(st.just("swap"), st.sampled_from("ab"), LIVES),
            st.tuples(st.just("wait"), st.just(""), st.integers(1, 3)),
        ),
        max_size=15,
    )
)
async def test_a_value_is_there_exactly_as_long_as_it_was_told(
    kind: str, steps: list[tuple[str, str, int | None]]
) -> None:
    """Against a dictionary, with a clock that is moved on. Redis has its own clock: see the test with real times."""
    clock, model = Clock(), dict[str, float]()
    async with AsyncExitStack() as opened:
        state: KeyValueStore = InMemoryKeyValue(clock)
        if kind == "sqlite":
            state = SqliteKeyValue(await opened.enter_async_context(SqliteDatabase(IN_MEMORY, MIGRATIONS)), now=clock)
        for what, key, seconds in steps:
            if what == "wait" and seconds is not None:
                clock.now += seconds
            else:
                there = model.get(key, 0) > clock.now
                if what == "put":
                    await state.put({key: b"1"}, seconds)
                else:
                    assert await state.swap(key, None, b"1", seconds) == (not there)
                if what == "put" or not there:
                    model[key] = float("inf") if seconds is None else clock.now + seconds
            alive = {key for key, until in model.items() if until > clock.now}
            assert set(await state.find("")) == alive
            assert {key for key in "ab" if await state.get(key) is not None} == alive


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from("ab"), st.one_of(st.none(), st.binary(max_size=3))), max_size=20))
async def test_queues_keep_their_order(
    kind: str, request: pytest.FixtureRequest, steps: list[tuple[str, bytes | None]]
) -> None:
    """None pops: what comes out of a queue is what went in, the oldest first, each once."""
    async with two_of(kind, request, IN_MEMORY) as (state, other):
        model: dict[str, list[bytes]] = {"a": [], "b": []}
        for queue, item in steps:
            if item is None:
                assert await other.pop(queue, 0) == (model[queue].pop(0) if model[queue] else None)
            else:
                await state.push(queue, item)
                model[queue].append(item)
        for queue, items in model.items():
            assert [await other.pop(queue, 0) for _ in range(len(items) + 1)] == [*items, None]


async def test_who_waits_gets_what_comes(both: tuple[KeyValueStore, KeyValueStore]) -> None:
    ours, theirs = both
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        waiting = [group.create_task(ours.pop("inbox", 30)), group.create_task(theirs.pop("inbox", 30))]
        await asyncio.sleep(0.02)
        await theirs.push("other", b"not for them")
        await theirs.push("inbox", b"1")
        await ours.push("inbox", b"2")
    assert sorted(str(task.result()) for task in waiting) == ["b'1'", "b'2'"]


async def test_who_waits_in_vain_is_told_so_in_time(state: KeyValueStore) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await state.pop("inbox", 0.15) is None
    assert 0.14 < loop.time() - began < 20


async def test_cancelling_who_waits_loses_nothing(both: tuple[KeyValueStore, KeyValueStore]) -> None:
    """Wherever the cancellation falls: before an item comes, with it, or after."""
    ours, theirs = both
    taken: list[bytes] = []
    pushed = [b"%d" % number for number in range(40)]

    async def read() -> None:
        item = await ours.pop("inbox", 30)
        assert item is not None
        taken.append(item)

    for number, item in enumerate(pushed):
        reading = asyncio.ensure_future(read())
        if number % 2:
            await asyncio.sleep(0.002)
        await theirs.push("inbox", item)
        for _ in range(number % 7):
            await asyncio.sleep(0)
        if number % 3 == 0:
            await asyncio.sleep(0.001)
        reading.cancel()
        await asyncio.wait({reading})
        assert reading.cancelled() or reading.exception() is None
    while (left := await theirs.pop("inbox", 0.05)) is not None:
        taken.append(left)
    assert sorted(taken, key=int) == pushed


async def test_a_full_queue_takes_no_more(state: KeyValueStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (in_memory_stores, sqlite_key_value, redis_key_value):
        monkeypatch.setattr(module, "QUEUE_LIMIT", 2)
    await state.push("inbox", b"1")
    await state.push("inbox", b"2")
    with pytest.raises(StoreUnavailable):
        await state.push("inbox", b"3")
    await state.push("other", b"1")
    assert await state.pop("inbox", 0) == b"1"
    await state.push("inbox", b"4")
    assert [await state.pop("inbox", 0) for _ in range(3)] == [b"2", b"4", None]
