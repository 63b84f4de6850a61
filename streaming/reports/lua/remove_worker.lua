-- Removes a worker that ends: its reports and figures count no longer.
-- KEYS  workers, reports, sent, stills
-- ARGV  worker id
-- Returns {1}
-- Cost  O(log(workers))
local workers, reports, sent, stills = unpack(KEYS)
redis.call('ZREM', workers, ARGV[1])
for _, hash in ipairs({reports, sent, stills}) do redis.call('HDEL', hash, ARGV[1]) end
return {1}
