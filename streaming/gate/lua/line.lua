-- Stands before the scripts that make room or take it: those who wait go first.
-- The line is a sorted set of tickets: member = id of the lease that the viewer will have, score = order (class, then number).
-- Each ticket is also in one queue, that of the limit which refuses it: the name of a set, or 'budget:<kbit/s>:<rate field>'.
-- A queue is open if its limit has room, and closed otherwise. The first ticket of all open queues is the next one; nobody is
-- looked at twice. A viewer who waits for a limit of their own delays nobody behind them. While the server's set is full, the
-- tickets of an open queue stay there and wait for the server's limit. Keys that begin with that of the line:
--   :tickets        hash: id -> ticket (JSON): sets, queue, class, order, since, worker, field and estimate of its rate,
--                   details of the lease
--   :alive          sorted set: id -> Unix ms until which the worker has said that the viewer waits
--   :queues         set: the names of the queues that have tickets;  :queue:<name>  sorted set: id -> order
--   :budgets        set: those of the budget;  :open  sorted set: those that are open -> order of the first ticket, or less
--   :limits         hash: set -> its limit, 'budget' -> kbit/s, as a worker has said last
--   :number         the last number;  :granted:<worker>  list of ids that have a slot now
--   :left:<id>      order with which a viewer who has left, or ended, may come back for a short time
--   :heir:<id>      who has got the slot or place of this lease or ticket: it is handed over once; '': nobody shall

local CLASS = 3e12  -- orders of a class; a number is a Unix millisecond, or more. JSON keeps 14 digits
local CLAIM = 3000  -- ms in which a worker must claim a slot that was granted to its viewer

local function ticket_of(line, id)
  local text = redis.call('HGET', line .. ':tickets', id)
  return text and cjson.decode(text)
end

-- Returns the rate field and the estimate of a queue of the budget; nil if it is another queue.
local function parse_budget_queue(queue)
  local estimate, field = string.match(queue, '^budget:(%d+):(.*)$')
  return field, tonumber(estimate)
end

local function close(line, queue) redis.call('ZREM', line .. ':open', queue) end

local function leave_queue(line, id, name)
  local queue = line .. ':queue:' .. name
  redis.call('ZREM', queue, id)
  if redis.call('EXISTS', queue) == 1 then return end
  redis.call('SREM', line .. ':queues', name)
  redis.call('SREM', line .. ':budgets', name)
  close(line, name)
end

-- Puts a ticket into its place, or into another one. Cost: O(log tickets)
local function place(line, id, ticket, queue)
  local before = ticket_of(line, id)
  if before and before.queue ~= queue then leave_queue(line, id, before.queue) end
  ticket.queue = queue
  local order, open_from = string.format('%.0f', ticket.order), redis.call('ZSCORE', line .. ':open', queue)
  redis.call('ZADD', line, order, id)
  redis.call('ZADD', line .. ':queue:' .. queue, order, id)
  redis.call('SADD', line .. ':queues', queue)
  if parse_budget_queue(queue) then redis.call('SADD', line .. ':budgets', queue) end
  if open_from and ticket.order < tonumber(open_from) then redis.call('ZADD', line .. ':open', order, queue) end
  redis.call('HSET', line .. ':tickets', id, cjson.encode(ticket))
end

-- Returns the queue of the limit that refuses a ticket now.
local function refusing_queue(line, ticket)
  return redis.call('ZSCORE', line .. ':open', ticket.queue) and ticket.sets[1] or ticket.queue
end

-- Removes a ticket. Returns it, or nil if there is none. Cost: O(log tickets)
local function remove_ticket(line, id)
  local ticket = ticket_of(line, id)
  if ticket then leave_queue(line, id, ticket.queue) end
  redis.call('ZREM', line, id)
  redis.call('HDEL', line .. ':tickets', id)
  redis.call('ZREM', line .. ':alive', id)
  if redis.call('ZCARD', line) == 0 then redis.call('DEL', line .. ':limits') end
  return ticket
end

-- Returns the next order of a class. The clock may be set back, so numbers always grow.
local function next_order(line, class, now)
  local number = math.max(now, tonumber(redis.call('GET', line .. ':number') or 0) + 1)
  redis.call('SET', line .. ':number', string.format('%.0f', number))
  return class * CLASS + number
end

-- Returns the queue of a ticket: the limit that refuses it; nil if there is room. Nobody passes a limit that is not known.
local function queue_of(store, ticket, limits, now)
  local maxima = {}
  for position, set in ipairs(ticket.sets) do
    if not limits[set] then return set end
    maxima[position] = limits[set]
  end
  local full = find_full_set(store, ticket.sets, maxima, nil, now)
  if full then return ticket.sets[full] end
  local budget = limits.budget or 0
  if budget == 0 or not ticket.field then return nil end
  local expected = tonumber(redis.call('HGET', store.measured, ticket.field) or ticket.estimate)
  local sum = committed(store.server_set, store.rates, now, expected, store.details)
  return exceeds(store, budget, sum, expected) and budget_queue(ticket.field, ticket.estimate) or nil, expected
end

local function grant(store, id, ticket, rate, now)
  remove_ticket(store.line, id)
  enter(store.generation, store.details, id, ticket.sets, ticket.sets, now + CLAIM, ticket.details, CLAIM)
  if rate then set_rate(store.rates, id, rate) end
  local granted = store.line .. ':granted:' .. ticket.worker
  redis.call('RPUSH', granted, id)
  redis.call('PEXPIRE', granted, CLAIM)
end

-- Returns the limits as a table that reads each of them when it is needed.
local function limits_of(line)
  return setmetatable({}, {__index = function(known, name)
    local limit = tonumber(redis.call('HGET', line .. ':limits', name) or nil)
    known[name] = limit
    return limit
  end})
end

-- Forgets the limits of sets that no ticket needs: each new viewer tells some. Cost: O(1), rarely O(tickets + limits)
local function trim_limits(line)
  if redis.call('HLEN', line .. ':limits') <= 100 + 10 * redis.call('ZCARD', line) then return end
  local is_needed = {budget = true}
  for _, text in ipairs(redis.call('HVALS', line .. ':tickets')) do
    for _, set in ipairs(cjson.decode(text).sets) do is_needed[set] = true end
  end
  for _, set in ipairs(redis.call('HKEYS', line .. ':limits')) do
    if not is_needed[set] then redis.call('HDEL', line .. ':limits', set) end
  end
end

-- Returns whether the limit of a set has no room for anybody.
local function is_full(store, set, limits, now)
  if limits[set] == 0 then return false end
  if not limits[set] then return true end
  if redis.call('ZCARD', set) < limits[set] then return false end
  remove_expired(store, set, now)
  return redis.call('ZCARD', set) >= limits[set]
end

-- Returns the first ticket of a queue: {id, order, queue, ticket}. Removes tickets that no worker keeps.
local function first_of(line, queue, now)
  while true do
    local id = redis.call('ZRANGE', line .. ':queue:' .. queue, 0, 0)[1]
    if not id then return nil end
    local ticket = ticket_of(line, id)
    if not ticket or ticket.queue ~= queue then  -- Redis has evicted a part of the line
      leave_queue(line, id, queue)
    elseif tonumber(redis.call('ZSCORE', line .. ':alive', id) or 0) > now then
      return {id = id, order = ticket.order, queue = queue, ticket = ticket}
    else
      remove_ticket(line, id)
    end
  end
end

-- Returns whether leases may be missing in some sets. Then nobody in line gets a slot before the grace has ended.
local function is_recovering(store, sets, latest, now)
  local grace, ready_at = unpack(redis.call('HMGET', store.generation, 'grace', 'ready_at'))
  if not grace or not ready_at or tonumber(ready_at) > now then return true end
  local _, ends = generation(store.generation, sets, tonumber(grace), latest, now)
  return ends > now
end

-- Opens those of some queues that have room and tickets, and closes the others. A lease without a rate counts only when
-- its ticket is looked at. Cost: O(queues * log queues)
local function open_queues(store, queues, limits, now)
  local line, budget, sum = store.line, limits.budget or 0, nil
  for _, queue in ipairs(queues) do
    local field, estimate = parse_budget_queue(queue)
    local full
    if field and budget > 0 then
      sum = sum or committed(store.server_set, store.rates, now, 0)
      full = exceeds(store, budget, sum, tonumber(redis.call('HGET', store.measured, field) or estimate))
    elseif not field then
      full = is_full(store, queue, limits, now)
    end
    if full then close(line, queue) end
    local first = not full and first_of(line, queue, now)
    if first then redis.call('ZADD', line .. ':open', string.format('%.0f', first.order), queue) end
  end
end

-- Gives the slots that are free to those who wait in `queues`, and in those that are open already, in their order.
-- Cost: O(queues * log queues + tickets that are granted or change their queue)
local function promote(store, queues, latest, now)
  local line, limits = store.line, limits_of(store.line)
  if (limits.budget or 0) > 0 then reclaim(store.generation, store.server_set, now, store.details, store.rates, store.totals) end
  open_queues(store, queues, limits, now)
  while not is_full(store, store.server_set, limits, now) do
    local queue, from = unpack(redis.call('ZRANGE', line .. ':open', 0, 0, 'WITHSCORES'))
    if not queue then return end
    local first = first_of(line, queue, now)
    if not first then
      close(line, queue)
    elseif first.order > tonumber(from) then
      redis.call('ZADD', line .. ':open', string.format('%.0f', first.order), queue)
    else
      if is_recovering(store, first.ticket.sets, latest, now) then return end
      local full, rate = queue_of(store, first.ticket, limits, now)
      if not full then
        grant(store, first.id, first.ticket, rate, now)
      else
        if full ~= queue then place(line, first.id, first.ticket, full) end
        close(line, full)
      end
    end
  end
end

-- Returns the queues with tickets among `sets`, and those of the budget. Cost: O(sets), with a budget also O(its queues)
local function queues_of(line, sets)
  local found = {}
  for _, set in ipairs(sets) do
    if redis.call('EXISTS', line .. ':queue:' .. set) == 1 then found[#found + 1] = set end
  end
  if tonumber(redis.call('HGET', line .. ':limits', 'budget') or 0) > 0 then
    for _, queue in ipairs(redis.call('SMEMBERS', line .. ':budgets')) do found[#found + 1] = queue end
  end
  return found
end

-- Gives the slots that became free in `sets` to those who wait for them.
local function promote_after(store, sets, latest, now)
  if redis.call('ZCARD', store.line) > 0 then promote(store, queues_of(store.line, sets), latest, now) end
end
