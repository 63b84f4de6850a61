-- Stands before every other script.
-- A limited set is a sorted set: member = lease id, score = end of the lease in Redis's own Unix milliseconds.
-- Membership is the count; nothing else is counted. Without the key nobody holds a lease.

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Returns the id of this run of the server: another one after each start, and on each replica. '' if INFO is not allowed.
local function run_id()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
end

-- The generation is the only key that never expires. If it is missing, this Redis is new or has lost its data:
-- only re-entries are admitted until `ready_at`.
-- Returns its token and `ready_at`. Cost: O(1)
local function generation(key, candidate, grace, now)
  local found = redis.call('HMGET', key, 'token', 'ready_at')
  local token, ready_at = found[1], tonumber(found[2])
  if token and ready_at <= now + grace then return token, ready_at end
  if not token then redis.call('HSET', key, 'token', candidate, 'run', run_id()) end
  -- It is new, or the clock was set back since it was made.
  redis.call('HSET', key, 'ready_at', now + grace)
  return token or candidate, now + grace
end

-- Removes the expired leases from a set, and their fields from the hashes.
-- Returns how many leases they were. Cost: O(expired * log leases)
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

-- Returns the kbit/s that the leases of a set and all stills are counted with, summed up anew each time so that nothing can
-- drift. A lease without a report is counted with `unknown`. Cost: O(leases)
local function committed(set, rates, now, unknown)
  local leases = redis.call('ZRANGEBYSCORE', set, '(' .. now, '+inf')
  local sum = tonumber(redis.call('HGET', rates, 'stills') or 0)
  for first = 1, #leases, 500 do
    local found = redis.call('HMGET', rates, unpack(leases, first, math.min(first + 499, #leases)))
    for _, rate in ipairs(found) do sum = sum + (tonumber(rate) or unknown) end
  end
  return sum
end

-- Lets a key outlive its last lease, so that abandoned keys expire. `others` are keys with the same leases. The expiry is
-- never shortened, and not set again for each lease. Cost: O(1)
local function outlive(lease, key, ...)
  if redis.call('PTTL', key) < 2 * lease then
    for _, each in ipairs({key, ...}) do redis.call('PEXPIRE', each, 3 * lease) end
  end
end
