-- Reads the entries of several recordings, one recording after another, until they have `max_bytes`, so that
-- one call takes about as long whatever there is to read. One entry may exceed it.
--
-- KEYS are streams of chunks, ARGV[2], ARGV[3], … the ids of the last entries that the caller has of each.
-- Returns {how many streams were read to their end, {{the index of a stream, its entries}, …}}.

local max_bytes = ARGV[1]

local left = tonumber(max_bytes)
local found = {}
for index, key in ipairs(KEYS) do
    local entries = {}
    local last = ARGV[index + 1]
    while true do
        local entry = redis.call('xrange', key, '(' .. last, '+', 'COUNT', 1)[1]
        if not entry then
            break
        end
        entries[#entries + 1] = entry
        last = entry[1]
        for _, text in ipairs(entry[2]) do
            left = left - #text
        end
        if left <= 0 then
            found[#found + 1] = {index, entries}
            return {index - 1, found}
        end
    end
    if #entries > 0 then
        found[#found + 1] = {index, entries}
    end
end
return {#KEYS, found}
