-- Say that the limits which the database holds have changed: a version that only grows, even over a loss of Redis's data.
-- KEYS  1 the policy's version
-- Returns {version}
local version = math.max(now_ms(), tonumber(redis.call('GET', KEYS[1]) or 0) + 1)
redis.call('SET', KEYS[1], string.format('%.0f', version))
return {version}
