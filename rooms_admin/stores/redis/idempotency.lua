-- The scripts of RedisIdempotency. ARGV: the name of a function and its arguments. KEYS: the request, and as named.
--
-- A request is a hash: `wanted` (its fingerprint), `owner` (the replica that carries it out), `created`, and `answer`
-- (the stored response), once there is one.

local commands = {}

-- `alive_prefix`: begins the keys that replicas keep alive. `kept`, `alive`: milliseconds.
function commands.claim(wanted, owner, now, kept, alive, alive_prefix)
    local request, own_alive = KEYS[1], KEYS[2]
    local known_wanted, known_owner, created, response =
        unpack(redis.call('HMGET', request, 'wanted', 'owner', 'created', 'answer'))
    redis.call('SET', own_alive, '1', 'PX', alive)
    local is_known = known_wanted and tonumber(created) > tonumber(now) - tonumber(kept)
    if is_known then
        if known_wanted ~= wanted then return {'reused'} end
        if response then return {'answered', response} end
        if known_owner ~= owner and redis.call('EXISTS', alive_prefix .. known_owner) == 1 then
            return {'in progress'}
        end
    end
    redis.call('DEL', request)
    redis.call('HSET', request, 'wanted', wanted, 'owner', owner, 'created', now)
    redis.call('PEXPIRE', request, kept)
    return {is_known and 'unfinished' or 'new'}
end

-- KEYS[2] and KEYS[3], if there are: the room, and the set of the room's requests.
function commands.keep(owner, response, now, kept)
    local request, room, of_room = KEYS[1], KEYS[2], KEYS[3]
    if redis.call('HGET', request, 'owner') ~= owner then return end
    if room then
        if redis.call('EXISTS', room) == 0 then
            redis.call('DEL', request)
            return
        end
        redis.call('ZREMRANGEBYSCORE', of_room, '-inf', tonumber(now) - tonumber(kept))
        redis.call('ZADD', of_room, now, request)
    end
    redis.call('HSET', request, 'answer', response)
end

function commands.release(owner)
    local request = KEYS[1]
    if redis.call('HGET', request, 'owner') == owner then redis.call('DEL', request) end
end

return commands[ARGV[1]](unpack(ARGV, 2))
