-- Hand an access unit, or word of a loss, to those who follow; only by the camera's reader, which a paused worker is no more.
-- KEYS  1 the camera's reader, 2 its access units
-- ARGV  1 worker id, 2 lease ms, 3 how long the units are kept, ms, 4 the entries that stay: "from here", "few" or "all",
--       then the entry's fields and values
-- Returns {1}, or {0} if somebody else is the reader
local reader = redis.call('GET', KEYS[1])
if reader and reader ~= ARGV[1] then return {0} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local id = redis.call('XADD', KEYS[2], '*', unpack(ARGV, 5))
if ARGV[4] == 'from here' then
  redis.call('XTRIM', KEYS[2], 'MINID', id)
elseif ARGV[4] == 'few' then
  redis.call('XTRIM', KEYS[2], 'MAXLEN', 8)
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return {1}
