-- Takes a slot for one request, or keeps the one that it has, and sets how many tokens it reserves. A request
-- that is entering also enters the user's window. Changes nothing when one of them has no room. One atomic
-- step, so that several gateways never take too much.
--
-- Returns {the number of a `Taking`, tokens, requests in the window, time of the oldest}: 0 taken, 1 no slot is
-- free, 2 too few tokens are left today, 3 the counter of the day does not exist (call again with
-- `used_before`), 4 the window is full. The tokens are those of today that neither are used nor belong to other
-- slots; -1 without a quota. The time is false for none, and where the window is not read.

local slots_key = KEYS[1]     -- sorted set: slot id -> Unix seconds at which its lease ends
local reserved_key = KEYS[2]  -- hash: slot id -> tokens that its request may still use
local used_key = KEYS[3]      -- counter: tokens used on this day
local window_key = KEYS[4]    -- list: Unix seconds of each request, the newest first

local slot_id = ARGV[1]
local now = ARGV[2]                  -- Unix seconds; stored in the window as this text, which can be removed again
local lease_end = ARGV[3]            -- Unix seconds
local latest_lease_end = ARGV[4]     -- Unix seconds; a lease that ends later is from before a clock was set back
local slots_ttl = ARGV[5]            -- seconds that the first two keys live
local used_ttl = ARGV[6]             -- seconds that the counter of the day lives
local concurrent_requests = ARGV[7]  -- slots that there are
local daily_tokens = ARGV[8]         -- -1: there is no quota
local tokens = ARGV[9]               -- to reserve
local used_before = ARGV[10]         -- tokens used today, from the usage table; -1: not read
local is_entering = ARGV[11]         -- 1: enter the window; 0: do not read it
local requests = ARGV[12]            -- that the window holds at most
local seconds = ARGV[13]             -- length of the window

local function drop(slot_ids)
    for _, id in ipairs(slot_ids) do
        redis.call('zrem', slots_key, id)
        redis.call('hdel', reserved_key, id)
    end
end

-- The first are those of dead processes. The second were taken before the clock was set back: a process that
-- lives renews its own, a dead one would keep them for as long as the clock was set back.
drop(redis.call('zrangebyscore', slots_key, '-inf', now))
drop(redis.call('zrangebyscore', slots_key, '(' .. latest_lease_end, '+inf'))

local is_full, count, oldest = false, 0, false
if is_entering == '1' then
    is_full, count, oldest = read_window(window_key, now, tonumber(requests), seconds)
end

local is_held = redis.call('zscore', slots_key, slot_id)
if not is_held and redis.call('zcard', slots_key) >= tonumber(concurrent_requests) then
    return {1, -1, count, oldest}
end

local left = -1

if tonumber(daily_tokens) >= 0 then
    if tonumber(used_before) >= 0 then
        redis.call('set', used_key, used_before, 'EX', used_ttl, 'NX')
    end
    local used = redis.call('get', used_key)
    if not used then
        return {3, -1, count, oldest}
    end
    left = tonumber(daily_tokens) - tonumber(used)
    local reserved = redis.call('hgetall', reserved_key)
    for i = 1, #reserved, 2 do
        if reserved[i] ~= slot_id then
            left = left - tonumber(reserved[i + 1])
        end
    end
    if left <= 0 or tonumber(tokens) > left then
        return {2, left, count, oldest}
    end
end

if is_full then
    return {4, left, count, oldest}
end

redis.call('zadd', slots_key, lease_end, slot_id)
redis.call('expire', slots_key, slots_ttl)
if tonumber(tokens) > 0 then
    redis.call('hset', reserved_key, slot_id, tokens)
    redis.call('expire', reserved_key, slots_ttl)
end
if is_entering == '1' then
    redis.call('lpush', window_key, now)
    redis.call('ltrim', window_key, 0, tonumber(requests) - 1)
    redis.call('expire', window_key, seconds)
    count, oldest = count + 1, oldest or now
end
return {0, left, count, oldest}
