-- What all workers have counted so far.
-- KEYS  1 totals
-- Returns {name, amount...}
return redis.call('HGETALL', KEYS[1])
