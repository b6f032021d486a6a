-- Reads the requests of one user in the last minute and, if `is_entering`, adds one when there is room.
--
-- Returns {1 if a request was added, else 0; requests in the window; time of the oldest, false for none}.

local window_key = KEYS[1]  -- list: Unix seconds of each request, the newest first

local now = ARGV[1]          -- Unix seconds; stored as this text, by which the request can be removed again
local limit = ARGV[2]        -- requests that the window holds at most
local seconds = ARGV[3]      -- length of the window
local is_entering = ARGV[4]  -- 1: add a request; 0: only read

local latest = tonumber(now) + tonumber(seconds)
local earliest = tonumber(now) - tonumber(seconds)
local capacity = tonumber(limit)

local function time_at(index)
    return tonumber(redis.call('lindex', window_key, index))
end

-- A request from the future was added before the clock was set back: it must not block for hours. Requests
-- up to one window ahead stay, since the clocks of two gateways may differ.
local newest = time_at(0)
while newest and newest > latest do
    redis.call('lpop', window_key)
    newest = time_at(0)
end

local last = capacity > 0 and time_at(capacity - 1)
local is_full = capacity == 0 or (last and last >= earliest)

-- Binary search for the number of requests that are in the window. It is only shown to the client: the list is
-- not quite sorted where the clocks of gateways differ.
local count, above = is_full and capacity or 0, capacity + 1
while above - count > 1 do
    local middle = math.floor((count + above) / 2)
    local time = time_at(middle - 1)
    if time and time >= earliest then
        count = middle
    else
        above = middle
    end
end

local has_entered = is_entering == '1' and not is_full
if has_entered then
    redis.call('lpush', window_key, now)
    redis.call('ltrim', window_key, 0, capacity - 1)
    redis.call('expire', window_key, seconds)
    count = count + 1
end

return {has_entered and 1 or 0, count, count > 0 and redis.call('lindex', window_key, count - 1)}
