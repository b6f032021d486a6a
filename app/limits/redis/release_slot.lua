-- Releases the slot of one request with its reservation, and counts the tokens that it used.
--
-- Returns 0. A slot that does not exist is not an error: its lease may have ended.

local slots_key = KEYS[1]     -- sorted set: slot id -> Unix seconds at which its lease ends
local reserved_key = KEYS[2]  -- hash: slot id -> tokens that its request may still use
local used_key = KEYS[3]      -- counter: tokens used on this day

local slot_id = ARGV[1]
local tokens_used = ARGV[2]

redis.call('zrem', slots_key, slot_id)
redis.call('hdel', reserved_key, slot_id)

-- A counter that is gone is not started again from these tokens alone: the usage table has the whole day.
if tonumber(tokens_used) > 0 and redis.call('exists', used_key) == 1 then
    redis.call('incrby', used_key, tokens_used)
end
return 0
