-- Read the totals of all workers.
-- KEYS  1 totals
-- Returns {name, amount, ...}
-- Cost: O(names)
local totals = KEYS[1]
return redis.call('HGETALL', totals)
