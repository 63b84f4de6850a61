-- Get the state of all cameras, which one worker reads for all, or offer it.
-- KEYS  the states
-- ARGV  ms for which a reading serves, version that the caller has; to offer: the states (JSON)
-- Returns {version, the states ('' if the caller has this version), 1 if the caller is to read them now}
-- Cost  O(1), and the bytes of the states
local states = KEYS[1]
local period, known, offered = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local now = now_ms()
if offered then
  redis.call('HSET', states, 'version', now, 'states', offered)
  redis.call('PEXPIRE', states, 10 * period)
  return {now, '', 0}
end
local version, read_at = unpack(redis.call('HMGET', states, 'version', 'read_at'))
if not version or math.abs(now - read_at) >= period then
  redis.call('HSET', states, 'read_at', now)  -- the others wait for this caller's reading
  redis.call('PEXPIRE', states, 10 * period)
  return {'', '', 1}
end
return {version, version == known and '' or redis.call('HGET', states, 'states'), 0}
