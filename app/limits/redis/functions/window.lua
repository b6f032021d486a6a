-- Reads the moving window of one user. Returns whether it is full, the requests in it, and the time of the
-- oldest, false for none. `now` and `seconds`, its length, are texts; `capacity` is a number.
local function read_window(window_key, now, capacity, seconds)
    local latest = tonumber(now) + tonumber(seconds)
    local earliest = tonumber(now) - tonumber(seconds)

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

    -- Binary search for the number of requests that are in the window. It is only shown to the client: the
    -- list is not quite sorted where the clocks of gateways differ.
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
    return is_full, count, count > 0 and redis.call('lindex', window_key, count - 1)
end
