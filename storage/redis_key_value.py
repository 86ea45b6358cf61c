"""KeyValueStore of several replicas, in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from storage.errors import StoreUnavailable
from storage.key_value import QUEUE_LIMIT
from storage.redis import LONGEST_WAIT_S, PREFIX, RedisClient, Script
from storage.uncancellable import finished

_SCRIPT = Script(Path(__file__).with_name("redis_key_value.lua"))


class RedisKeyValue:
    """See KeyValueStore. Values expire by the clock of Redis.

    `pop` waits by moving the head of the queue onto itself (BLMOVE), which removes nothing, so that a cancelled wait
    loses nothing. It then takes the item by LPOP, which is short; cancelled meanwhile, it waits for the result and puts
    the item back. An item is lost only if the connection breaks after LPOP, just as a failed `push` may have been
    carried out.
    """

    def __init__(self, client: RedisClient, prefix: str = PREFIX) -> None:
        self._client = client
        self._values = f"{prefix}state:"
        self._index = f"{prefix}state-names"
        self._queues = f"{prefix}queue:"

    async def get(self, key: str) -> bytes | None:
        value: bytes | None = await self._client.call("GET", self._values + key)
        return value

    async def put(self, values: Mapping[str, bytes], ttl_s: float | None = None) -> None:
        if values:
            places = [self._values + key for key in values]
            pairs = [part for pair in values.items() for part in pair]
            await self._client.run(_SCRIPT, "put", [self._index, *places], _ttl(ttl_s), *pairs)

    async def swap(self, key: str, old: bytes | None, new: bytes | None, ttl_s: float | None = None) -> bool:
        keys = [self._index, self._values + key]
        given = (int(old is not None), old or b"", int(new is not None), new or b"")
        return bool(await self._client.run(_SCRIPT, "swap", keys, key, *given, _ttl(ttl_s)))

    async def remove(self, *keys: str) -> None:
        if keys:
            await self._client.run(_SCRIPT, "remove", [self._index, *(self._values + key for key in keys)], *keys)

    async def find(self, prefix: str) -> Mapping[str, bytes]:
        found: list[bytes] = await self._client.run(_SCRIPT, "find", [self._index], self._values, prefix)
        return {name.decode(): value for name, value in zip(found[::2], found[1::2], strict=True)}

    async def push(self, queue: str, item: bytes) -> None:
        if not await self._client.run(_SCRIPT, "push", [self._queues + queue], item, QUEUE_LIMIT):
            raise StoreUnavailable("the queue is full")

    async def pop(self, queue: str, wait_s: float) -> bytes | None:
        clock = asyncio.get_running_loop().time
        until = clock() + wait_s
        place = self._queues + queue
        while True:
            item = await self._take(place)
            if item is not None or (left := until - clock()) <= 0:
                return item
            # A timeout of zero would mean no timeout. After waking, another reader may have taken the item.
            await self._client.wait("BLMOVE", place, place, "LEFT", "LEFT", max(0.01, min(left, LONGEST_WAIT_S)))

    async def _take(self, place: str) -> bytes | None:
        item: bytes | None
        item, cancelled = await finished(self._client.call("LPOP", place))
        if cancelled is not None:
            if item is not None:
                await finished(self._client.call("LPUSH", place, item))
            raise cancelled
        return item


def _ttl(ttl_s: float | None) -> str:
    return "" if ttl_s is None else str(round(ttl_s * 1000))
