-- The scripts of RedisTranscripts. ARGV: the name of a function, the prefix of all keys, a room, and what follows.
-- Each does nothing and returns 0 if there is no such room: a deleted one must not come back.

local commands = {}

local function close(of, name, closed_ms, document)
    redis.call('HDEL', of .. 'open_passages', name)
    redis.call('ZREM', of .. 'open_passages-by-time', name)
    if redis.call('HSET', of .. 'passages', name, document) == 1 then
        redis.call('ZADD', of .. 'passages-in-order', redis.call('INCR', of .. 'passages-counted'), name)
        redis.call('ZADD', of .. 'passages-by-time', closed_ms, name)
    end
end

-- A line's document begins with its revision. One that cannot be read is replaced by any.
local function revision(document) return tonumber(string.match(document, '^%-?%d+') or '') or -math.huge end

-- Followed by items, four values each: kind, name, time and document.
function commands.write(of)
    for number = 4, #ARGV, 4 do
        local kind, name, time, document = unpack(ARGV, number, number + 3)
        if kind == 'line' then
            local known = redis.call('HGET', of .. 'lines', name)
            if not known or revision(document) >= revision(known) then
                redis.call('HSET', of .. 'lines', name, document)
                redis.call('ZADD', of .. 'lines-by-time', time, name)
            end
        elseif kind == 'passage' then
            close(of, name, time, document)
        elseif redis.call('HEXISTS', of .. 'passages', name) == 0 then
            redis.call('HSETNX', of .. 'open_passages', name, document)
            redis.call('ZADD', of .. 'open_passages-by-time', 'NX', time, name)
        end
    end
    return 1
end

-- Followed by names and documents. What is not open any more is left as it is.
function commands.close(of, now)
    local closed = 0
    for number = 5, #ARGV, 2 do
        local name, document = ARGV[number], ARGV[number + 1]
        if redis.call('HEXISTS', of .. 'open_passages', name) == 1 then
            close(of, name, now, document)
            closed = closed + 1
        end
    end
    return closed
end

function commands.expire(of, oldest)
    local gone = 0
    for _, kind in ipairs({'lines', 'passages', 'open_passages'}) do
        for _, name in ipairs(redis.call('ZRANGEBYSCORE', of .. kind .. '-by-time', '-inf', '(' .. oldest)) do
            gone = gone + redis.call('HDEL', of .. kind, name)
            redis.call('ZREM', of .. kind .. '-by-time', name)
            redis.call('ZREM', of .. kind .. '-in-order', name)
        end
    end
    return gone
end

local name, prefix, room = unpack(ARGV, 1, 3)
if redis.call('EXISTS', prefix .. 'room:' .. room) == 0 then return 0 end
return commands[name](prefix .. 'of:' .. room .. ':', ARGV[4])
