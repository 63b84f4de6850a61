-- Count a lease with the rate of another quality, if the budget has room for it.
-- KEYS  1 rates, 2 rates measured last, 3 the server's set
-- ARGV  1 lease id, 2 budget in kbit/s (0: unlimited), 3 field of the measured rate, 4 kbit/s if none was measured
-- Returns {'granted'}, also for an unknown id; or {'budget', kbit/s in use, budget, kbit/s expected}
-- Cost: O(1); for a higher rate under a budget O(leases of the server)
local rates, measured, server_set = unpack(KEYS)
local id, budget, rate_field, estimate = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
if not redis.call('ZSCORE', server_set, id) then return {'granted'} end
local expected = tonumber(redis.call('HGET', measured, rate_field) or estimate)
local counted = tonumber(redis.call('HGET', rates, id) or 0)
if budget > 0 and expected > counted then
  local sum = committed(server_set, rates, now_ms(), 0)
  if sum - counted + expected > budget then return {'budget', sum, budget, expected} end
end
redis.call('HSET', rates, id, expected)
return {'granted'}
