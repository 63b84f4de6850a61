-- Remove leases, wherever they are. Unknown ids change nothing.
-- KEYS  1 details, 2.. the sets
-- ARGV  lease ids, 500 at most
for i = 2, #KEYS do redis.call('ZREM', KEYS[i], unpack(ARGV)) end
return redis.call('HDEL', KEYS[1], unpack(ARGV))
