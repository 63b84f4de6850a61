-- Tells the workers that the limits in the database have changed. The version grows even if Redis loses its data.
-- KEYS  version of the limits
-- Returns {version}
-- Cost  O(1)
local policy = KEYS[1]
local version = math.max(now_ms(), tonumber(redis.call('GET', policy) or 0) + 1)
redis.call('SET', policy, string.format('%.0f', version))
return {version}
