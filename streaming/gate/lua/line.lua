-- Stands before the scripts that make room or take it: whoever waits goes first.
-- The line is a sorted set of tickets: member = id of the lease that the viewer will have, score = order (class, then number).
-- Each ticket is also in one queue, that of the limit which refuses it: the name of a set, or 'budget:' and a rate field.
-- A queue has no room for anybody in it, so the first ticket of all queues that have room again is the next one; nobody is
-- looked at twice, and whoever a limit of his own refuses hides nobody behind. Keys that begin with that of the line:
--   :tickets        hash: id -> ticket (JSON): sets, queue, class, order, since, worker, field and estimate of its rate,
--                   details of the lease
--   :alive          sorted set: id -> Unix ms until which the worker has said that the viewer waits
--   :queues         set: the names of the queues that have tickets;  :queue:<name>  sorted set: id -> order
--   :limits         hash: set -> its limit, 'budget' -> kbit/s, as a worker has said last
--   :number         the last number;  :granted:<worker>  list of ids that have a slot now
--   :left:<id>      order with which a viewer who has left, or ended, may come back for a short time

local CLASS = 3e12  -- orders of a class; a number is a Unix millisecond, or more. JSON keeps 14 digits
local CLAIM = 3000  -- ms in which a worker must claim a slot that was granted to its viewer

local function ticket_of(line, id)
  local text = redis.call('HGET', line .. ':tickets', id)
  return text and cjson.decode(text)
end

local function leave_queue(line, id, ticket)
  local queue = line .. ':queue:' .. ticket.queue
  redis.call('ZREM', queue, id)
  if redis.call('EXISTS', queue) == 0 then redis.call('SREM', line .. ':queues', ticket.queue) end
end

-- Puts a ticket into its place, or into another one. Cost: O(log tickets)
local function place(line, id, ticket, queue)
  local before = ticket_of(line, id)
  if before and before.queue ~= queue then leave_queue(line, id, before) end
  ticket.queue = queue
  redis.call('ZADD', line, string.format('%.0f', ticket.order), id)
  redis.call('ZADD', line .. ':queue:' .. queue, string.format('%.0f', ticket.order), id)
  redis.call('SADD', line .. ':queues', queue)
  redis.call('HSET', line .. ':tickets', id, cjson.encode(ticket))
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
local function queue_of(store, ticket, limits, now)
  local maxima = {}
  for position, set in ipairs(ticket.sets) do maxima[position] = limits[set] or 0 end
  local full = find_full_set(store, ticket.sets, maxima, nil, now)
  if full then return ticket.sets[full] end
  local budget = limits.budget or 0
  if budget == 0 or not ticket.field then return nil end
  local expected = tonumber(redis.call('HGET', store.measured, ticket.field) or ticket.estimate)
  local sum = committed(store.server_set, store.rates, now, expected, store.details)
  return exceeds(store, budget, sum, expected) and 'budget:' .. ticket.field or nil, expected
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

local function limits_of(line)
  local limits, found = {}, redis.call('HGETALL', line .. ':limits')
  for i = 1, #found, 2 do limits[found[i]] = tonumber(found[i + 1]) end
  return limits
end

-- Returns whether a queue's limit has no room for anybody, without looking at a ticket.
local function is_full(store, queue, limits, now)
  local limit = limits[queue] or 0
  if limit == 0 or redis.call('ZCARD', queue) < limit then return false end
  remove_expired(store, queue, now)
  return redis.call('ZCARD', queue) >= limit
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

-- Gives the slots that are free to those who wait in `queues`, in their order.
-- Cost: O(queues * log queues + tickets that are granted or change their queue)
local function promote(store, queues, now)
  local line, limits = store.line, limits_of(store.line)
  local heads, is_closed = {}, {}  -- heads: the first ticket of each queue, the smallest order last
  for _, queue in ipairs(queues) do
    if is_closed[queue] == nil then
      is_closed[queue] = is_full(store, queue, limits, now)
      local id, order = nil, nil
      if not is_closed[queue] then id, order = first_of(line, queue, now) end
      if id then heads[#heads + 1] = {id = id, order = order, queue = queue} end
    end
  end
  table.sort(heads, function(one, other) return one.order > other.order end)
  while #heads > 0 do
    local head = table.remove(heads)
    if not is_closed[head.queue] then
      local ticket = ticket_of(line, head.id)
      local queue, rate = queue_of(store, ticket, limits, now)
      if not queue then
        grant(store, head.id, ticket, rate, now)
      else
        is_closed[queue] = true
        if queue ~= head.queue then place(line, head.id, ticket, queue) end
      end
      local id, order = nil, nil
      if queue ~= head.queue then id, order = first_of(line, head.queue, now) end
      if id then
        local position = #heads + 1
        while position > 1 and heads[position - 1].order < order do position = position - 1 end
        table.insert(heads, position, {id = id, order = order, queue = head.queue})
      end
    end
  end
end

-- Returns the queues with tickets among `sets`, and those of the budget. Cost: O(sets), with a budget O(queues)
local function queues_of(line, sets)
  local found = {}
  for _, set in ipairs(sets) do
    if redis.call('SISMEMBER', line .. ':queues', set) == 1 then found[#found + 1] = set end
  end
  if tonumber(redis.call('HGET', line .. ':limits', 'budget') or 0) > 0 then
    for _, queue in ipairs(redis.call('SMEMBERS', line .. ':queues')) do
      if string.sub(queue, 1, 7) == 'budget:' then found[#found + 1] = queue end
    end
  end
  return found
end

-- Gives the slots that became free in `sets` to those who wait for them.
local function promote_after(store, sets, now)
  if redis.call('ZCARD', store.line) > 0 then promote(store, queues_of(store.line, sets), now) end
end
