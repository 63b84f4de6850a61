-- Stop being a camera's reader, and tell those who follow, so that one of them takes over at once.
-- KEYS  1 the camera's reader, 2 its access units
-- ARGV  1 worker id, 2 how long the word is kept, ms
-- Returns {}
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
  redis.call('XTRIM', KEYS[2], 'MAXLEN', 0)
  redis.call('XADD', KEYS[2], '*', 'gone', 1)
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return {}
