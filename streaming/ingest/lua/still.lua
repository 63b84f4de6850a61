-- Get the still that serves all workers, or offer one. The first one offered serves until it expires.
-- KEYS  1 the still
-- ARGV  none to get; to offer: 1 ms for which it serves, 2 when it was read (Unix ms), 3 the picture
-- Returns {ms for which it still serves, when it was read, the picture}, or {} if there is none
-- Cost: O(1), and the picture's bytes
local still = KEYS[1]
local period_ms, read_at, picture = unpack(ARGV)
redis.replicate_commands()  -- needed before Redis 7
redis.set_repl(redis.REPL_NONE)  -- keep pictures from the append-only file and from replicas
if period_ms and redis.call('EXISTS', still) == 0 then
  redis.call('HSET', still, 'read_at', read_at, 'picture', picture)
  redis.call('PEXPIRE', still, period_ms)
end
local found = redis.call('HMGET', still, 'read_at', 'picture')
if not found[1] then return {} end
return {redis.call('PTTL', still), found[1], found[2]}
