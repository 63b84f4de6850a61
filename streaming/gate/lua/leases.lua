-- Stands before the scripts that remove leases, also such as have expired.
-- A limited set is a sorted set: member = lease id, score = end of the lease in Redis's own Unix milliseconds.
-- Membership is the count; nothing else is counted. Members that have expired count until they are removed. A set has a field in
-- the generation as long as it has members. If the field is there and the set is missing, Redis has evicted the set.

-- Returns those of some sets that are not there. Cost: O(sets)
local function missing_of(sets)
  local missing = {}
  if #sets == 0 or redis.call('EXISTS', unpack(sets)) == #sets then return missing end
  for _, set in ipairs(sets) do
    if redis.call('EXISTS', set) == 0 then missing[#missing + 1] = set end
  end
  return missing
end

-- Forgets those of some sets that have lost their last member. Cost: O(sets)
local function forget_empty(generation_key, sets)
  local empty = missing_of(sets)
  if #empty > 0 then redis.call('HDEL', generation_key, unpack(empty)) end
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
local function reclaim(generation_key, server_set, now, details, rates, totals)
  local expired = prune(server_set, now, details, rates)
  if expired > 0 then
    forget_empty(generation_key, {server_set})
    redis.call('HINCRBY', totals, 'reclaimed', expired)
  end
  return expired
end
