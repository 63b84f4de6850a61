-- Count a lease with the rate of another quality, if the budget has room for it.
-- KEYS  1 rates, 2 rates last measured, 3 the server-wide set
-- ARGV  1 lease id, 2 budget kbit/s (0: any), 3 the measured rate's field, 4 kbit/s where none was measured
-- Returns {'granted'}, or {'budget', kbit/s in use, budget, kbit/s expected}; an id that is not there is granted what it likes
local id, budget = ARGV[1], tonumber(ARGV[2])
if not redis.call('ZSCORE', KEYS[3], id) then return {'granted'} end
local expected = tonumber(redis.call('HGET', KEYS[2], ARGV[3]) or ARGV[4])
local counted = tonumber(redis.call('HGET', KEYS[1], id) or 0)
if budget > 0 and expected > counted then
  local sum = committed(KEYS[3], KEYS[1], now_ms(), 0)
  if sum - counted + expected > budget then return {'budget', sum, budget, expected} end
end
redis.call('HSET', KEYS[1], id, expected)
return {'granted'}
