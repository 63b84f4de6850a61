-- Publish an access unit, or the loss of a camera, for its followers. Does nothing if this worker is no longer its reader.
-- Bounds the bytes in Redis: each camera gets an equal part of the total. The newest entry always stays.
-- KEYS  1 the camera's reader, 2 its access units, 3 the cameras with units in Redis, scored by expiry
-- ARGV  1 worker id, 2 lease ms, 3 how long the units are kept, ms, 4 the entries that stay: "from here", "few" or "all",
--       5 most bytes of one camera, 6 most bytes of all, then the entry's fields and values (bytes, so not as JSON)
-- Returns {1}, or {0} if this worker is no longer the reader
-- Cost: O(entries); MEMORY USAGE takes 0.03 ms for 1,800
local reader, units, held = unpack(KEYS)
local worker, lease_ms, kept_ms, keep, camera_bytes, total_bytes = unpack(ARGV, 1, 6)
redis.replicate_commands()  -- needed before Redis 7
if redis.call('GET', reader) ~= worker then return {0} end
redis.call('PEXPIRE', reader, lease_ms)
redis.set_repl(redis.REPL_NONE)  -- keep pictures from the append-only file and from replicas
if keep == 'from here' then
  redis.call('XTRIM', units, 'MAXLEN', 0)  -- not DEL: identifiers of new entries must follow the old ones
elseif keep == 'few' then
  redis.call('XTRIM', units, 'MAXLEN', 50)
end
redis.call('XADD', units, '*', unpack(ARGV, 7))
redis.call('PEXPIRE', units, kept_ms)

local now = now_ms()
redis.call('ZREMRANGEBYSCORE', held, '-inf', now)
redis.call('ZADD', held, now + kept_ms, units)
redis.call('PEXPIRE', held, kept_ms)
local most = math.min(tonumber(camera_bytes), total_bytes / redis.call('ZCARD', held))
-- Removes half of the entries at once, so that it is rare. New followers wait for the next keyframe then.
local entries = redis.call('XLEN', units)
while entries > 1 and redis.call('MEMORY', 'USAGE', units, 'SAMPLES', 0) > most do
  entries = math.floor(entries / 2)
  redis.call('XTRIM', units, 'MAXLEN', entries)
end
return {1}
