-- Hand an access unit, or word of a loss, to those who follow; only by the camera's reader, which a paused worker is no more.
-- Bounds the bytes that Redis holds: each camera gets an equal part of the total. The newest entry always stays.
-- KEYS  1 the camera's reader, 2 its access units, 3 the cameras that have units in Redis, scored by expiry
-- ARGV  1 worker id, 2 lease ms, 3 how long the units are kept, ms, 4 the entries that stay: "from here", "few" or "all",
--       5 most bytes of one camera, 6 most bytes of all, then the entry's fields and values
-- Returns {1}, or {0} if it is the reader no more
-- Cost: O(entries); MEMORY USAGE takes 0.03 ms for 1,800
redis.replicate_commands()  -- Redis 7 does so by itself
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {0} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.set_repl(redis.REPL_NONE)  -- pictures are nothing for a disk or a replica
if ARGV[4] == 'from here' then
  redis.call('XTRIM', KEYS[2], 'MAXLEN', 0)  -- not deleted: identifiers go on from where they were
elseif ARGV[4] == 'few' then
  redis.call('XTRIM', KEYS[2], 'MAXLEN', 50)
end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 7))
redis.call('PEXPIRE', KEYS[2], ARGV[3])

local now = now_ms()
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
redis.call('ZADD', KEYS[3], now + ARGV[3], KEYS[2])
redis.call('PEXPIRE', KEYS[3], ARGV[3])
local most = math.min(tonumber(ARGV[5]), ARGV[6] / redis.call('ZCARD', KEYS[3]))
-- Removes the older half, so that it is not done for each entry. New followers wait for the next key then.
local entries = redis.call('XLEN', KEYS[2])
while entries > 1 and redis.call('MEMORY', 'USAGE', KEYS[2], 'SAMPLES', 0) > most do
  entries = math.floor(entries / 2)
  redis.call('XTRIM', KEYS[2], 'MAXLEN', entries)
end
return {1}
