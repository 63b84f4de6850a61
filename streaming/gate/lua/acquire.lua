-- Admit one lease to every limited set, or to none.
-- KEYS  1 generation, 2 details, 3 rates, 4 rates last measured, 5 the user's block, 6 totals, 7.. the limited sets, the server's first
-- ARGV  1 lease id, 2 lease ms, 3 grace ms, 4 candidate generation, 5 details (JSON),
--       6 '1' if the caller held this lease before Redis lost its data,
--       then for each set: its limit, and that of the dry run (0: none); then, unless bandwidth is of no concern:
--       the kbit/s that all leases together may be counted with (0: any), the same of the dry run, the measured rate's field,
--       kbit/s where none was measured
-- Returns {'granted', generation, in use, dry run...}  in use: of the first set, this lease included, and what lapsed since
--                  the last report of any worker; dry run: what would have refused: the position (from 1) of a set, in use,
--                  its trial limit; or -1, kbit/s in use, the trial budget, kbit/s expected; or 0: nothing
--         {'full', generation, position of the set, in use, limit, ms until the next lease may end}
--         {'budget', generation, kbit/s in use, budget, kbit/s expected}
--         {'blocked', generation, ms, message}
--         {'wait', generation, ms until newcomers are admitted}
--         {'lost', generation}  a former holder came after the grace
local FIRST = 7
local id, lease, reentry = ARGV[1], tonumber(ARGV[2]), ARGV[6] == '1'
local now = now_ms()
local token, ready_at = generation(KEYS[1], ARGV[4], tonumber(ARGV[3]), now)

-- Asked only where it matters: a lease that is there already is simply refreshed below.
local function held()
  for i = FIRST, #KEYS do
    if not redis.call('ZSCORE', KEYS[i], id) then return false end
  end
  return true
end

if reentry ~= (now < ready_at) and not held() then
  if reentry then return {'lost', token} end
  return {'wait', token, ready_at - now}
end

if not reentry then
  local message = redis.call('GET', KEYS[5])
  if message then return {'blocked', token, redis.call('PTTL', KEYS[5]), message} end
end

local trial, first = {0}, 0
for i = FIRST, #KEYS do
  local set, limit, tried = KEYS[i], tonumber(ARGV[2 * i - 7]), tonumber(ARGV[2 * i - 6])
  if limit > 0 or tried > 0 then
    local count = redis.call('ZCARD', set)
    if (limit > 0 and count >= limit) or (tried > 0 and count >= tried) then
      local lapsed
      if i == FIRST then
        lapsed = prune(set, now, KEYS[2], KEYS[3])
        if lapsed > 0 then redis.call('HINCRBY', KEYS[6], 'reclaimed', lapsed) end
      else
        lapsed = redis.call('ZREMRANGEBYSCORE', set, '-inf', now)
      end
      count = count - lapsed
      if limit > 0 and count >= limit and not held() then
        local next = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
        return {'full', token, i - FIRST + 1, count, limit, tonumber(next[2]) - now}
      end
      if trial[1] == 0 and tried > 0 and count >= tried then trial = {i - FIRST + 1, count, tried} end
    end
    if i == FIRST then first = count end
  end
end

local last = 2 * #KEYS - 6
if #ARGV > last then
  local budget, tried = tonumber(ARGV[last + 1]), tonumber(ARGV[last + 2])
  local expected = tonumber(redis.call('HGET', KEYS[4], ARGV[last + 3]) or ARGV[last + 4])
  local sum = committed(KEYS[FIRST], KEYS[3], now, expected)
  if budget > 0 and not reentry and sum + expected > budget and not held() then
    return {'budget', token, sum, budget, expected}
  end
  if trial[1] == 0 and tried > 0 and sum + expected > tried then trial = {-1, sum, tried, expected} end
  redis.call('HSET', KEYS[3], id, expected)
  outlive(lease, KEYS[3])
end

local ends = string.format('%.0f', now + lease)  -- once: Redis's own way from number to text is slow
local added = redis.call('ZADD', KEYS[FIRST], ends, id)
redis.call('HSET', KEYS[2], id, ARGV[5])
outlive(lease, KEYS[FIRST], KEYS[2])  -- of the same leases
for i = FIRST + 1, #KEYS do
  redis.call('ZADD', KEYS[i], ends, id)
  outlive(lease, KEYS[i])
end
return {'granted', token, first + added, unpack(trial)}
