-- Remove the block of a user.
-- KEYS  1 the blocked users, 2 the user's block
-- ARGV  1 user id
-- Returns {1}, or {0} if the user was not blocked
-- Cost: O(1)
local blocked, block, user = KEYS[1], KEYS[2], ARGV[1]
redis.call('HDEL', blocked, user)
return {redis.call('DEL', block)}
