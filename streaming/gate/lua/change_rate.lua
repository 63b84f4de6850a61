-- Includes gate/leases, gate/rates
-- Count a lease with the rate of another quality, if that is lower or the budget has room for it.
-- KEYS  1 generation, 2 rates, 3 rates measured last, 4 the server's set, 5 details, 6 totals, 7 number of the lease's last change
-- ARGV  1 lease id, 2 budget in kbit/s (0: unlimited), 3 field of the measured rate, 4 kbit/s if none was measured,
--       5 number of this change, 6 ms for which the number is kept: a report with an older rate may still arrive
-- Returns {'granted'}, also for an unknown id and after a newer change; or {'budget', kbit/s in use, budget, kbit/s expected}
-- Cost: O(1), and what has expired; for a higher rate under a budget as `committed`
local generation_key, rates, measured, server_set, details, totals, last_change = unpack(KEYS)
local id, budget, rate_field, estimate, number, late = ARGV[1], tonumber(ARGV[2]), unpack(ARGV, 3)
local now = now_ms()
reclaim(generation_key, server_set, now, details, rates, totals)
local is_newest = tonumber(number) >= tonumber(redis.call('GET', last_change) or 0)
if not is_newest or not redis.call('ZSCORE', server_set, id) then return {'granted'} end
local expected = tonumber(redis.call('HGET', measured, rate_field) or estimate)
local counted = tonumber(redis.call('HGET', rates, id) or 0)
if budget > 0 and expected > counted then
  local sum = committed(server_set, rates, now, 0)
  if sum - counted + expected > budget then return {'budget', sum, budget, expected} end
end
set_rate(rates, id, expected)
redis.call('SET', last_change, number, 'PX', late)
return {'granted'}
