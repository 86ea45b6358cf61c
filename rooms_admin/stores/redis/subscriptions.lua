-- The scripts of RedisSubscriptions. ARGV: the name of a function and its arguments; the lists of `enqueue` and `due`
-- follow.
--
-- Each subscription has a sorted set of what is due, by time, and is claimed while a replica sends a delivery of it:
-- `deliveries-claimed` says until when, and which delivery.

local commands = {}

local function due_of(prefix, subscription) return prefix .. 'subscription:' .. subscription .. ':due' end
local function history_of(prefix, subscription) return prefix .. 'subscription:' .. subscription .. ':deliveries' end

-- `room`: '' if the subscription is for every room.
function commands.add(prefix, id, room, document, most)
    if redis.call('HLEN', prefix .. 'subscriptions') >= tonumber(most) then return 'too many' end
    if room ~= '' then
        if redis.call('EXISTS', prefix .. 'room:' .. room) == 0 then return 'no room' end
        redis.call('SADD', prefix .. 'of:' .. room .. ':subscriptions', id)
    end
    redis.call('HSET', prefix .. 'subscriptions', id, document)
    return 'added'
end

local function forget(prefix, id)
    local key = prefix .. 'delivery:' .. id
    local subscription, room = unpack(redis.call('HMGET', key, 'subscription', 'room'))
    redis.call('ZREM', prefix .. 'deliveries-ended', id)
    if subscription then
        redis.call('ZREM', due_of(prefix, subscription), id)
        redis.call('ZREM', history_of(prefix, subscription), id)
        redis.call('SREM', prefix .. 'of:' .. room .. ':deliveries', id)
    end
    return redis.call('DEL', key)
end

function commands.remove(prefix, id, room)
    if redis.call('HDEL', prefix .. 'subscriptions', id) == 0 then return 0 end
    redis.call('HDEL', prefix .. 'deliveries-claimed', id)
    if room ~= '' then redis.call('SREM', prefix .. 'of:' .. room .. ':subscriptions', id) end
    for _, delivery in ipairs(redis.call('ZRANGE', history_of(prefix, id), 0, -1)) do forget(prefix, delivery) end
    return 1
end

-- Followed by deliveries, five values each. Those of a room or a subscription that is gone are left out.
function commands.enqueue(prefix)
    local written = 0
    for number = 3, #ARGV, 5 do
        local id, subscription, room, due, document = unpack(ARGV, number, number + 4)
        if redis.call('EXISTS', prefix .. 'room:' .. room) == 1
            and redis.call('HEXISTS', prefix .. 'subscriptions', subscription) == 1 then
            redis.call('HSET', prefix .. 'delivery:' .. id,
                'document', document, 'subscription', subscription, 'room', room)
            redis.call('ZADD', due_of(prefix, subscription), due, id)
            redis.call('ZADD', history_of(prefix, subscription), 0, id)
            redis.call('SADD', prefix .. 'of:' .. room .. ':deliveries', id)
            written = written + 1
        end
    end
    return written
end

-- Moves what an earlier version of the service has written into its one set for all subscriptions.
local function move_shared(prefix)
    local shared = prefix .. 'deliveries-due'
    for _, id in ipairs(redis.call('ZRANGE', shared, 0, 199)) do
        local subscription = redis.call('HGET', prefix .. 'delivery:' .. id, 'subscription')
        if subscription then
            redis.call('ZADD', due_of(prefix, subscription), redis.call('ZSCORE', shared, id), id)
        end
        redis.call('ZREM', shared, id)
    end
end

local function is_claimed(prefix, subscription, now)
    local claim = redis.call('HGET', prefix .. 'deliveries-claimed', subscription)
    return claim and tonumber(string.match(claim, '^%d+')) > tonumber(now)
end

-- Followed by the subscriptions to leave out. Claims the delivery longest due of each other one.
function commands.due(prefix, now, claimed_until)
    local left_out, found = {}, {}
    for number = 5, #ARGV do left_out[ARGV[number]] = true end
    move_shared(prefix)
    for _, subscription in ipairs(redis.call('HKEYS', prefix .. 'subscriptions')) do
        if not left_out[subscription] and not is_claimed(prefix, subscription, now) then
            local id = redis.call('ZRANGEBYSCORE', due_of(prefix, subscription), '-inf', now, 'LIMIT', 0, 1)[1]
            if id then
                local document = redis.call('HGET', prefix .. 'delivery:' .. id, 'document')
                if document then
                    redis.call('HSET', prefix .. 'deliveries-claimed', subscription, claimed_until .. ' ' .. id)
                    found[#found + 1] = {subscription, id, document}
                else -- deleted by a replica of an earlier version, which does not know this set
                    redis.call('ZREM', due_of(prefix, subscription), id)
                end
            end
        end
    end
    return found
end

-- Takes a delivery that cannot be read from what is due, and gives up its claim. It stays stored.
function commands.set_aside(prefix, id, subscription)
    redis.call('ZREM', due_of(prefix, subscription), id)
    redis.call('HDEL', prefix .. 'deliveries-claimed', subscription)
end

-- `due`: '' if there is to be no other attempt.
function commands.attempted(prefix, id, subscription, document, due, created)
    local claim = redis.call('HGET', prefix .. 'deliveries-claimed', subscription)
    if claim and string.match(claim, ' (.+)$') == id then
        redis.call('HDEL', prefix .. 'deliveries-claimed', subscription)
    end
    if redis.call('EXISTS', prefix .. 'delivery:' .. id) == 0 then return end
    redis.call('HSET', prefix .. 'delivery:' .. id, 'document', document)
    if due ~= '' then
        redis.call('ZADD', due_of(prefix, subscription), due, id)
    else
        redis.call('ZREM', due_of(prefix, subscription), id)
        redis.call('ZADD', prefix .. 'deliveries-ended', created, id)
    end
end

function commands.expire(prefix, oldest, limit)
    local gone = 0
    local old = redis.call('ZRANGEBYSCORE', prefix .. 'deliveries-ended', '-inf', '(' .. oldest, 'LIMIT', 0, limit)
    for _, id in ipairs(old) do gone = gone + forget(prefix, id) end
    return gone
end

-- Lists are read from ARGV: there may be more items than a function can take arguments.
return commands[ARGV[1]](unpack(ARGV, 2, math.min(#ARGV, 20)))
