-- Forget a batch that the database has.
-- KEYS  1 the writer's lease, 2 the batch
-- ARGV  1 the writer's token, 2 batch id
-- Returns {}
if redis.call('HGET', KEYS[2], 'id') == ARGV[2] then redis.call('DEL', KEYS[2]) end
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return {}
