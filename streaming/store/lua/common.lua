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

-- Removes fields from a hash, and their values from its field 'sum', if it has one.
-- Returns how many fields there were. Cost: O(fields)
local function remove(hash, fields)
  local sum = redis.call('HGET', hash, 'sum')
  if sum then
    for _, value in ipairs(redis.call('HMGET', hash, unpack(fields))) do sum = sum - (value or 0) end
    redis.call('HSET', hash, 'sum', sum)
  end
  return redis.call('HDEL', hash, unpack(fields))
end

-- Removes the expired leases from a set, and their fields from the hashes.
-- Returns how many leases they were. Cost: O(expired * log leases)
local function prune(set, now, ...)
  local removed = 0
  while true do
    local expired = redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, 500)
    if #expired == 0 then return removed end
    redis.call('ZREM', set, unpack(expired))
    for _, hash in ipairs({...}) do remove(hash, expired) end
    removed = removed + #expired
  end
end

-- Removes the expired leases from the server's set, and counts them. Returns how many they were.
local function reclaim(server_set, now, details, rates, totals)
  local expired = prune(server_set, now, details, rates)
  if expired > 0 then redis.call('HINCRBY', totals, 'reclaimed', expired) end
  return expired
end

-- The hash of rates: lease -> kbit/s that it is counted with; 'stills' -> those of all stills; 'sum' -> those of all leases,
-- kept by each change; 'recounted' -> time of the last recount. A worker of an earlier version leaves the sum as it is, so
-- the sum is recounted once a second, and not used if it is older than this:
local SUM_EXPIRES = 3000  -- ms

-- Counts a lease with a rate. Cost: O(1)
local function set_rate(rates, id, rate)
  local before, sum = unpack(redis.call('HMGET', rates, id, 'sum'))
  if tonumber(before) == rate then return end
  redis.call('HSET', rates, id, rate)
  if sum then redis.call('HSET', rates, 'sum', sum - (before or 0) + rate) end
end

-- Returns the kbit/s of all leases of a set, and how many of them have a rate. Cost: O(leases)
local function add_up(set, rates, now)
  local leases, sum, known = redis.call('ZRANGEBYSCORE', set, '(' .. now, '+inf'), 0, 0
  for first = 1, #leases, 500 do
    for _, rate in ipairs(redis.call('HMGET', rates, unpack(leases, first, math.min(first + 499, #leases)))) do
      if rate then sum, known = sum + rate, known + 1 end
    end
  end
  return sum, known
end

-- Mends a sum that has drifted. Cost: O(leases)
local function recount(set, rates, now)
  local sum = add_up(set, rates, now)
  redis.call('HSET', rates, 'sum', sum, 'recounted', now)
end

-- Returns the kbit/s that all leases and stills are counted with; a lease of `details` without a rate counts with `unknown`.
-- Writes nothing. Cost: O(1); if nobody has recounted in the last seconds O(leases)
local function committed(set, rates, now, unknown, details)
  local stills, sum, recounted = unpack(redis.call('HMGET', rates, 'stills', 'sum', 'recounted'))
  local known
  if recounted and math.abs(now - recounted) < SUM_EXPIRES then
    known = redis.call('HLEN', rates) - (stills and 3 or 2)
  else
    sum, known = add_up(set, rates, now)
  end
  local without = details and math.max(redis.call('HLEN', details) - known, 0) or 0
  return sum + (stills or 0) + without * unknown
end

-- Lets a key outlive its last lease, so that abandoned keys expire. `others` are keys with the same leases. The expiry is
-- never shortened, and not set again for each lease. Cost: O(1)
local function outlive(lease, key, ...)
  if redis.call('PTTL', key) < 2 * lease then
    for _, each in ipairs({key, ...}) do redis.call('PEXPIRE', each, 3 * lease) end
  end
end
