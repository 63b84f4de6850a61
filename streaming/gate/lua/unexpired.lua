-- List the unexpired members of a set, of leases or of workers. Admission never uses this.
-- KEYS  1 the set
-- Returns {member, end in Unix ms, ...}
-- Cost: O(members), 0.1 us each
local set = KEYS[1]
return redis.call('ZRANGEBYSCORE', set, '(' .. now_ms(), '+inf', 'WITHSCORES')
