-- Stands before every other script.

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Lets a key outlive its last lease, so that abandoned keys expire. `others` are keys with the same leases. The expiry is
-- never shortened, and not set again for each lease. Cost: O(1)
local function outlive(lease, key, ...)
  if redis.call('PTTL', key) < 2 * lease then
    for _, each in ipairs({key, ...}) do redis.call('PEXPIRE', each, 3 * lease) end
  end
end
