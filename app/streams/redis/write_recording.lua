-- Writes what a recording has gained, and how long Redis keeps it, in one step: no key is left without a time
-- to live. Returns 1; 0 if what was written before is lost, and then it writes nothing.
--
-- ARGV[5] … are the names and values of `field_count` fields of the state, then entries: id, number of names
-- and values, names and values.

local state_key = KEYS[1]   -- hash
local chunks_key = KEYS[2]  -- stream

local written = ARGV[1]      -- before: 'nothing', 'state' or 'chunks'
local seconds = ARGV[2]      -- that both live from now on
local min_id = ARGV[3]       -- of the oldest entry to keep; '': all
local field_count = ARGV[4]

if written == 'nothing' then
    redis.call('del', chunks_key)
elseif redis.call('exists', state_key) == 0
    or (written == 'chunks' and redis.call('exists', chunks_key) == 0) then
    return 0
end
local at = 5 + tonumber(field_count)
if at > 5 then
    redis.call('hset', state_key, unpack(ARGV, 5, at - 1))
end
while at <= #ARGV do
    local last = at + 1 + tonumber(ARGV[at + 1])
    local reply = redis.pcall('xadd', chunks_key, ARGV[at], unpack(ARGV, at + 2, last))
    -- An entry that is there already is one whose confirmation was lost.
    if type(reply) == 'table' and reply.err and not string.find(reply.err, 'equal or smaller', 1, true) then
        return reply
    end
    at = last + 1
end
if min_id ~= '' then
    redis.call('xtrim', chunks_key, 'MINID', '=', min_id)
end
redis.call('expire', state_key, seconds)
redis.call('expire', chunks_key, seconds)
return 1
