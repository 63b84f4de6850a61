-- Get the version of the state of all cameras, which one worker reads for all, or offer the state.
-- KEYS  the states
-- ARGV  ms for which a reading serves; to offer: the states (JSON)
-- Returns {version ('' if there is none), 1 if the caller is to read them now}
-- Cost  O(1), and the bytes of what is offered
local states, period, offered = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local now = now_ms()
if offered then
  redis.call('HSET', states, 'version', now, 'states', offered)
  redis.call('PEXPIRE', states, 10 * period)
  return {tostring(now), 0}
end
local version, read_at = unpack(redis.call('HMGET', states, 'version', 'read_at'))
if version and math.abs(now - (read_at or 0)) < period then return {version, 0} end
redis.call('HSET', states, 'read_at', now)  -- the others use the old states until this caller has read the new ones
redis.call('PEXPIRE', states, 10 * period)
return {version or '', 1}
