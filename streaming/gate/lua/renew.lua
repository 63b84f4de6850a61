-- Renew the leases of one worker. A lease that is gone is reported, and never added again.
-- KEYS  1 generation, 2 details, 3 rates, 4.. the limited sets, the server's first
-- ARGV  1 lease in ms, 2 grace in ms, 3 candidate for the generation,
--       4 the leases, each with the positions of its sets among the limited sets (JSON: [[id, 1, 2], ...])
-- Returns {generation, ids of the leases that are gone...}
-- Cost: O(leases * sets of each * log leases of the server), and what has expired
local generation_key, details, rates, sets = KEYS[1], KEYS[2], KEYS[3], {unpack(KEYS, 4)}
local lease, grace, candidate, leases = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], cjson.decode(ARGV[4])
local now = now_ms()
local answer = {(generation(generation_key, candidate, grace, now))}
local renewed = {}
local ends = string.format('%.0f', now + lease)  -- once: Redis's own conversion from number to text is slow

-- Renews the leases with one call for each set. Returns whether all were there; if not, each lease is looked at below.
local function renew_together()
  local members, complete = {}, true
  for _, member in ipairs(leases) do
    for i = 2, #member do
      local of_set = members[member[i]] or {}
      members[member[i]] = of_set
      of_set[#of_set + 1], of_set[#of_set + 2] = ends, member[1]
    end
  end
  for position, of_set in pairs(members) do
    local changed = redis.call('ZADD', sets[position], 'XX', 'CH', unpack(of_set))
    complete = complete and changed == #of_set / 2
  end
  return complete
end

local together = renew_together()
for _, member in ipairs(leases) do
  local id, held = member[1], true
  for i = 2, #member do held = held and (together or redis.call('ZSCORE', sets[member[i]], id)) end
  for i = 2, #member do
    local set = sets[member[i]]
    if held then
      if not together then redis.call('ZADD', set, 'XX', ends, id) end
      renewed[set], renewed[details], renewed[rates] = true, true, true
    else
      redis.call('ZREM', set, id)
    end
  end
  if not held then
    redis.call('HDEL', details, id)
    redis.call('HDEL', rates, id)
    answer[#answer + 1] = id
  end
end
for key in pairs(renewed) do outlive(lease, key) end
-- No admission prunes a set without a limit. The server's set is pruned with its details, by others.
for position = 2, #sets do redis.call('ZREMRANGEBYSCORE', sets[position], '-inf', now) end
return answer
