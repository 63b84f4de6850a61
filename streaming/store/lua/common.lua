-- Put in front of every other script.
-- A limited set is a sorted set: member = lease id, score = when the lease ends, in Redis's own Unix milliseconds.
-- Membership is the count; nothing else is counted. No set: nobody holds.

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Which run of this server it is: another one after each of its starts, and on each of its replicas. '': it may not be asked.
local function run_id()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
end

-- The generation is the one key that never expires. Where it is missing, this Redis is new or has lost its data:
-- until `ready_at` only those who held a slot before may enter.
-- Returns its token and `ready_at`.
local function generation(key, candidate, grace, now)
  local found = redis.call('HMGET', key, 'token', 'ready_at')
  local token, ready_at = found[1], tonumber(found[2])
  if token and ready_at <= now + grace then return token, ready_at end
  if not token then redis.call('HSET', key, 'token', candidate, 'run', run_id()) end
  -- New; or the clock was set back since it was made.
  redis.call('HSET', key, 'ready_at', now + grace)
  return token or candidate, now + grace
end

-- Remove what has expired from a set, and what is known of it from the hashes beside it. Returns how many they were.
local function prune(set, now, ...)
  local removed = 0
  while true do
    local expired = redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, 500)
    if #expired == 0 then return removed end
    redis.call('ZREM', set, unpack(expired))
    for _, hash in ipairs({...}) do redis.call('HDEL', hash, unpack(expired)) end
    removed = removed + #expired
  end
end

-- The kbit/s that the leases of a set are counted with, together, and those of stills; a lease that has not been reported yet
-- is counted with `unknown`.
-- Nothing is kept that could drift from them.
local function committed(set, rates, now, unknown)
  local leases = redis.call('ZRANGEBYSCORE', set, '(' .. now, '+inf')
  local sum = tonumber(redis.call('HGET', rates, 'stills') or 0)
  for first = 1, #leases, 500 do
    local found = redis.call('HMGET', rates, unpack(leases, first, math.min(first + 499, #leases)))
    for _, rate in ipairs(found) do sum = sum + (tonumber(rate) or unknown) end
  end
  return sum
end

-- A key outlives its last lease, so that abandoned keys vanish; never shortened, and not told anew with each lease. So do
-- `others`, where there are any, that come and go with it.
local function outlive(lease, key, ...)
  if redis.call('PTTL', key) < 2 * lease then
    for _, each in ipairs({key, ...}) do redis.call('PEXPIRE', each, 3 * lease) end
  end
end
