-- Stands before the scripts that make room or take it: whoever waits goes first.
-- The line is a sorted set of tickets: member = id of the lease that the viewer will have, score = order (class, then number).
-- Each ticket is also in one queue, that of the limit which refuses it: the name of a set, or 'budget:<kbit/s>:<rate field>'.
-- A queue is open if its limit has room, and closed otherwise. The first ticket of all open queues is the next one; nobody is
-- looked at twice, and whoever a limit of their own refuses hides nobody behind. While the server's set is full, the tickets of
-- an open queue stay there and wait for the server's limit. Keys that begin with that of the line:
--   :tickets        hash: id -> ticket (JSON): sets, queue, class, order, since, worker, field and estimate of its rate,
--                   details of the lease
--   :alive          sorted set: id -> Unix ms until which the worker has said that the viewer waits
--   :queues         set: the names of the queues that have tickets;  :queue:<name>  sorted set: id -> order
--   :budgets        set: those of the budget;  :open  sorted set: those that are open -> order of the first ticket, or less
--   :limits         hash: set -> its limit, 'budget' -> kbit/s, as a worker has said last
--   :number         the last number;  :granted:<worker>  list of ids that have a slot now
--   :left:<id>      order with which a viewer who has left, or ended, may come back for a short time

local CLASS = 3e12  -- orders of a class; a number is a Unix millisecond, or more. JSON keeps 14 digits
local CLAIM = 3000  -- ms in which a worker must claim a slot that was granted to its viewer

local function ticket_of(line, id)
  local text = redis.call('HGET', line .. ':tickets', id)
  return text and cjson.decode(text)
end

local function limit_of(line, name) return tonumber(redis.call('HGET', line .. ':limits', name) or 0) end

-- Returns the rate field and the estimate of a queue of the budget; nil if it is another queue.
local function parse_budget_queue(queue)
  local estimate, field = string.match(queue, '^budget:(%d+):(.*)$')
  return field, tonumber(estimate)
end

local function close(line, queue) redis.call('ZREM', line .. ':open', queue) end

local function leave_queue(line, id, ticket)
  local queue = line .. ':queue:' .. ticket.queue
  redis.call('ZREM', queue, id)
  if redis.call('EXISTS', queue) == 1 then return end
  redis.call('SREM', line .. ':queues', ticket.queue)
  redis.call('SREM', line .. ':budgets', ticket.queue)
  close(line, ticket.queue)
end

-- Puts a ticket into its place, or into another one. Cost: O(log tickets)
local function place(line, id, ticket, queue)
  local before = ticket_of(line, id)
  if before and before.queue ~= queue then leave_queue(line, id, before) end
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
  if not ticket then return nil end
  leave_queue(line, id, ticket)
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

-- Returns the queue of a ticket: the limit that refuses it; nil if there is room.
local function queue_of(store, ticket, budget, now)
  local maxima = redis.call('HMGET', store.line .. ':limits', unpack(ticket.sets))
  for position, maximum in ipairs(maxima) do maxima[position] = tonumber(maximum or 0) end
  local full = find_full_set(store, ticket.sets, maxima, nil, now)
  if full then return ticket.sets[full] end
  if budget == 0 or not ticket.field then return nil end
  local expected = tonumber(redis.call('HGET', store.measured, ticket.field) or ticket.estimate)
  local sum = committed(store.server_set, store.rates, now, expected, store.details)
  return exceeds(store, budget, sum, expected) and budget_queue(ticket.field, ticket.estimate) or nil, expected
end

local function grant(store, id, ticket, rate, now)
  remove_ticket(store.line, id)
  enter(store, id, ticket.sets, now + CLAIM, ticket.details, CLAIM)
  note_ends(store.generation, ticket.sets)
  if rate then set_rate(store.rates, id, rate) end
  local granted = store.line .. ':granted:' .. ticket.worker
  redis.call('RPUSH', granted, id)
  redis.call('PEXPIRE', granted, CLAIM)
end

-- Returns whether the limit of a set has no room for anybody.
local function is_full(store, set, now)
  local limit = limit_of(store.line, set)
  if limit == 0 or redis.call('ZCARD', set) < limit then return false end
  remove_expired(store, set, now)
  return redis.call('ZCARD', set) >= limit
end

-- Returns the first ticket of a queue and its order. Removes tickets that no worker keeps.
local function first_of(line, queue, now)
  while true do
    local first = redis.call('ZRANGE', line .. ':queue:' .. queue, 0, 0, 'WITHSCORES')
    if not first[1] then return nil end
    if tonumber(redis.call('ZSCORE', line .. ':alive', first[1]) or 0) > now then return first[1], tonumber(first[2]) end
    if not remove_ticket(line, first[1]) then redis.call('ZREM', line .. ':queue:' .. queue, first[1]) end
  end
end

-- Opens those of some queues that have room and tickets, and closes the others. A lease without a rate counts only when
-- its ticket is looked at. Cost: O(queues * log queues)
local function open_queues(store, queues, budget, now)
  local line, sum = store.line, nil
  for _, queue in ipairs(queues) do
    local field, estimate = parse_budget_queue(queue)
    local full
    if field and budget > 0 then
      sum = sum or committed(store.server_set, store.rates, now, 0)
      full = exceeds(store, budget, sum, tonumber(redis.call('HGET', store.measured, field) or estimate))
    elseif not field then
      full = is_full(store, queue, now)
    end
    local id, order = nil, nil
    if full then close(line, queue) else id, order = first_of(line, queue, now) end
    if id then redis.call('ZADD', line .. ':open', string.format('%.0f', order), queue) end
  end
end

-- Gives the slots that are free to those who wait in `queues`, and in those that are open already, in their order.
-- Cost: O(queues * log queues + tickets that are granted or change their queue)
local function promote(store, queues, now)
  local line, budget = store.line, limit_of(store.line, 'budget')
  if budget > 0 then remove_expired(store, store.server_set, now) end
  open_queues(store, queues, budget, now)
  while not is_full(store, store.server_set, now) do
    local queue, from = unpack(redis.call('ZRANGE', line .. ':open', 0, 0, 'WITHSCORES'))
    if not queue then return end
    local id, order = first_of(line, queue, now)
    if id and order > tonumber(from) then
      redis.call('ZADD', line .. ':open', string.format('%.0f', order), queue)
    elseif id then
      local ticket = ticket_of(line, id)
      local full, rate = queue_of(store, ticket, budget, now)
      if not full then
        grant(store, id, ticket, rate, now)
      else
        if full ~= queue then place(line, id, ticket, full) end
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
  if limit_of(line, 'budget') > 0 then
    for _, queue in ipairs(redis.call('SMEMBERS', line .. ':budgets')) do found[#found + 1] = queue end
  end
  return found
end

-- Gives the slots that became free in `sets` to those who wait for them.
local function promote_after(store, sets, now)
  if redis.call('ZCARD', store.line) > 0 then promote(store, queues_of(store.line, sets), now) end
end
