-- Read the maxmemory-policy of a Redis that may evict keys.
-- Returns {policy}, {''} if it evicts none
-- Cost: one INFO
local info = redis.call('INFO', 'memory')
local bytes, policy = string.match(info, 'maxmemory:(%d+)'), string.match(info, 'maxmemory_policy:(%S+)')
return {bytes ~= '0' and policy ~= 'noeviction' and policy or ''}
