-- Includes gate/leases, gate/generation
-- Make the generation of this Redis, if it has none or that of another run. The data that a server reads from its disk, or
-- that a replica has when it takes over, may be older than the newest leases.
-- KEYS  1 generation
-- ARGV  1 grace in ms
-- Returns {generation}
-- Cost: O(1), and one INFO
local generation_key, grace = KEYS[1], tonumber(ARGV[1])
local now = now_ms()
redis.call('DEL', generation_key .. ':run')  -- ask INFO: the key may come from the disk, too
local token = generation(generation_key, {}, grace, 0, now)
claim_grace(generation_key, grace, now)
return {token}
