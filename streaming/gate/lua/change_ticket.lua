-- Includes gate/line
-- Move a ticket to the front of the line, or remove it and order its worker to tell the viewer.
-- KEYS  1 the line
-- ARGV  1 id, 2 'front' or 'remove', 3 prefix of the workers' orders, 4 message, 5 ms for which an order waits
-- Returns {1}, or {0} if nobody waits with this id
-- Cost: O(log tickets)
local line = KEYS[1]
local id, change, orders_prefix, message, order_ms = unpack(ARGV)
local ticket = ticket_of(line, id)
if not ticket then return {0} end
if change == 'front' then
  local first = redis.call('ZRANGE', line, 0, 0, 'WITHSCORES')
  if first[1] == id and ticket.class == 0 then return {1} end
  ticket.class, ticket.order = 0, math.min(tonumber(first[2]), CLASS) - 1
  place(line, id, ticket, ticket.queue)
else
  remove_ticket(line, id)
  redis.call('SET', line .. ':heir:' .. id, '', 'PX', order_ms)  -- the place is gone
  local orders = orders_prefix .. ticket.worker
  redis.call('RPUSH', orders, cjson.encode({id = id, message = message, block = 0}))
  redis.call('PEXPIRE', orders, order_ms)
end
return {1}
