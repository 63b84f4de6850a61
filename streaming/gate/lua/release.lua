-- Remove leases from all sets. Unknown ids change nothing.
-- KEYS  1 generation, 2 details, 3 rates, 4.. the sets
-- ARGV  the lease ids, 500 at most
-- Returns how many had details
-- Cost: O(sets * ids * log leases)
local generation_key, details, rates, sets, ids = KEYS[1], KEYS[2], KEYS[3], {unpack(KEYS, 4)}, ARGV
local shrunk = {}  -- a set that Redis has evicted is not among them: the end of its last lease tells that it is missing
for _, set in ipairs(sets) do
  if redis.call('ZREM', set, unpack(ids)) > 0 then shrunk[#shrunk + 1] = set end
end
note_ends(generation_key, shrunk)
remove(rates, ids)
return redis.call('HDEL', details, unpack(ids))
