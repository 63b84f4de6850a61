-- Removes a worker that ends: its reports and figures count no longer.
-- KEYS  workers, reports, sent, stills, rates
-- ARGV  worker id
-- Returns {1}
-- Cost  O(log(workers))
local workers, reports, sent, stills, rates = unpack(KEYS)
redis.call('ZREM', workers, ARGV[1])
local kbps = redis.call('HGET', stills, ARGV[1])
if kbps then redis.call('HINCRBY', rates, 'stills', -kbps) end
for _, hash in ipairs({reports, sent, stills}) do redis.call('HDEL', hash, ARGV[1]) end
return {1}
