-- Make this Redis's generation where it has none, or has that of another run: what a server finds on its disk when it
-- starts, and what a replica has when it takes over, may be older than the leases that were given since.
-- KEYS  1 generation
-- ARGV  1 grace ms, 2 candidate generation
-- Returns {generation}
if redis.call('HGET', KEYS[1], 'run') ~= run_id() then redis.call('DEL', KEYS[1]) end
return {(generation(KEYS[1], ARGV[2], tonumber(ARGV[1]), now_ms()))}
