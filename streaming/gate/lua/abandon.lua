-- Keep the slot of a viewer whose connection was lost, for a short time: the viewer may take it again.
-- KEYS  1 the line, 2.. the sets of the lease
-- ARGV  1 lease id, 2 ms for which it is kept
-- Returns 0
-- Cost: O(sets * log leases)
local line, sets = KEYS[1], {unpack(KEYS, 2)}
local id, ms = ARGV[1], tonumber(ARGV[2])
local ends = string.format('%.0f', now_ms() + ms)
for _, set in ipairs(sets) do redis.call('ZADD', set, 'XX', ends, id) end
if redis.call('EXISTS', line .. ':heir:' .. id) == 0 then redis.call('SET', line .. ':left:' .. id, 0, 'PX', ms) end
return 0
