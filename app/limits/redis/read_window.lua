-- Reads the requests of one user in the last minute.
--
-- Returns {requests in the window; time of the oldest, false for none}.

local window_key = KEYS[1]  -- list: Unix seconds of each request, the newest first

local now = ARGV[1]      -- Unix seconds
local limit = ARGV[2]    -- requests that the window holds at most
local seconds = ARGV[3]  -- length of the window

local _, count, oldest = read_window(window_key, now, tonumber(limit), seconds)
return {count, oldest}
