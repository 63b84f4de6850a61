-- Put in front of every other script.
-- A limited set is a sorted set: member = lease id, score = when the lease ends, in Redis's own Unix milliseconds.
-- Membership is the count; nothing else is counted. No set: nobody holds.

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- The generation is the one key that never expires. Where it is missing, this Redis is new or has lost its data:
-- until `ready_at` only those who held a slot before may enter.
-- Returns its token and `ready_at`.
local function generation(key, candidate, grace, now)
  if redis.call('EXISTS', key) == 0 then
    redis.call('HSET', key, 'token', candidate, 'ready_at', now + grace)
  end
  local found = redis.call('HMGET', key, 'token', 'ready_at')
  return found[1], tonumber(found[2])
end

-- Remove what has expired from a set, and its details from the hash beside it.
local function prune(set, details, now)
  while true do
    local expired = redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, 500)
    if #expired == 0 then return end
    redis.call('ZREM', set, unpack(expired))
    redis.call('HDEL', details, unpack(expired))
  end
end

-- A key outlives its last lease by one more, so that abandoned keys vanish; never shortened.
local function outlive(key, lease)
  if redis.call('PTTL', key) < 2 * lease then redis.call('PEXPIRE', key, 2 * lease) end
end
