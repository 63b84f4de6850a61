-- Read who holds a slot and which workers report. Admission never uses this.
-- KEYS  1 generation, 2 details, 3 workers, 4 reports, 5 the server's set, 6 the ordinary viewers' set, 7 rates
-- Returns {now in Unix ms, ready_at (0 if this Redis has no generation), {lease id, details...}, {worker id, report...},
--         slots that ordinary viewers hold, kbit/s that all leases are counted with}
-- Cost: O(leases of the server + workers)
local generation_key, details, workers, reports, server_set, ordinary_set, rates = unpack(KEYS)

local function read_described(set, descriptions, now)
  local answer = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', set, '(' .. now, '+inf')) do
    answer[#answer + 1] = id
    answer[#answer + 1] = redis.call('HGET', descriptions, id) or '{}'
  end
  return answer
end

local now = now_ms()
local ready_at = tonumber(redis.call('HGET', generation_key, 'ready_at') or 0)
return {
  now, ready_at, read_described(server_set, details, now), read_described(workers, reports, now),
  redis.call('ZCOUNT', ordinary_set, '(' .. now, '+inf'), committed(server_set, rates, now, 0),
}
