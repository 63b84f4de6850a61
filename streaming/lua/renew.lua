-- Renew the leases of one worker and take its report. A lease that is gone is reported, never added again.
-- KEYS  1 generation, 2 details, 3 workers, 4 reports, 5.. the limited sets
-- ARGV  1 lease ms, 2 grace ms, 3 candidate generation, 4 worker id, 5 report (JSON),
--       then for each lease: its id, the positions of its sets among the limited sets ("1,2")
-- Returns {generation, lost lease ids...}
local lease = tonumber(ARGV[1])
local now = now_ms()
local answer = {(generation(KEYS[1], ARGV[3], tonumber(ARGV[2]), now))}

prune(KEYS[3], KEYS[4], now)
redis.call('ZADD', KEYS[3], now + lease, ARGV[4])
redis.call('HSET', KEYS[4], ARGV[4], ARGV[5])

for i = 6, #ARGV, 2 do
  local id, sets, held = ARGV[i], {}, true
  for position in string.gmatch(ARGV[i + 1], '%d+') do
    sets[#sets + 1] = KEYS[4 + tonumber(position)]
    held = held and redis.call('ZSCORE', sets[#sets], id)
  end
  for _, set in ipairs(sets) do
    if held then
      redis.call('ZADD', set, 'XX', now + lease, id)
      outlive(set, lease)
      outlive(KEYS[2], lease)
    else
      redis.call('ZREM', set, id)
    end
  end
  if not held then
    redis.call('HDEL', KEYS[2], id)
    answer[#answer + 1] = id
  end
end
for i = 3, 4 do outlive(KEYS[i], lease) end
return answer
