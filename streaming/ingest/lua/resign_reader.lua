-- Stop being a camera's reader, and tell its followers, so that one of them takes over at once.
-- KEYS  1 the camera's reader, 2 its access units
-- ARGV  1 worker id, 2 how long the message is kept, ms
-- Returns {}
-- Cost: O(entries), which it removes
local reader, units = unpack(KEYS)
local worker, kept_ms = unpack(ARGV)
if redis.call('GET', reader) == worker then
  redis.call('DEL', reader)
  redis.call('XTRIM', units, 'MAXLEN', 0)
  redis.call('XADD', units, '*', 'gone', 1)
  redis.call('PEXPIRE', units, kept_ms)
end
return {}
