-- Writes what recordings have gained, and how long Redis keeps them, in one step: no key is left without a time
-- to live. One call for all of them, with few arguments, as each argument costs its gateway a microsecond.
--
-- KEYS are the state (hash) and the chunks (stream) of each recording, ARGV[2], ARGV[3], … the chunks of each
-- entry, joined. Returns the numbers of the recordings of which is lost what was written before: they get nothing.

local recordings = ARGV[1]
-- JSON: for each recording {
--   before: what was written of it, 'nothing', 'state' or 'chunks',
--   seconds: that both keys live from now on,
--   oldest: the id of the oldest entry to keep; '': all,
--   fields: names and values of the state,
--   entries: [id, number of the first chunk, lengths of the chunks] of each,
--   end: [id, 'complete' or 'broken']; [] as long as there is none
-- }

local function add(chunks_key, ...)
    local reply = redis.pcall('xadd', chunks_key, ...)
    -- An entry that is there already is one whose confirmation was lost.
    if type(reply) == 'table' and reply.err and not string.find(reply.err, 'equal or smaller', 1, true) then
        error(reply.err)
    end
end

local function is_lost(state_key, chunks_key, before)
    return (before ~= 'nothing' and redis.call('exists', state_key) == 0)
        or (before == 'chunks' and redis.call('exists', chunks_key) == 0)
end

local function write(state_key, chunks_key, recording, chunks_at)
    if recording.before == 'nothing' then
        redis.call('del', chunks_key)
    end
    if #recording.fields > 0 then
        redis.call('hset', state_key, unpack(recording.fields))
    end
    for i, entry in ipairs(recording.entries) do
        add(chunks_key, entry[1], 'first', entry[2], 'lengths', entry[3], 'chunks', ARGV[chunks_at + i])
    end
    if #recording['end'] > 0 then
        add(chunks_key, recording['end'][1], 'end', recording['end'][2])
    end
    if recording.oldest ~= '' then
        redis.call('xtrim', chunks_key, 'MINID', '=', recording.oldest)
    end
    redis.call('expire', state_key, recording.seconds)
    redis.call('expire', chunks_key, recording.seconds)
end

local lost = {}
local chunks_at = 1
for i, recording in ipairs(cjson.decode(recordings)) do
    local state_key, chunks_key = KEYS[2 * i - 1], KEYS[2 * i]
    if is_lost(state_key, chunks_key, recording.before) then
        lost[#lost + 1] = i
    else
        write(state_key, chunks_key, recording, chunks_at)
    end
    chunks_at = chunks_at + #recording.entries
end
return lost
