-- Includes gate/leases, gate/generation, gate/rates, gate/room, gate/enter, gate/line
-- Keep the tickets of one worker, and once in a while give what became free unnoticed (leases that have expired, a limit
-- that was raised, bandwidth) to those who wait.
-- KEYS  1 generation, 2 details, 3 rates, 4 rates measured last, 5 totals, 6 the line, 7 the server's set
-- ARGV  1 ms for which the tickets count, 2 ms between two such looks of all workers, 3 latest time that Redis's clock may
--       show now (0: unknown), 4 the ids (JSON)
-- Returns {waiting, {{id, order, place in the line (from 1), queue, leases in that set}...}}; an id is missing if it has no
--          ticket: it was granted a slot, or Redis has lost its data or a part of the line
-- Cost: O(ids * log tickets). One call in each such time also has the cost of `promote` for all queues
local store, line, ids = store_of(KEYS[7]), KEYS[6], cjson.decode(ARGV[4])
local life, pause, latest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()
for _, id in ipairs(ids) do redis.call('ZADD', line .. ':alive', 'XX', now + life, id) end
if redis.call('SET', line .. ':looked', 1, 'NX', 'PX', pause) then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', line .. ':alive', '-inf', now, 'LIMIT', 0, 500)) do remove_ticket(line, id) end
  promote(store, redis.call('SMEMBERS', line .. ':queues'), latest, now)
  trim_limits(line)
end

-- Returns whether nothing of a ticket is missing: Redis may evict a part of the line.
local function is_whole(id, ticket)
  return ticket and redis.call('ZSCORE', line .. ':alive', id) and redis.call('ZSCORE', line .. ':queue:' .. ticket.queue, id)
    and redis.call('SISMEMBER', line .. ':queues', ticket.queue) == 1
    and redis.call('HEXISTS', line .. ':limits', ticket.sets[1]) == 1
end

local tickets = {}
for _, id in ipairs(ids) do
  local place, ticket = redis.call('ZRANK', line, id), ticket_of(line, id)
  if place and is_whole(id, ticket) then
    local queue = refusing_queue(line, ticket)
    local in_use = not parse_budget_queue(queue) and redis.call('ZCARD', queue) or 0
    tickets[#tickets + 1] = {id, string.format('%.0f', ticket.order), place + 1, queue, in_use}
  end
end
return {redis.call('ZCARD', line), tickets}
