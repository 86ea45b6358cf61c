"""Rooms in Redis: a RoomStore that several replicas share. Nothing is remembered here, so that all of them see a change
at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from rooms_admin.rooms.room import (
    Deletion,
    Glossary,
    JoinCodeTaken,
    Room,
    RoomQuery,
    UnknownRoom,
    folded,
    milliseconds,
)
from rooms_admin.stores.redis.keys import Keys
from storage.errors import StoreUnavailable
from storage.redis import Part, RedisClient, Script

_room = msgspec.json.Decoder(Room)
_glossary = msgspec.json.Decoder(Glossary)

READ_AT_ONCE = 100
"""Rooms of a listing. A filter looks at room after room, in the order asked for, until the page is full."""
TRIES = 100
"""Of a change that others were quicker than, each time anew."""
_SORTED_BY = {"created_at": "id", "name": "name", "valid_until": "end"}

# Indexes are sorted sets in which all have the same score: those are sorted by their bytes. A place is what a room is
# sorted by, a zero byte, its id.
_INDEX = """
local prefix, id = ARGV[1], ARGV[2]
local room = prefix .. 'room:' .. id
local function unindex()
    local old = redis.call('HMGET', room, 'name', 'end', 'code', 'acs', 'request')
    if not old[1] then return end
    redis.call('ZREM', prefix .. 'rooms-by-id', id)
    redis.call('ZREM', prefix .. 'rooms-by-name', old[1] .. '\\0' .. id)
    redis.call('ZREM', prefix .. 'rooms-by-end', old[2] .. '\\0' .. id)
    redis.call('ZREM', prefix .. 'code:' .. old[3], id)
    for acs in string.gmatch(old[4], '%S+') do redis.call('SREM', prefix .. 'acs:' .. acs, id) end
    if old[5] ~= '' then redis.call('SREM', prefix .. 'request:' .. old[5], id) end
end
"""
_PUT = (
    _INDEX
    + """
local document, version, participants, name, ends, code, acs, request = unpack(ARGV, 3, 10)
local function put()
    unindex()
    redis.call('HSET', room, 'document', document, 'version', version, 'participants', participants,
        'name', name, 'end', ends, 'code', code, 'acs', acs, 'request', request)
    redis.call('ZADD', prefix .. 'rooms-by-id', 0, id)
    redis.call('ZADD', prefix .. 'rooms-by-name', 0, name .. '\\0' .. id)
    redis.call('ZADD', prefix .. 'rooms-by-end', 0, ends .. '\\0' .. id)
    redis.call('ZADD', prefix .. 'code:' .. code, ends, id)
    for one in string.gmatch(acs, '%S+') do redis.call('SADD', prefix .. 'acs:' .. one, id) end
    if request ~= '' then redis.call('SADD', prefix .. 'request:' .. request, id) end
    redis.call('HSETNX', prefix .. 'of:' .. id .. ':glossaries', ARGV[11], ARGV[12])
end
"""
)
_ADD = Script(
    _PUT
    + """
if redis.call('ZCOUNT', prefix .. 'code:' .. code, '(' .. ARGV[13], '+inf') > 0 then return 0 end
put()
return 1
"""
)
_UPDATE = Script(
    _PUT
    + """
if redis.call('HGET', room, 'version') ~= ARGV[13] then return 0 end
put()
return 1
"""
)
# Counts what goes, deletes it, and counts what is still there; the proof is kept with it.
_REMOVE = Script(
    _INDEX
    + """
if redis.call('EXISTS', room) == 0 then return false end
local of = prefix .. 'of:' .. id .. ':'
local hashes = {lines = true, passages = true, open_passages = true, glossaries = true}
local removed = {rooms = 1, participants = tonumber(redis.call('HGET', room, 'participants'))}
local answers = redis.call('ZRANGE', of .. 'answers', 0, -1)
local acs_rooms = {}
for one in string.gmatch(redis.call('HGET', room, 'acs'), '%S+') do table.insert(acs_rooms, prefix .. 'acs:' .. one) end
local subscriptions = redis.call('SMEMBERS', of .. 'subscriptions')
local deliveries = redis.call('SMEMBERS', of .. 'deliveries')

for name in pairs(hashes) do removed[name] = redis.call('HLEN', of .. name) end
removed.answers, removed.subscriptions, removed.deliveries, removed.acs_rooms = 0, 0, 0, #acs_rooms
for _, key in ipairs(answers) do removed.answers = removed.answers + redis.call('DEL', key) end
for _, one in ipairs(deliveries) do
    local key = prefix .. 'delivery:' .. one
    local subscription = redis.call('HGET', key, 'subscription')
    if subscription then redis.call('ZREM', prefix .. 'subscription:' .. subscription .. ':deliveries', one) end
    redis.call('ZREM', prefix .. 'deliveries-due', one)
    redis.call('ZREM', prefix .. 'deliveries-ended', one)
    removed.deliveries = removed.deliveries + redis.call('DEL', key)
end
for _, one in ipairs(subscriptions) do
    removed.subscriptions = removed.subscriptions + redis.call('HDEL', prefix .. 'subscriptions', one)
end
unindex()
redis.call('DEL', room)
for _, kind in ipairs({'lines', 'lines-by-time', 'passages', 'passages-by-time', 'passages-in-order',
    'passages-counted', 'open_passages', 'open_passages-by-time', 'glossaries', 'answers', 'subscriptions',
    'deliveries'}) do
    redis.call('DEL', of .. kind)
end

local left = {rooms = redis.call('EXISTS', room), answers = 0, subscriptions = 0, deliveries = 0, acs_rooms = 0}
for name in pairs(hashes) do left[name] = redis.call('HLEN', of .. name) end
for _, key in ipairs(acs_rooms) do left.acs_rooms = left.acs_rooms + redis.call('SISMEMBER', key, id) end
for _, key in ipairs(answers) do left.answers = left.answers + redis.call('EXISTS', key) end
for _, one in ipairs(subscriptions) do
    left.subscriptions = left.subscriptions + redis.call('HEXISTS', prefix .. 'subscriptions', one)
end
for _, one in ipairs(deliveries) do
    left.deliveries = left.deliveries + redis.call('EXISTS', prefix .. 'delivery:' .. one)
end
local proof = cjson.encode({deleted_ms = tonumber(ARGV[3]), removed = removed, left = left})
redis.call('HSET', prefix .. 'deletions', id, proof)
return proof
"""
)


# Documents in the order of an index, and before them the last place.
_READ = Script("""
local places = redis.call(ARGV[2], KEYS[1], ARGV[3], ARGV[4], 'LIMIT', 0, ARGV[5])
local found = {places[#places] or ''}
for number, place in ipairs(places) do
    found[number + 1] = redis.call('HGET', ARGV[1] .. 'room:' .. string.match(place, '[^%z]*$'), 'document')
end
return found
""")


class _Proof(msgspec.Struct):
    deleted_ms: int
    removed: dict[str, int]
    left: dict[str, int]


_proof = msgspec.json.Decoder(_Proof)


class RedisRooms:
    """See RoomStore. Errors of Redis leave as `StoreUnavailable`; what failed may have been done all the same."""

    def __init__(self, client: RedisClient, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    async def add(self, room: Room) -> None:
        if not await self._client.run(_ADD, [], *self._put(room), milliseconds(room.created_at)):
            raise JoinCodeTaken(room.join_code)

    def _put(self, room: Room) -> list[Part]:
        return [
            self._keys.prefix,
            room.room_id,
            msgspec.json.encode(room),
            room.version,
            len(room.participants),
            folded(room.name),
            f"{milliseconds(room.valid_until):015}",
            room.join_code,
            " ".join(room.acs_room_ids),
            room.request_key or "",
            room.glossary.version,
            msgspec.json.encode(room.glossary),
        ]

    async def get(self, room_id: str) -> Room | None:
        document = await self._client.call("HGET", self._keys.room(room_id), "document")
        return None if document is None else _room.decode(document)

    async def find_by_acs_room(self, acs_room_id: str) -> Room | None:
        return await self._youngest(await self._client.call("SMEMBERS", self._keys.found_by("acs", acs_room_id)))

    async def find_by_join_code(self, join_code: str) -> Room | None:
        return await self._youngest(await self._client.call("ZRANGE", self._keys.found_by("code", join_code), 0, -1))

    async def find_by_request(self, request_key: str) -> Room | None:
        return await self._youngest(await self._client.call("SMEMBERS", self._keys.found_by("request", request_key)))

    async def _youngest(self, room_ids: Sequence[bytes]) -> Room | None:
        return await self.get(max(room_ids).decode()) if room_ids else None

    async def update(self, room_id: str, change: Callable[[Room], Room]) -> Room:
        for _ in range(TRIES):
            room = await self.get(room_id)
            if room is None:
                raise UnknownRoom(room_id)
            changed = replace(change(room), version=room.version + 1)
            if await self._client.run(_UPDATE, [], *self._put(changed), room.version):
                return changed
        raise StoreUnavailable("the room is being changed by others again and again", retry_after_ms=1_000)

    async def remove(self, room_id: str, now: datetime) -> Deletion:
        proof = await self._client.run(_REMOVE, [], self._keys.prefix, room_id, milliseconds(now))
        if proof is None:
            raise UnknownRoom(room_id)
        return _deletion(room_id, proof)

    async def deletion(self, room_id: str) -> Deletion | None:
        proof = await self._client.call("HGET", self._keys.deletions, room_id)
        return None if proof is None else _deletion(room_id, proof)

    async def glossary(self, room_id: str, version: int) -> Glossary | None:
        document = await self._client.call("HGET", self._keys.of(room_id, "glossaries"), version)
        return None if document is None else _glossary.decode(document)

    async def page(self, query: RoomQuery) -> Sequence[Room]:
        index = self._keys.index(_SORTED_BY[query.sort.removeprefix("-")])
        command = "ZREVRANGEBYLEX" if query.descending else "ZRANGEBYLEX"
        first, last = ("+", "-") if query.descending else ("-", "+")
        if query.after is not None:
            key, room_id = query.after
            first = f"({room_id}" if index == self._keys.index("id") else f"({key}\0{room_id}"
        found: list[Room] = []
        while len(found) < query.limit:
            given = (self._keys.prefix, command, first, last, READ_AT_ONCE)
            place, *documents = await self._client.run(_READ, [index], *given)
            found += [room for room in map(_room.decode, documents) if query.matches(room)]
            if len(documents) < READ_AT_ONCE:
                break
            first = "(" + place.decode()
        return found[: query.limit]


def _deletion(room_id: str, text: bytes) -> Deletion:
    proof = _proof.decode(text)
    return Deletion(room_id, datetime.fromtimestamp(proof.deleted_ms / 1000, UTC), proof.removed, proof.left)
