-- The scripts of RedisRooms. ARGV: the name of a function and its arguments.
--
-- Indexes are sorted sets in which all members have the same score: such a set is sorted by bytes. A member is what
-- the room is sorted by, a zero byte, and the room's id.

local commands = {}

local function indexed(value, id) return value .. '\0' .. id end

local function unindex(prefix, id)
    local name, ends, code, acs_rooms, request =
        unpack(redis.call('HMGET', prefix .. 'room:' .. id, 'name', 'end', 'code', 'acs', 'request'))
    if not name then return end
    redis.call('ZREM', prefix .. 'rooms-by-id', id)
    redis.call('ZREM', prefix .. 'rooms-by-name', indexed(name, id))
    redis.call('ZREM', prefix .. 'rooms-by-end', indexed(ends, id))
    redis.call('ZREM', prefix .. 'code:' .. code, id)
    for acs_room in string.gmatch(acs_rooms, '%S+') do redis.call('SREM', prefix .. 'acs:' .. acs_room, id) end
    if request ~= '' then redis.call('SREM', prefix .. 'request:' .. request, id) end
end

-- `acs_rooms`: ids parted by spaces. `request`: '' if no request is known.
local function put(prefix, id, document, version, participants, name, ends, code, acs_rooms, request,
    glossary_version, glossary)
    unindex(prefix, id)
    redis.call('HSET', prefix .. 'room:' .. id, 'document', document, 'version', version,
        'participants', participants, 'name', name, 'end', ends, 'code', code, 'acs', acs_rooms, 'request', request)
    redis.call('ZADD', prefix .. 'rooms-by-id', 0, id)
    redis.call('ZADD', prefix .. 'rooms-by-name', 0, indexed(name, id))
    redis.call('ZADD', prefix .. 'rooms-by-end', 0, indexed(ends, id))
    redis.call('ZADD', prefix .. 'code:' .. code, ends, id)
    for acs_room in string.gmatch(acs_rooms, '%S+') do redis.call('SADD', prefix .. 'acs:' .. acs_room, id) end
    if request ~= '' then redis.call('SADD', prefix .. 'request:' .. request, id) end
    redis.call('HSETNX', prefix .. 'of:' .. id .. ':glossaries', glossary_version, glossary)
end

-- Returns 0 if a room that ends after `created` has the join code.
function commands.add(created, prefix, id, document, version, participants, name, ends, code, ...)
    if redis.call('ZCOUNT', prefix .. 'code:' .. code, '(' .. created, '+inf') > 0 then return 0 end
    put(prefix, id, document, version, participants, name, ends, code, ...)
    return 1
end

-- Returns 0 if the room is not of `expected_version` any more.
function commands.update(expected_version, prefix, id, ...)
    if redis.call('HGET', prefix .. 'room:' .. id, 'version') ~= expected_version then return 0 end
    put(prefix, id, ...)
    return 1
end

-- KEYS[1]: a lock, whose value is its holder's token.
function commands.relock(token, ttl_ms)
    if redis.call('GET', KEYS[1]) == token then redis.call('PEXPIRE', KEYS[1], ttl_ms) end
end

function commands.unlock(token)
    if redis.call('GET', KEYS[1]) == token then redis.call('DEL', KEYS[1]) end
end

local HASHES_OF_A_ROOM = {'lines', 'passages', 'open_passages', 'glossaries'}
local KEYS_OF_A_ROOM = {'lines', 'lines-by-time', 'passages', 'passages-by-time', 'passages-in-order',
    'passages-counted', 'open_passages', 'open_passages-by-time', 'glossaries', 'answers', 'subscriptions',
    'deliveries'}

local function remove_delivery(prefix, id)
    local delivery = prefix .. 'delivery:' .. id
    local subscription = redis.call('HGET', delivery, 'subscription')
    if subscription then
        redis.call('ZREM', prefix .. 'subscription:' .. subscription .. ':deliveries', id)
        redis.call('ZREM', prefix .. 'subscription:' .. subscription .. ':due', id)
    end
    redis.call('ZREM', prefix .. 'deliveries-due', id)
    redis.call('ZREM', prefix .. 'deliveries-ended', id)
    return redis.call('DEL', delivery)
end

-- Counts what is removed, removes it, counts what is left, and stores these counts as proof. Returns the proof, or
-- nothing if there is no such room.
function commands.remove(prefix, id, now)
    local room, of = prefix .. 'room:' .. id, prefix .. 'of:' .. id .. ':'
    if redis.call('EXISTS', room) == 0 then return false end
    local responses = redis.call('ZRANGE', of .. 'answers', 0, -1)
    local subscriptions = redis.call('SMEMBERS', of .. 'subscriptions')
    local deliveries = redis.call('SMEMBERS', of .. 'deliveries')
    local acs_rooms = {}
    for acs_room in string.gmatch(redis.call('HGET', room, 'acs'), '%S+') do
        acs_rooms[#acs_rooms + 1] = prefix .. 'acs:' .. acs_room
    end

    local removed = {rooms = 1, participants = tonumber(redis.call('HGET', room, 'participants')),
        answers = 0, subscriptions = 0, deliveries = 0, acs_rooms = #acs_rooms}
    for _, hash in ipairs(HASHES_OF_A_ROOM) do removed[hash] = redis.call('HLEN', of .. hash) end
    for _, response in ipairs(responses) do removed.answers = removed.answers + redis.call('DEL', response) end
    for _, delivery in ipairs(deliveries) do
        removed.deliveries = removed.deliveries + remove_delivery(prefix, delivery)
    end
    for _, subscription in ipairs(subscriptions) do
        redis.call('HDEL', prefix .. 'deliveries-claimed', subscription)
        removed.subscriptions = removed.subscriptions + redis.call('HDEL', prefix .. 'subscriptions', subscription)
    end
    unindex(prefix, id)
    redis.call('DEL', room)
    for _, key in ipairs(KEYS_OF_A_ROOM) do redis.call('DEL', of .. key) end

    local left = {rooms = redis.call('EXISTS', room), answers = 0, subscriptions = 0, deliveries = 0, acs_rooms = 0}
    for _, hash in ipairs(HASHES_OF_A_ROOM) do left[hash] = redis.call('HLEN', of .. hash) end
    for _, key in ipairs(acs_rooms) do left.acs_rooms = left.acs_rooms + redis.call('SISMEMBER', key, id) end
    for _, response in ipairs(responses) do left.answers = left.answers + redis.call('EXISTS', response) end
    for _, subscription in ipairs(subscriptions) do
        left.subscriptions = left.subscriptions + redis.call('HEXISTS', prefix .. 'subscriptions', subscription)
    end
    for _, delivery in ipairs(deliveries) do
        left.deliveries = left.deliveries + redis.call('EXISTS', prefix .. 'delivery:' .. delivery)
    end

    local proof = cjson.encode({deleted_ms = tonumber(now), removed = removed, left = left})
    redis.call('HSET', prefix .. 'deletions', id, proof)
    return proof
end

-- Returns the last member read, then ids and documents, in the order of the index in KEYS[1]. `command` reads a range of it.
function commands.read(prefix, command, first, last, limit)
    local members = redis.call(command, KEYS[1], first, last, 'LIMIT', 0, limit)
    local found = {members[#members] or ''}
    for _, member in ipairs(members) do
        local id = string.match(member, '[^%z]*$')
        found[#found + 1] = id
        found[#found + 1] = redis.call('HGET', prefix .. 'room:' .. id, 'document') or ''
    end
    return found
end

return commands[ARGV[1]](unpack(ARGV, 2))
