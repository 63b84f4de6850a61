-- Stands before the scripts that give slots.

-- Adds a lease to all sets until `ends`. Returns how many leases the first set has more, and the end as text.
-- Cost: O(sets * log leases)
local function enter(details, id, sets, ends, description, lease)
  local text = string.format('%.0f', ends)  -- once: Redis's own conversion from number to text is slow
  local added = redis.call('ZADD', sets[1], text, id)
  redis.call('HSET', details, id, description)
  outlive(lease, details)
  for position = 2, #sets do redis.call('ZADD', sets[position], text, id) end
  return added, text
end
