-- Remove leases from all sets. Unknown ids change nothing.
-- KEYS  1 details, 2 rates, 3.. the sets
-- ARGV  the lease ids, 500 at most
-- Returns how many had details
-- Cost: O(sets * ids * log leases)
local details, rates, ids = KEYS[1], KEYS[2], ARGV
for position = 3, #KEYS do redis.call('ZREM', KEYS[position], unpack(ids)) end
remove(rates, ids)
return redis.call('HDEL', details, unpack(ids))
