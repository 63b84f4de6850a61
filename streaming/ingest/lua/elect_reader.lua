-- For each camera: become its reader, stay it, or follow the worker that is.
-- KEYS  four for each camera: its reader, "somebody follows", its access units, the list of wakeups of its reader
-- ARGV  1 worker id, 2 lease ms, 3 how long "somebody follows" holds without a renewal, ms,
--       4 JSON: for each camera, whether this worker is a candidate
-- Returns for each camera: 1 if this worker reads it, 1 if others follow
-- Cost: O(cameras), and O(entries) of a camera whose reader has gone
local worker, lease_ms, followed_ms, candidates = unpack(ARGV)
local answer = {}
for i, is_candidate in ipairs(cjson.decode(candidates)) do
  local reader_key, followed, units, wakeups = unpack(KEYS, 4 * i - 3, 4 * i)
  local reader = redis.call('GET', reader_key)
  local reads = reader == worker or (not reader and is_candidate)
  if reads then
    redis.call('SET', reader_key, worker, 'PX', lease_ms)
    -- Drop the old reader's pictures. The key stays: identifiers of new entries must follow the old ones.
    if not reader then redis.call('XTRIM', units, 'MAXLEN', 0) end
  else
    if reader and redis.call('EXISTS', followed) == 0 then
      redis.call('RPUSH', wakeups, worker)
      redis.call('PEXPIRE', wakeups, lease_ms)
    end
    redis.call('SET', followed, worker, 'PX', followed_ms)
  end
  answer[#answer + 1] = reads and 1 or 0
  answer[#answer + 1] = redis.call('EXISTS', followed)
end
return answer
