"""The SharedState of several replicas, in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from storage.errors import StoreUnavailable
from storage.key_value import QUEUE_LIMIT
from storage.redis import LONGEST_WAIT_S, PREFIX, RedisClient, Script
from storage.uncancellable import finished

# Beside each value its key stands in a sorted set, all with the same score: those are sorted by their bytes, so that a
# range of them is a prefix. A key whose value has been forgotten is taken out when it is next found.
# A value's time is in milliseconds; "" means for ever, 0 and less that it is forgotten at once.
_SET = """
local function set(place, index, name, value, ttl)
    if ttl == '' then
        redis.call('SET', place, value)
    elseif tonumber(ttl) > 0 then
        redis.call('SET', place, value, 'PX', ttl)
    else
        redis.call('DEL', place)
        redis.call('ZREM', index, name)
        return
    end
    redis.call('ZADD', index, 0, name)
end
"""
_PUT = Script(
    _SET
    + """
for number = 2, #ARGV, 2 do
    set(KEYS[number / 2 + 1], KEYS[1], ARGV[number], ARGV[number + 1], ARGV[1])
end
"""
)
_SWAP = Script(
    _SET
    + """
local name, has_old, old, has_new, new, ttl = unpack(ARGV)
local now = redis.call('GET', KEYS[2])
if has_old == '0' then
    if now then return 0 end
elseif now ~= old then
    return 0
end
if has_new == '0' then
    redis.call('DEL', KEYS[2])
    redis.call('ZREM', KEYS[1], name)
else
    set(KEYS[2], KEYS[1], name, new, ttl)
end
return 1
"""
)
_REMOVE = Script("""
for number, name in ipairs(ARGV) do
    redis.call('DEL', KEYS[number + 1])
    redis.call('ZREM', KEYS[1], name)
end
""")
_FIND = Script("""
local found = {}
for _, name in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], '[' .. ARGV[2], '[' .. ARGV[2] .. '\\255')) do
    local value = redis.call('GET', ARGV[1] .. name)
    if value then
        found[#found + 1] = name
        found[#found + 1] = value
    else
        redis.call('ZREM', KEYS[1], name)
    end
end
return found
""")
_PUSH = Script("""
if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('RPUSH', KEYS[1], ARGV[1])
return 1
""")


class RedisKeyValue:
    """See SharedState. Values are forgotten by the clock of Redis.

    `pop` waits by moving the head of the queue onto itself (BLMOVE), which takes nothing, so that a cancelled wait
    loses nothing; it then takes by LPOP, which ends within a moment: cancelled meanwhile, it waits for that end and
    puts back what came. Only an item whose answer the network swallows after it was taken is lost, as `push` may have
    happened though it failed.
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
            await self._client.run(_PUT, [self._index, *places], _ttl(ttl_s), *pairs)

    async def swap(self, key: str, old: bytes | None, new: bytes | None, ttl_s: float | None = None) -> bool:
        keys = [self._index, self._values + key]
        given = (int(old is not None), old or b"", int(new is not None), new or b"")
        return bool(await self._client.run(_SWAP, keys, key, *given, _ttl(ttl_s)))

    async def remove(self, *keys: str) -> None:
        if keys:
            await self._client.run(_REMOVE, [self._index, *(self._values + key for key in keys)], *keys)

    async def find(self, prefix: str) -> Mapping[str, bytes]:
        found: list[bytes] = await self._client.run(_FIND, [self._index], self._values, prefix)
        return {name.decode(): value for name, value in zip(found[::2], found[1::2], strict=True)}

    async def push(self, queue: str, item: bytes) -> None:
        if not await self._client.run(_PUSH, [self._queues + queue], item, QUEUE_LIMIT):
            raise StoreUnavailable("too much waits for another replica")

    async def pop(self, queue: str, wait_s: float) -> bytes | None:
        clock = asyncio.get_running_loop().time
        until = clock() + wait_s
        place = self._queues + queue
        while True:
            item = await self._take(place)
            if item is not None or (left := until - clock()) <= 0:
                return item
            # Zero would mean for ever; whoever is woken may find that another was quicker.
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
