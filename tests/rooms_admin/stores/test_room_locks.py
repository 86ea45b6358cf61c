"""Of several changes meant for one version of a room, one is carried out; the others never reach ACS."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from http_serving.errors import NotFound
from rooms_admin.errors import Changed
from rooms_admin.rooms.requests import ChangedParticipant, ChangedRoom, NewGlossary, NewRoom
from rooms_admin.rooms.room import Room, RoomStore
from rooms_admin.rooms.service import RoomService
from rooms_admin.rooms.versions import ANY, Expected
from rooms_admin.stores import room_locks
from rooms_admin.stores.redis import rooms as redis_module
from rooms_admin.stores.redis.keys import Keys
from rooms_admin.stores.redis.rooms import RedisRooms
from rooms_admin.stores.room_locks import RoomLocks
from storage.errors import StoreUnavailable
from storage.redis import RedisClient
from tests.support.acs_fakes import FakeAcs
from tests.support.redis_server import RedisServer
from tests.support.stores import Stores

NEW = NewRoom.model_validate(
    {"name": "Board", "languages": ["en-US", "es-ES"], "participants": [{"display_name": "Ada", "speaks": "en-US"}]}
)
Operation = Callable[[RoomService, Room, Expected, int], Awaitable[object]]
OPERATIONS: dict[str, tuple[Operation, str]] = {
    "delete the room": (lambda rooms, room, expected, _: rooms.remove(room.room_id, expected), "delete_room"),
    "delete a participant": (
        lambda rooms, room, expected, _: rooms.roster.remove(
            room.room_id, room.participants[0].participant_id, expected
        ),
        "remove_participants",
    ),
    "change a role": (
        lambda rooms, room, expected, turn: rooms.roster.change(
            room.room_id,
            room.participants[0].participant_id,
            ChangedParticipant(role=("Presenter", "Consumer")[turn]),
            expected,
        ),
        "add_or_update_participants",
    ),
    "change the validity": (
        lambda rooms, room, expected, turn: rooms.change(
            room.room_id, ChangedRoom(valid_until=room.valid_until - timedelta(minutes=turn + 1)), expected
        ),
        "update_room",
    ),
}


def replicas(stores: Stores) -> list[RoomStore]:
    """What two replicas see: in SQLite there is one."""
    if isinstance(stores.database, RedisClient):
        return [stores.rooms, RedisRooms(stores.database, Keys())]
    return [stores.rooms, stores.rooms]


@pytest.mark.parametrize("name", OPERATIONS)
async def test_of_two_changes_meant_for_one_version_one_is_carried_out(stores: Stores, name: str) -> None:
    operation, method = OPERATIONS[name]
    for _ in range(5):
        fake = FakeAcs()
        services = [RoomService(one, fake.acs) for one in replicas(stores)]
        room = await services[0].create(NEW)
        asked = fake.rooms.calls.get(method, 0)
        results = await asyncio.gather(
            *(operation(one, room, Expected(frozenset({"1"})), turn) for turn, one in enumerate(services)),
            return_exceptions=True,
        )
        assert [type(one) for one in results if isinstance(one, BaseException)] == [Changed]
        assert fake.rooms.calls[method] == asked + 1
        if name == "change a role":
            stored = (await services[0].get(room.room_id)).participants[0]
            assert fake.rooms.rooms[room.acs_room_id] == {stored.acs_user_id: stored.role}


async def test_a_condition_on_a_room_that_was_deleted_is_not_met(stores: Stores) -> None:
    rooms = RoomService(stores.rooms, FakeAcs().acs)
    room = await rooms.create(NEW)
    await rooms.remove(room.room_id)
    for operation, _ in OPERATIONS.values():
        with pytest.raises(Changed):
            await operation(rooms, room, Expected(frozenset({"1"})), 0)
        with pytest.raises(NotFound):
            await operation(rooms, room, ANY, 0)


async def test_a_glossary_waits_for_a_change_that_is_being_carried_out(stores: Stores) -> None:
    rooms = RoomService(stores.rooms, FakeAcs().acs)
    room = await rooms.create(NEW)
    async with stores.rooms.changing(room.room_id):
        putting = asyncio.create_task(rooms.put_glossary(room.room_id, NewGlossary(terms=[])))
        await asyncio.sleep(0.05)
        assert not putting.done()
    assert (await putting).version == 1


async def test_another_room_is_not_kept_waiting(stores: Stores) -> None:
    async with stores.rooms.changing("room-1"), stores.rooms.changing("room-2"):
        pass


async def test_a_room_that_does_not_become_free_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_locks, "WAIT_S", 0.01)
    locks = RoomLocks()
    async with locks.hold("room-1"):
        with pytest.raises(StoreUnavailable, match="other requests"):
            async with locks.hold("room-1"):
                pass
    async with locks.hold("room-1"):
        pass


async def test_rooms_that_nobody_changes_have_no_lock() -> None:
    locks = RoomLocks()
    async with locks.hold("room-1"):
        assert list(locks._locks) == ["room-1"]
    assert not locks._locks


async def test_the_lock_of_a_replica_that_died_expires(
    empty_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_module, "LOCK_MS", 1_000)
    async with RedisClient(empty_redis.url) as client:
        ours, theirs = RedisRooms(client, Keys()), RedisRooms(client, Keys())
        async with ours.changing("room-1"):
            await asyncio.sleep(1.2)  # it is renewed
            assert await client.call("EXISTS", Keys().lock("room-1")) == 1
        assert await client.call("EXISTS", Keys().lock("room-1")) == 0
        began = time.monotonic()
        await client.call("SET", Keys().lock("room-1"), "of the dead", "PX", 300)
        async with theirs.changing("room-1"):
            assert time.monotonic() - began > 0.2


async def test_a_lock_that_was_lost_is_not_taken_from_its_next_holder(
    empty_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_module, "WAIT_S", 0.05)
    async with RedisClient(empty_redis.url) as client:
        ours, theirs = RedisRooms(client, Keys()), RedisRooms(client, Keys())
        async with ours.changing("room-1"):
            await client.call("SET", Keys().lock("room-1"), "another")
            with pytest.raises(StoreUnavailable, match="other requests"):
                async with theirs.changing("room-1"):
                    pass
        assert await client.call("GET", Keys().lock("room-1")) == b"another"
