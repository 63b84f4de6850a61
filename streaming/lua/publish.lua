-- Hand an access unit, or word of a loss, to those who follow; only by the camera's reader, which a paused worker is no more.
-- KEYS  1 the camera's reader, 2 its access units
-- ARGV  1 worker id, 2 lease ms, 3 how long the units are kept, ms, 4 the entries that stay: "from here", "few" or "all",
--       then the entry's fields and values
-- Returns {1}, or {0} if it is the reader no more
redis.replicate_commands()  -- Redis 7 does so by itself
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {0} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.set_repl(redis.REPL_NONE)  -- pictures are nothing for a disk or a replica
if ARGV[4] == 'from here' then
  redis.call('XTRIM', KEYS[2], 'MAXLEN', 0)  -- not deleted: identifiers go on from where they were
elseif ARGV[4] == 'few' then
  redis.call('XTRIM', KEYS[2], 'MAXLEN', 50)
end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 5))
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {1}
