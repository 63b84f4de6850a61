-- Admit one lease to every limited set, or to none.
-- KEYS  1 generation, 2 details, 3 rates, 4 rates measured last, 5 the user's block, 6 totals, 7.. the limited sets, the server's first
-- ARGV  1 lease id, 2 lease in ms, 3 grace in ms, 4 latest time that Redis's clock may show now (0: unknown), 5 details (JSON),
--       6 '1' for a re-entry: the caller held this lease before Redis lost its data,
--       7 for each set its limit and the limit of the dry run, 0: unlimited (JSON: [limit, trial, limit, trial, ...]);
--       only if bandwidth is limited: 8 budget in kbit/s (0: unlimited), 9 budget of the dry run,
--       10 field of the measured rate, 11 kbit/s if none was measured
-- Returns {'granted', generation, in use, dry run...}  in use: leases in the first set with this one, and those that have
--                  expired since the last report of any worker; dry run: what would have refused this lease:
--                  position of the set (from 1), in use, its trial limit; or -1, kbit/s in use, trial budget, kbit/s expected; or 0
--         {'full', generation, position of the set, in use, limit, ms until the next lease may end}
--         {'budget', generation, kbit/s in use, budget, kbit/s expected}
--         {'blocked', generation, ms, message}
--         {'wait', generation, ms until new viewers are admitted, now in Unix ms}
--         {'lost', generation}  the re-entry came after the grace
-- Cost: O(sets * log leases); with a budget that no report of the last seconds has recounted also O(leases of the server)
local generation_key, details, rates, measured, block, totals = unpack(KEYS, 1, 6)
local sets, server_set = {unpack(KEYS, 7)}, KEYS[7]
local id, lease, grace, latest, description = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local reentry, limits = ARGV[6] == '1', cjson.decode(ARGV[7])
local budget, trial_budget, rate_field, estimate = unpack(ARGV, 8)
local now = now_ms()
local token, ready_at = generation(generation_key, sets, grace, latest, now)

-- Called only where it matters: a lease that is in all sets is renewed below.
local function is_held()
  for _, set in ipairs(sets) do
    if not redis.call('ZSCORE', set, id) then return false end
  end
  return true
end

if reentry ~= (now < ready_at) and not is_held() then
  if reentry then return {'lost', token} end
  return {'wait', token, ready_at - now, now}
end

if not reentry then
  local message = redis.call('GET', block)
  if message then return {'blocked', token, redis.call('PTTL', block), message} end
end

local dry_run, in_use = {0}, 0
for position, set in ipairs(sets) do
  local limit, trial = limits[2 * position - 1], limits[2 * position]
  if limit > 0 or trial > 0 then
    local count = redis.call('ZCARD', set)
    if (limit > 0 and count >= limit) or (trial > 0 and count >= trial) then
      local expired
      if set == server_set then
        expired = reclaim(set, now, details, rates, totals)
      else
        expired = redis.call('ZREMRANGEBYSCORE', set, '-inf', now)
      end
      count = count - expired
      if limit > 0 and count >= limit and not is_held() then
        local next = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')
        return {'full', token, position, count, limit, tonumber(next[2]) - now}
      end
      if dry_run[1] == 0 and trial > 0 and count >= trial then dry_run = {position, count, trial} end
    end
    if set == server_set then in_use = count end
  end
end

if budget then
  budget, trial_budget = tonumber(budget), tonumber(trial_budget)
  local expected = tonumber(redis.call('HGET', measured, rate_field) or estimate)
  reclaim(server_set, now, details, rates, totals)
  local sum = committed(server_set, rates, now, expected, details)
  -- A stream that alone exceeds the budget is admitted if there is no other: else it would never be measured.
  local function exceeds(most)
    return most > 0 and sum + expected > most and not (expected > most and redis.call('HLEN', details) == 0)
  end
  if not reentry and exceeds(budget) and not is_held() then
    return {'budget', token, sum, budget, expected}
  end
  if dry_run[1] == 0 and exceeds(trial_budget) then dry_run = {-1, sum, trial_budget, expected} end
  set_rate(rates, id, expected)
  outlive(lease, rates)
end

local ends = string.format('%.0f', now + lease)  -- once: Redis's own conversion from number to text is slow
local added = redis.call('ZADD', server_set, ends, id)
redis.call('HSET', details, id, description)
outlive(lease, details)
local last_ends = {server_set, ends}
for position = 2, #sets do
  local set = sets[position]
  redis.call('ZADD', set, ends, id)
  last_ends[#last_ends + 1], last_ends[#last_ends + 2] = set, ends
end
redis.call('HSET', generation_key, unpack(last_ends))
return {'granted', token, in_use + added, unpack(dry_run)}
