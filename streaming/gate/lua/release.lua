-- Remove leases, wherever they are. Unknown ids change nothing.
-- KEYS  1 details, 2 rates, 3.. the sets
-- ARGV  lease ids, 500 at most
for i = 3, #KEYS do redis.call('ZREM', KEYS[i], unpack(ARGV)) end
redis.call('HDEL', KEYS[2], unpack(ARGV))
return redis.call('HDEL', KEYS[1], unpack(ARGV))
