-- Let a user in again.
-- KEYS  1 the blocked users, 2 the user's block
-- ARGV  1 user id
-- Returns {1}, or {0} where the user was not blocked
redis.call('HDEL', KEYS[1], ARGV[1])
return {redis.call('DEL', KEYS[2])}
