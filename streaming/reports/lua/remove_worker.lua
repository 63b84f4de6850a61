-- Removes a worker that ends: its reports and figures count no longer.
-- KEYS  workers, reports, sent, stills, rates
-- ARGV  worker id
-- Returns {1}
-- Cost  O(log(workers))
local workers, reports, sent, stills, rates = unpack(KEYS)
local worker = ARGV[1]
redis.call('ZREM', workers, worker)
local kbps = redis.call('HGET', stills, worker)
if kbps then redis.call('HINCRBY', rates, 'stills', -kbps) end
for _, hash in ipairs({reports, sent, stills}) do redis.call('HDEL', hash, worker) end
return {1}
