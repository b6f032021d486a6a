-- Raises the tokens used on a day to what the usage table says. Returns 0.
--
-- A counter that does not exist is not made: whoever needs it reads the usage table.

local used_key = KEYS[1]  -- counter: tokens used on this day

local tokens = ARGV[1]    -- used, according to the usage table

local used = redis.call('get', used_key)
if used and tonumber(used) < tonumber(tokens) then
    redis.call('incrby', used_key, tonumber(tokens) - tonumber(used))
end
return 0
