-- Deletes a batch that the database has, and gives the writer's lease back.
-- KEYS  the writer's lease, the batch
-- ARGV  the writer's token, batch id
-- Returns {}
-- Cost  O(size of the batch)
local lease, batch = unpack(KEYS)
local token, id = unpack(ARGV)
if redis.call('HGET', batch, 'id') == id then redis.call('DEL', batch) end
if redis.call('GET', lease) == token then redis.call('DEL', lease) end
return {}
