-- Includes gate/leases
-- Keep the slot of a viewer whose connection was lost, for a short time: the viewer may take it again.
-- KEYS  1 generation, 2 the line, 3.. the sets of the lease
-- ARGV  1 lease id, 2 ms for which it is kept
-- Returns 0
-- Cost: O(sets * log leases)
local generation_key, line, sets = KEYS[1], KEYS[2], {unpack(KEYS, 3)}
local id, ms = ARGV[1], tonumber(ARGV[2])
local now = now_ms()
local changed = {}  -- not a set that Redis has evicted: see release.lua
for _, set in ipairs(sets) do
  if redis.call('ZADD', set, 'XX', 'CH', string.format('%.0f', now + ms), id) == 1 then changed[#changed + 1] = set end
end
note_ends(generation_key, changed)
if redis.call('EXISTS', line .. ':heir:' .. id) == 0 then redis.call('SET', line .. ':left:' .. id, 0, 'PX', ms) end
return 0
