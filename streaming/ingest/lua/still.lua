-- Look at the still that serves all workers, or offer one: the first that is offered serves until it expires.
-- KEYS  1 the still
-- ARGV  none to look; else 1 ms for which it is to serve, 2 when it was read (Unix ms), 3 the picture
-- Returns {ms for which it serves from now on, when it was read, the picture}, or {} where there is none
redis.replicate_commands()  -- Redis 7 does so by itself
redis.set_repl(redis.REPL_NONE)  -- pictures are nothing for a disk or a replica
if ARGV[1] and redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'read_at', ARGV[2], 'picture', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
local found = redis.call('HMGET', KEYS[1], 'read_at', 'picture')
if not found[1] then return {} end
return {redis.call('PTTL', KEYS[1]), found[1], found[2]}
