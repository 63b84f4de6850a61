-- Write a byte, to see whether Redis accepts writes.
-- KEYS  1 where to write
-- Returns {}
-- Cost: O(1)
local checked = KEYS[1]
redis.call('SET', checked, 1, 'PX', 10000)
return {}
