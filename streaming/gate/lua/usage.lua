-- Who holds a slot, and which workers report: a reading, never used for admission.
-- KEYS  1 generation, 2 details, 3 workers, 4 reports, 5 the server-wide set, 6 that of the ordinary viewers, 7 rates
-- Returns {now in Unix ms, ready_at (0 if this Redis knows no generation), {lease id, details...}, {worker id, report...},
--         slots that ordinary viewers hold, kbit/s that all leases are counted with}
local function described(set, details, now)
  local answer = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', set, '(' .. now, '+inf')) do
    answer[#answer + 1] = id
    answer[#answer + 1] = redis.call('HGET', details, id) or '{}'
  end
  return answer
end

local now = now_ms()
local ready_at = tonumber(redis.call('HGET', KEYS[1], 'ready_at') or 0)
return {
  now, ready_at, described(KEYS[5], KEYS[2], now), described(KEYS[3], KEYS[4], now),
  redis.call('ZCOUNT', KEYS[6], '(' .. now, '+inf'), committed(KEYS[5], KEYS[7], now, 0),
}
