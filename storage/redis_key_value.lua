-- The scripts of RedisKeyValue. ARGV: the name of a function and its arguments; the lists of `put` and `remove` follow.
-- KEYS: the index of all names, then the places of the values; of `push` the queue.
--
-- The index is a sorted set in which all names have the same score. Such a set is sorted by bytes, so a prefix is a
-- range of it. The name of an expired value is removed from the index when it is next found.

local commands = {}

-- `ttl_ms`: '' keeps the value for ever, 0 or less deletes it at once.
local function set(place, index, name, value, ttl_ms)
    if ttl_ms == '' then
        redis.call('SET', place, value)
    elseif tonumber(ttl_ms) > 0 then
        redis.call('SET', place, value, 'PX', ttl_ms)
    else
        redis.call('DEL', place)
        redis.call('ZREM', index, name)
        return
    end
    redis.call('ZADD', index, 0, name)
end

-- Followed by pairs of name and value.
function commands.put(ttl_ms)
    local index = KEYS[1]
    for number = 2, #KEYS do
        local name, value = ARGV[2 * number - 1], ARGV[2 * number]
        set(KEYS[number], index, name, value, ttl_ms)
    end
end

-- `has_old`, `has_new`: '0' stands for no value.
function commands.swap(name, has_old, old, has_new, new, ttl_ms)
    local index, place = KEYS[1], KEYS[2]
    local current = redis.call('GET', place)
    if has_old == '0' then
        if current then return 0 end
    elseif current ~= old then
        return 0
    end
    if has_new == '0' then
        redis.call('DEL', place)
        redis.call('ZREM', index, name)
    else
        set(place, index, name, new, ttl_ms)
    end
    return 1
end

-- Followed by names.
function commands.remove()
    local index = KEYS[1]
    for number = 2, #KEYS do
        local name = ARGV[number]
        redis.call('DEL', KEYS[number])
        redis.call('ZREM', index, name)
    end
end

function commands.find(place_prefix, name_prefix)
    local index, found = KEYS[1], {}
    for _, name in ipairs(redis.call('ZRANGEBYLEX', index, '[' .. name_prefix, '[' .. name_prefix .. '\255')) do
        local value = redis.call('GET', place_prefix .. name)
        if value then
            found[#found + 1] = name
            found[#found + 1] = value
        else
            redis.call('ZREM', index, name)
        end
    end
    return found
end

function commands.push(item, limit)
    local queue = KEYS[1]
    if redis.call('LLEN', queue) >= tonumber(limit) then return 0 end
    redis.call('RPUSH', queue, item)
    return 1
end

-- Lists are read from ARGV: there may be more items than a function can take arguments.
return commands[ARGV[1]](unpack(ARGV, 2, math.min(#ARGV, 20)))
