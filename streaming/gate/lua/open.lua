-- Make the generation of this Redis, if it has none or that of another run. The data that a server reads from its disk, or
-- that a replica has when it takes over, may be older than the newest leases.
-- KEYS  1 generation
-- ARGV  1 grace in ms, 2 candidate for the generation
-- Returns {generation}
-- Cost: O(1), and one INFO
local generation_key, grace, candidate = KEYS[1], tonumber(ARGV[1]), ARGV[2]
if redis.call('HGET', generation_key, 'run') ~= run_id() then redis.call('DEL', generation_key) end
return {(generation(generation_key, candidate, grace, now_ms()))}
