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
--   :heir:<id>      who has got the slot or place of this lease or ticket: it is handed over once; '': nobody shall

local CLASS = 3e12  -- orders of a class; a number is a Unix millisecond, or more. JSON keeps 14 digits
local CLAIM = 3000  -- ms in which a worker must claim a slot that was granted to its viewer

local function ticket_of(line, id)
  local text = redis.call('HGET', line .. ':tickets', id)
  return text and cjson.decode(text)
end

local function leave_queue(line, id, name)
  local queue = line .. ':queue:' .. name
  redis.call('ZREM', queue, id)
  if redis.call('EXISTS', queue) == 0 then redis.call('SREM', line .. ':queues', name) end
end

-- Puts a ticket into its place, or into another one. Cost: O(log tickets)
local function place(line, id, ticket, queue)
  local before = ticket_of(line, id)
  if before and before.queue ~= queue then leave_queue(line, id, before.queue) end
  ticket.queue = queue
  redis.call('ZADD', line, string.format('%.0f', ticket.order), id)
  redis.call('ZADD', line .. ':queue:' .. queue, string.format('%.0f', ticket.order), id)
  redis.call('SADD', line .. ':queues', queue)
  redis.call('HSET', line .. ':tickets', id, cjson.encode(ticket))
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

-- Returns the limits as a table that reads each of them when it is needed.
local function limits_of(line)
  return setmetatable({}, {__index = function(known, name)
    local limit = tonumber(redis.call('HGET', line .. ':limits', name) or nil)
    known[name] = limit
    return limit
  end})
end

-- Forgets the limits of sets that no ticket needs: each newcomer tells some. Cost: O(1), rarely O(tickets + limits)
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

-- Returns whether a queue's limit has no room for anybody, without looking at a ticket.
local function is_full(store, queue, limits, now)
  if string.sub(queue, 1, 7) == 'budget:' or limits[queue] == 0 then return false end
  if not limits[queue] then return true end
  if redis.call('ZCARD', queue) < limits[queue] then return false end
  remove_expired(store, queue, now)
  return redis.call('ZCARD', queue) >= limits[queue]
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

-- Gives the slots that are free to those who wait in `queues`, in their order.
-- Cost: O(queues * log queues + tickets that are granted or change their queue)
local function promote(store, queues, latest, now)
  local line, limits = store.line, limits_of(store.line)
  local heads, is_closed = {}, {}  -- heads: the first ticket of each queue, the smallest order last
  if (limits.budget or 0) > 0 then reclaim(store.server_set, now, store.details, store.rates, store.totals) end
  for _, queue in ipairs(queues) do
    if is_closed[queue] == nil then
      is_closed[queue] = is_full(store, queue, limits, now)
      heads[#heads + 1] = not is_closed[queue] and first_of(line, queue, now) or nil
    end
  end
  table.sort(heads, function(one, other) return one.order > other.order end)
  while #heads > 0 do
    local head = table.remove(heads)
    if not is_closed[head.queue] then
      if is_recovering(store, head.ticket.sets, latest, now) then return end
      local queue, rate = queue_of(store, head.ticket, limits, now)
      if not queue then
        grant(store, head.id, head.ticket, rate, now)
      else
        is_closed[queue] = true
        if queue ~= head.queue then place(line, head.id, head.ticket, queue) end
      end
      local following = queue ~= head.queue and first_of(line, head.queue, now)
      if following then
        local position = #heads + 1
        while position > 1 and heads[position - 1].order < following.order do position = position - 1 end
        table.insert(heads, position, following)
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
local function promote_after(store, sets, latest, now)
  if redis.call('ZCARD', store.line) > 0 then promote(store, queues_of(store.line, sets), latest, now) end
end
