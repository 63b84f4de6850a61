-- Renew the leases of one worker. A lease that is gone is reported, never added again.
-- KEYS  1 generation, 2 details, 3 rates, 4.. the limited sets, the server's first
-- ARGV  1 lease ms, 2 grace ms, 3 candidate generation,
--       then for each lease: its id, the positions of its sets among the limited sets ("1,2")
-- Returns {generation, lost lease ids...}
local lease = tonumber(ARGV[1])
local now = now_ms()
local answer = {(generation(KEYS[1], ARGV[3], tonumber(ARGV[2]), now))}
local renewed = {}

for i = 4, #ARGV, 2 do
  local id, sets, held = ARGV[i], {}, true
  for position in string.gmatch(ARGV[i + 1], '%d+') do
    sets[#sets + 1] = KEYS[3 + tonumber(position)]
    held = held and redis.call('ZSCORE', sets[#sets], id)
  end
  for _, set in ipairs(sets) do
    if held then
      redis.call('ZADD', set, 'XX', now + lease, id)
      renewed[set], renewed[KEYS[2]], renewed[KEYS[3]] = true, true, true
    else
      redis.call('ZREM', set, id)
    end
  end
  if not held then
    redis.call('HDEL', KEYS[2], id)
    redis.call('HDEL', KEYS[3], id)
    answer[#answer + 1] = id
  end
end
for key in pairs(renewed) do outlive(lease, key) end
-- What has lapsed beside them: a set without a limit is looked at by no admission.
for i = 5, #KEYS do redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now) end
return answer
