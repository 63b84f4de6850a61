-- Whether the caller is the one of all workers that does something now.
-- KEYS  1 what is done
-- ARGV  1 a token of this call's own, 2 ms until it is to be done again
-- Returns {1} or {0}
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return {1} end
return {redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0}
