-- Includes gate/rates
-- Read how many slots are in use. Admission never uses this.
-- KEYS  1 generation, 2 the server's set, 3 the ordinary viewers' set, 4 rates, 5 the workers' stills, 6 the line
-- ARGV  1 worker id, 2 '1' to sum up the rates
-- Returns {now in Unix ms, ready_at (0 if this Redis has no generation), slots in use, those of ordinary viewers,
--         kbit/s that all leases are counted with (0 unless asked for), kbit/s of this worker's stills, viewers in line}
-- Cost: O(log leases); with the rates, until a report has recounted them in this Redis, O(leases)
local generation_key, server_set, ordinary_set, rates, stills, line = unpack(KEYS)
local worker, with_rates = ARGV[1], ARGV[2] == '1'
local now = now_ms()

-- A reading uses the sum however old it is: many pages would each recount it.
local function counted()
  local stills, sum = unpack(redis.call('HMGET', rates, 'stills', 'sum'))
  return (sum or add_up(server_set, rates, now)) + (stills or 0)
end

return {
  now, tonumber(redis.call('HGET', generation_key, 'ready_at') or 0),
  redis.call('ZCOUNT', server_set, '(' .. now, '+inf'), redis.call('ZCOUNT', ordinary_set, '(' .. now, '+inf'),
  with_rates and counted() or 0, tonumber(redis.call('HGET', stills, worker) or 0),
  redis.call('ZCARD', line),
}
