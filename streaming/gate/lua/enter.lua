-- Stands before the scripts that give slots.

-- Adds a lease to all sets until `ends`. `empty`: those of the sets that may have no members yet.
-- Returns how many leases the first set has more.
-- Cost: O(sets * log leases)
local function enter(generation_key, details, id, sets, empty, ends, description, lease)
  for _, set in ipairs(empty) do redis.call('HSET', generation_key, set, 1) end
  ends = string.format('%.0f', ends)  -- once: Redis's own conversion from number to text is slow
  local added = redis.call('ZADD', sets[1], ends, id)
  redis.call('HSET', details, id, description)
  outlive(lease, details)
  for position = 2, #sets do redis.call('ZADD', sets[position], ends, id) end
  return added
end
