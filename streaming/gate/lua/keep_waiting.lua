-- Includes gate/admission, gate/line
-- Keep the tickets of one worker, and once in a while give what became free unnoticed (leases that have expired, a limit
-- that was raised, bandwidth) to those who wait.
-- KEYS  1 generation, 2 details, 3 rates, 4 rates measured last, 5 totals, 6 the line, 7 the server's set
-- ARGV  1 ms for which the tickets count, 2 ms between two such looks of all workers, 3 the ids (JSON)
-- Returns {waiting, {{id, order, place in the line (from 1), queue, leases in that set}...}}; an id is missing if it has no
--          ticket: it was granted a slot, or Redis has lost its data
-- Cost: O(ids * log tickets); for one call in the time between also as `promote` for all queues
local store, life, pause, ids = store_of(KEYS[7]), tonumber(ARGV[1]), tonumber(ARGV[2]), cjson.decode(ARGV[3])
local line = store.line
local now = now_ms()
for _, id in ipairs(ids) do redis.call('ZADD', line .. ':alive', 'XX', now + life, id) end
local ready_at = tonumber(redis.call('HGET', store.generation, 'ready_at') or now + 1)
if ready_at <= now and redis.call('SET', line .. ':looked', 1, 'NX', 'PX', pause) then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', line .. ':alive', '-inf', now, 'LIMIT', 0, 500)) do remove_ticket(line, id) end
  promote(store, redis.call('SMEMBERS', line .. ':queues'), now)
end
local tickets = {}
for _, id in ipairs(ids) do
  local place = redis.call('ZRANK', line, id)
  if place then
    local ticket = ticket_of(line, id)
    local queue = refusing_queue(line, ticket)
    local in_use = not parse_budget_queue(queue) and redis.call('ZCARD', queue) or 0
    tickets[#tickets + 1] = {id, string.format('%.0f', ticket.order), place + 1, queue, in_use}
  end
end
return {redis.call('ZCARD', line), tickets}
