-- Order the workers to stop viewings, and block their users if asked to, which stops all other viewings of those users.
-- KEYS  1 details, 2 the server's set, 3 totals, 4 the blocked users
-- ARGV  1 prefix of the workers' orders, 2 prefix of the users' blocks, 3 ms for which an order waits,
--       4 field that selects the viewings: 'id' or 'camera_id', 5 its value, 6 message, 7 ms of the block (0: none),
--       8 who blocks, 9 the user who is not blocked ('': none)
-- Returns the ids of the viewings that are ordered to stop
-- Cost: O(leases of the server)
local details, server_set, totals, blocked_users = unpack(KEYS)
local orders_prefix, blocks_prefix, order_ms, field, value, message, block_text, by, spared = unpack(ARGV)
local now, block_ms = now_ms(), tonumber(block_text)
local viewings, blocked = {}, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', server_set, '(' .. now, '+inf')) do
  local found = redis.call('HGET', details, id)
  local holder = found and cjson.decode(found)
  if holder then
    local selected = (field == 'id' and id or holder[field]) == value
    viewings[#viewings + 1] = {id = id, holder = holder, selected = selected}
    if selected and block_ms > 0 and holder.user_id ~= spared then blocked[holder.user_id] = holder.user end
  end
end

local ordered = {}
for _, viewing in ipairs(viewings) do
  local id, orders, user = viewing.id, orders_prefix .. viewing.holder.worker, viewing.holder.user_id
  if viewing.selected or blocked[user] then
    local order = cjson.encode({id = id, message = message, block = blocked[user] and block_ms or 0})
    -- The same order again is one order: the reply to the first call may have been lost.
    if redis.call('LREM', orders, 0, order) == 0 then redis.call('HINCRBY', totals, 'stopped', 1) end
    redis.call('RPUSH', orders, order)
    redis.call('PEXPIRE', orders, order_ms)
    ordered[#ordered + 1] = id
  end
end
for user, name in pairs(blocked) do
  redis.call('SET', blocks_prefix .. user, message, 'PX', block_ms)
  redis.call('HSET', blocked_users, user, cjson.encode({user = name, by = by}))
  if redis.call('PTTL', blocked_users) < block_ms then redis.call('PEXPIRE', blocked_users, block_ms) end
end
return ordered
