-- Tells whether the limited sets and the budget have room. Stands before the scripts that admit leases.

-- Returns the first six keys of such a script by name, and the server's set.
local function store_of(server_set)
  local generation_key, details, rates, measured, totals, line = unpack(KEYS, 1, 6)
  return {
    generation = generation_key, details = details, rates = rates, measured = measured, totals = totals, line = line,
    server_set = server_set,
  }
end

-- Removes the expired leases from a set.
local function remove_expired(store, set, now)
  if set == store.server_set then
    reclaim(store.generation, set, now, store.details, store.rates, store.totals)
  elseif redis.call('ZREMRANGEBYSCORE', set, '-inf', now) > 0 then
    forget_empty(store.generation, {set})
  end
end

-- Returns the position of the first set that has no room for one more lease, its leases and its limit; if all have room, nil
-- and the leases of the first set (nil if it has no limit).
-- `leaving`: a lease that would leave its sets, or nil. Cost: O(sets), and the leases that have expired
local function find_full_set(store, sets, limits, leaving, now)
  local first
  for position, set in ipairs(sets) do
    local limit = limits[position]
    local count = limit > 0 and redis.call('ZCARD', set)
    if count and count >= limit then
      remove_expired(store, set, now)
      count = redis.call('ZCARD', set)
      local others = leaving and redis.call('ZSCORE', set, leaving) and count - 1 or count
      if others >= limit then return position, others, limit end
    end
    if position == 1 then first = count end
  end
  return nil, first or nil
end

-- Returns whether a budget has no room for `expected` kbit/s more. A stream that alone exceeds the budget is admitted if there
-- is no other: else it would never be measured. `leaving`: as above. Cost: O(1)
local function exceeds(store, budget, sum, expected, leaving)
  if budget == 0 or sum + expected <= budget then return false end
  return not (expected > budget and redis.call('HLEN', store.details) == (leaving and 1 or 0))
end

-- Returns the name of the budget's queue in the line for such a rate.
local function budget_queue(field, estimate) return 'budget:' .. estimate .. ':' .. field end
