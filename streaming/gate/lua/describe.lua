-- Replace the details of a lease that is held; an unknown id changes nothing.
-- KEYS  1 details
-- ARGV  1 lease id, 2 its details (JSON)
-- Returns 0
-- Cost: O(1)
local details, id, description = KEYS[1], ARGV[1], ARGV[2]
if redis.call('HEXISTS', details, id) == 1 then redis.call('HSET', details, id, description) end
return 0
