-- Order the workers to stop viewings, and block their users if asked to, which stops all other viewings of those users.
-- KEYS  1 details, 2 the server's set, 3 totals, 4 the blocked users, 5 the line
-- ARGV  1 prefix of the workers' orders, 2 prefix of the users' blocks, 3 ms for which an order waits,
--       4 the viewing, or '': all viewings of 5, a camera's set; 6 message, 7 ms of the block (0: none), 8 who blocks,
--       9 the user who is not blocked ('': none), 10 prefix of the users' sets
-- Returns the ids of the viewings that are ordered to stop
-- Cost: O(log leases) for one viewing, else O(leases of the camera); with a block also O(leases of the blocked users)
local details, server_set, totals, blocked_users, line = unpack(KEYS)
local orders_prefix, blocks_prefix, order_ms, viewing, camera_set, message, block_text, by, spared, users_prefix =
  unpack(ARGV)
local now, block_ms = now_ms(), tonumber(block_text)
local ordered, is_ordered, blocked = {}, {}, {}

local function holder_of(id)
  local found = redis.call('HGET', details, id)
  return found and cjson.decode(found)
end

local function order(id, holder, block)
  if is_ordered[id] then return end
  ordered[#ordered + 1], is_ordered[id] = id, true
  local orders, text = orders_prefix .. holder.worker, cjson.encode({id = id, message = message, block = block})
  -- The same order again is one order: the reply to the first call may have been lost.
  if redis.call('LREM', orders, 0, text) == 0 then redis.call('HINCRBY', totals, 'stopped', 1) end
  redis.call('RPUSH', orders, text)
  redis.call('PEXPIRE', orders, order_ms)
  redis.call('SET', line .. ':heir:' .. id, '', 'PX', order_ms)  -- the viewer does not come back to the front of the line
end

local function unexpired(set) return redis.call('ZRANGEBYSCORE', set, '(' .. now, '+inf') end

local selected = viewing ~= '' and {viewing} or unexpired(camera_set)
for _, id in ipairs(selected) do
  local holder = holder_of(id)
  if holder and tonumber(redis.call('ZSCORE', server_set, id) or 0) > now then
    local block = block_ms > 0 and holder.user_id ~= spared
    if block then blocked[holder.user_id] = holder.user end
    order(id, holder, block and block_ms or 0)
  end
end
for user, name in pairs(blocked) do
  for _, id in ipairs(unexpired(users_prefix .. user)) do
    local holder = holder_of(id)
    if holder then order(id, holder, block_ms) end
  end
  redis.call('SET', blocks_prefix .. user, message, 'PX', block_ms)
  redis.call('HSET', blocked_users, user, cjson.encode({user = name, by = by}))
  if redis.call('PTTL', blocked_users) < block_ms then redis.call('PEXPIRE', blocked_users, block_ms) end
end
return ordered
