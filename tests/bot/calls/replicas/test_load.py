"""The load of all replicas is added up, and a replica that has stopped counts no longer."""

from __future__ import annotations

import asyncio

from bot.calls.replicas.load import LIFETIME_S, Load, ReplicaLoad
from storage.errors import StoreUnavailable
from storage.health import StoreHealth
from tests.support.in_memory_stores import InMemoryKeyValue


async def test_the_loads_of_all_replicas_are_added_up() -> None:
    now = 0.0
    state, health = InMemoryKeyValue(lambda: now), StoreHealth()
    calls = [1, 2]
    one = ReplicaLoad(state, "a", health, calls, range(10))
    other = ReplicaLoad(state, "b", health, range(3), range(5))
    await one.add_up()
    await other.add_up()
    assert other.total == Load(calls=5, connections=15)
    calls += [3, 4]
    await one.add_up()
    assert one.total == Load(calls=7, connections=15)
    now += LIFETIME_S + 1
    await one.add_up()
    assert one.total == Load(calls=4, connections=10)


async def test_a_report_that_cannot_be_read_does_not_count() -> None:
    state, health = InMemoryKeyValue(lambda: 0.0), StoreHealth()
    await state.put({"load:new": b'{"calls":"many"}'})
    one = ReplicaLoad(state, "a", health, range(1), ())
    await one.add_up()
    assert one.total == Load(calls=1)
    assert health.unreadable == {"load": 1}


async def test_the_last_sum_stays_while_the_store_is_away() -> None:
    class Failing(InMemoryKeyValue):
        away = False

        async def find(self, prefix: str) -> dict[str, bytes]:
            if self.away:
                raise StoreUnavailable("away")
            return dict(await super().find(prefix))

    state = Failing(asyncio.get_running_loop().time)
    load = ReplicaLoad(state, "a", StoreHealth(), range(1), ())
    await load.add_up()
    state.away = True
    task = asyncio.create_task(load.run())
    await asyncio.sleep(0.01)
    assert not task.done()
    assert load.total == Load(calls=1)
    task.cancel()
    await asyncio.wait({task})
