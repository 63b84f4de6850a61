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

for _, member in ipairs(leases) do
  local id, held = member[1], true
  for i = 2, #member do held = held and redis.call('ZSCORE', sets[member[i]], id) end
  for i = 2, #member do
    local set = sets[member[i]]
    if held then
      redis.call('ZADD', set, 'XX', now + lease, id)
      renewed[set], renewed[details], renewed[rates] = true, true, true
    else
      redis.call('ZREM', set, id)
    end
  end
  if not held then
    redis.call('HDEL', details, id)
    remove(rates, {id})
    answer[#answer + 1] = id
  end
end
for key in pairs(renewed) do outlive(lease, key) end
-- No admission prunes a set without a limit. The server's set is pruned with its details, by others.
for position = 2, #sets do redis.call('ZREMRANGEBYSCORE', sets[position], '-inf', now) end
return answer
