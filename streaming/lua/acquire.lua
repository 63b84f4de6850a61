-- Admit one lease to every limited set, or to none.
-- KEYS  1 generation, 2 details, 3.. the limited sets
-- ARGV  1 lease id, 2 lease ms, 3 grace ms, 4 candidate generation, 5 details (JSON),
--       6 '1' if the caller held this lease before Redis lost its data, 7.. the limit of each set
-- Returns {'granted', generation, in use}  of the first set, this lease included
--         {'full', generation, position of the set (from 1), in use, limit, ms until the next lease may end}
--         {'wait', generation, ms until newcomers are admitted}
--         {'lost', generation}  a former holder came after the grace
local id, lease = ARGV[1], tonumber(ARGV[2])
local now = now_ms()
local token, ready_at = generation(KEYS[1], ARGV[4], tonumber(ARGV[3]), now)

local held = true
for i = 3, #KEYS do
  held = held and redis.call('ZSCORE', KEYS[i], id)
end

if not held then
  local former = ARGV[6] == '1'
  if former and now >= ready_at then return {'lost', token} end
  if not former and now < ready_at then return {'wait', token, ready_at - now} end
  for i = 3, #KEYS do
    local limit = tonumber(ARGV[i + 4])
    if redis.call('ZCARD', KEYS[i]) >= limit then
      prune(KEYS[i], KEYS[2], now)
      local in_use = redis.call('ZCARD', KEYS[i])
      if in_use >= limit then
        local first = redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')
        return {'full', token, i - 2, in_use, limit, tonumber(first[2]) - now}
      end
    end
  end
end

for i = 3, #KEYS do
  redis.call('ZADD', KEYS[i], now + lease, id)
  outlive(KEYS[i], lease)
end
redis.call('HSET', KEYS[2], id, ARGV[5])
outlive(KEYS[2], lease)
return {'granted', token, redis.call('ZCOUNT', KEYS[3], '(' .. now, '+inf')}
