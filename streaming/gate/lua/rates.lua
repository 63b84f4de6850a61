-- Stands before the scripts that count with the rates of leases.

-- The hash of rates: lease -> kbit/s that it is counted with; 'stills' -> those of all stills; 'sum' -> those of all leases,
-- updated by each change; 'recounted' -> time of the last recount. Reports recount the sum. If none does, an admission recounts a
-- sum that is older than this:
local SUM_EXPIRES = 10000  -- ms

-- Counts a lease with a rate. Cost: O(1)
local function set_rate(rates, id, rate)
  local before, sum = unpack(redis.call('HMGET', rates, id, 'sum'))
  if tonumber(before) == rate then return end
  if sum then
    redis.call('HSET', rates, id, rate, 'sum', sum - (before or 0) + rate)
  else
    redis.call('HSET', rates, id, rate)
  end
end

-- Returns the kbit/s of all leases of a set. Cost: O(leases)
local function add_up(set, rates, now)
  local leases, sum = redis.call('ZRANGEBYSCORE', set, '(' .. now, '+inf'), 0
  for first = 1, #leases, 500 do
    for _, rate in ipairs(redis.call('HMGET', rates, unpack(leases, first, math.min(first + 499, #leases)))) do
      sum = sum + (rate or 0)
    end
  end
  return sum
end

-- Mends a sum that has drifted. Returns it. Cost: O(leases)
local function recount(set, rates, now)
  local sum = add_up(set, rates, now)
  redis.call('HSET', rates, 'sum', sum, 'recounted', now)
  return sum
end

-- Returns the kbit/s that all leases and stills are counted with; a lease of `details` without a rate counts with `unknown`.
-- Cost: O(1); once in SUM_EXPIRES O(leases), if no report has recounted
local function committed(set, rates, now, unknown, details)
  local stills, sum, recounted = unpack(redis.call('HMGET', rates, 'stills', 'sum', 'recounted'))
  if not recounted or math.abs(now - recounted) >= SUM_EXPIRES then sum = recount(set, rates, now) end
  local known = redis.call('HLEN', rates) - (stills and 3 or 2)
  local without = details and math.max(redis.call('HLEN', details) - known, 0) or 0
  return sum + (stills or 0) + without * unknown
end
