-- Count the leases of several sets. Admission never uses this.
-- KEYS  the sets
-- Returns the count of each
-- Cost: O(sets * log leases)
local after, answer = '(' .. now_ms(), {}
for position, set in ipairs(KEYS) do answer[position] = redis.call('ZCOUNT', set, after, '+inf') end
return answer
