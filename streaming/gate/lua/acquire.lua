-- Includes gate/enter
-- Admit one lease to every limited set, or to none. A viewer who may wait gets a place in the line where a limit would refuse
-- them.
-- KEYS  1 generation, 2 details, 3 rates, 4 rates measured last, 5 totals, 6 the line, 7 the user's block,
--       8.. the limited sets, the server's first
-- ARGV  1 lease id, 2 lease in ms, 3 grace in ms, 4 latest time that Redis's clock may show now (0: unknown), 5 details (JSON),
--       6 '1' for a re-entry: the caller held this lease before Redis lost its data,
--       7 the limit of each set, 0: unlimited (JSON), 8 further wishes of the caller, if it has any (JSON):
--         trials        the limits of the dry run
--         budget, trial_budget, field, estimate   if bandwidth is limited or the viewer may wait: kbit/s (0: unlimited), those of
--                       the dry run, the field of the measured rate, and kbit/s if none was measured
--         wait          {worker, class, most, life, since, order}: wait in line, which has `most` tickets at most; the ticket
--                       counts for `life` ms; `order`: its order if it has waited before
--         resume        lease or ticket that this viewer had until a moment ago
--         replace       lease of the same user that shall end for this one
--         replacing, orders   with one of these two: as `wait`, for the time until the former lease has ended; and the
--                       prefix of the workers' orders
-- Returns {'granted', generation, in use, dry run...}  in use: leases in the first set with this one, and some that have expired:
--                  a report, or somebody who finds the set full, removes them; dry run: what would have refused this lease:
--                  position of the set (from 1), in use, its trial limit; or -1, kbit/s in use, trial budget, kbit/s expected; or 0
--         {'full', generation, waiting, position of the set, in use, limit, ms until the next lease may end}
--         {'budget', generation, waiting, kbit/s in use, budget, kbit/s expected}  waiting: how many are in line
--         {'waits', generation, order, place in the line (from 1), and one of the two answers above without generation}
--         {'line_full', generation, waiting}
--         {'blocked', generation, ms, message}
--         {'recovering', generation, ms until new viewers are admitted, now in Unix ms}  a viewer who may wait has a place
--                  in the line, too
--         {'lost', generation}  the re-entry came after the grace
-- Cost: O(sets * log leases), what `promote` gives to those who wait, and an INFO each 100 ms; with a budget that no report of
--       the last seconds has recounted also O(leases of the server)
local generation_key, details, rates, measured, totals, line, block = unpack(KEYS, 1, 7)
local sets, server_set = {unpack(KEYS, 8)}, KEYS[8]
local id, lease, grace, latest, description = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local reentry, limits = ARGV[6] == '1', cjson.decode(ARGV[7])
local options = ARGV[8] and cjson.decode(ARGV[8])
local now = now_ms()

-- Most viewers come while nothing stands in their way: there is room, nobody waits, and no lease can have been lost. A few calls
-- find that out. Other functions are made only in the long way, because Lua makes them anew for each call of a script.
local in_use, has_room, missing = redis.call('ZCARD', server_set), true, {}
for position, set in ipairs(sets) do
  local count = position == 1 and in_use or redis.call('ZCARD', set)
  if count == 0 then missing[#missing + 1] = set end  -- nobody is in it, or Redis has evicted it
  if limits[position] > 0 and count >= limits[position] then has_room = false end
end
local token, ready_at = unpack(redis.call('HMGET', generation_key, 'token', 'ready_at'))
local is_whole = token and tonumber(ready_at) <= now
if #missing > 0 then
  for _, has_members in ipairs(redis.call('HMGET', generation_key, unpack(missing))) do is_whole = is_whole and not has_members end
end
local only_waits = not options or not (options.trials or options.resume or options.replace)
  and options.budget + options.trial_budget == 0
local is_plain = has_room and not reentry and only_waits and is_whole and (latest == 0 or now <= latest)
  and redis.call('GET', generation_key .. ':run') == token and redis.call('EXISTS', block, line, line .. ':tickets') == 0
local dry_run = {0}
if not is_plain then
-- Includes gate/leases, gate/generation, gate/rates, gate/room
  local store = store_of(server_set)
  options = options or {}
  local budget, trial_budget, rate_field, estimate = options.budget or 0, options.trial_budget or 0, options.field, options.estimate
  token, ready_at = generation(generation_key, sets, grace, latest, now)
  in_use = nil  -- leases of the server, if known

  -- Called only where it matters: a lease that is in all sets is renewed below.
  local function is_held()
    for _, set in ipairs(sets) do
      if not redis.call('ZSCORE', set, id) then return false end
    end
    return true
  end

  -- Returns the kbit/s expected of this lease and those of all leases. Read once: nothing below changes them but a takeover.
  local expected, sum
  local function bandwidth()
    if not sum then
      reclaim(generation_key, server_set, now, details, rates, totals)
      expected = tonumber(redis.call('HGET', measured, rate_field) or estimate)
      sum = committed(server_set, rates, now, expected, details)
    end
    return expected, sum
  end

  -- Returns the queue and the answer of the limit that refuses this lease without `without`; nil if there is room.
  local function refusal(without)
    local position, count, limit = find_full_set(store, sets, limits, without, now)
    if position then
      local next = redis.call('ZRANGE', sets[position], 0, 0, 'WITHSCORES')
      return sets[position], {'full', token, redis.call('ZCARD', line), position, count, limit, tonumber(next[2]) - now}
    end
    in_use = count
    if budget == 0 then return nil end
    local expected, sum = bandwidth()
    if without then sum = sum - (redis.call('HGET', rates, without) or expected) end
    if reentry or not exceeds(store, budget, sum, expected, without) then return nil end
    return budget_queue(rate_field, estimate), {'budget', token, redis.call('ZCARD', line), sum, budget, expected}
  end

  local is_closed = reentry ~= (now < ready_at) and not is_held()
  if is_closed and reentry then return {'lost', token} end
  if is_closed and not options.wait then return {'recovering', token, ready_at - now, now} end
  local is_blocked_or_waited_for = redis.call('EXISTS', block, line) > 0  -- one call, which mostly finds neither
  if is_blocked_or_waited_for and not is_closed and not reentry then
    local message = redis.call('GET', block)
    if message then return {'blocked', token, redis.call('PTTL', block), message} end
  end
  local anybody_waits = is_blocked_or_waited_for and redis.call('ZCARD', line) > 0
  if anybody_waits or options.wait or options.resume or options.replace then  -- else the functions of the line are not even made
-- Includes gate/line
    -- Gives the viewer a place in the line, or keeps it. Returns its order; nil if the line is full.
    local function wait_in(queue)
      local wait = options.wait
      local known = ticket_of(line, id)
      if not known and not wait.order and redis.call('ZCARD', line) >= wait.most then return nil end
      local has_heir = redis.call('EXISTS', line .. ':heir:' .. id) == 1
      local order = known and known.order or not has_heir and wait.order or next_order(line, wait.class, now)
      local ticket = {
        sets = sets, class = wait.class, order = order, since = wait.since, worker = wait.worker, details = description,
        field = rate_field, estimate = estimate,
      }
      place(line, id, ticket, queue)
      redis.call('ZADD', line .. ':alive', now + wait.life, id)
      return order
    end

    local function set_limits()
      local said = {'budget', budget}
      for position, set in ipairs(sets) do said[#said + 1], said[#said + 2] = set, limits[position] end
      redis.call('HSET', line .. ':limits', unpack(said))
    end

    if is_closed then
      wait_in(server_set)
      set_limits()
      return {'recovering', token, ready_at - now, now}
    end
    if anybody_waits and not reentry then
      local queues = queues_of(line, sets)  -- before a budget is withdrawn
      set_limits()
      promote(store, queues, latest, now)
    end

    -- `former`: the lease or ticket that this user had before. `leaving`: the same, if it is a lease that ends for this one.
    local former, leaving = options.resume or options.replace, nil
    local heir = former and line .. ':heir:' .. former
    if heir and (redis.call('GET', heir) or id) ~= id then former = nil end  -- another viewer has it already

    -- Nobody else gets the slot or place of the former viewing, nor does it come back to them.
    local function inherit() redis.call('SET', heir, id, 'PX', 60000) end

    -- Orders the worker of the former viewing to end it.
    local function hand_over(worker)
      inherit()
      local orders = options.orders .. worker
      local order = cjson.encode({id = former, message = '', block = 0, replaced = true})
      redis.call('LREM', orders, 0, order)
      redis.call('RPUSH', orders, order)
      redis.call('PEXPIRE', orders, 60000)
    end

    local left = former and line .. ':left:' .. former
    local came_back = former and options.resume and redis.call('GET', left)
    local owner = former and redis.call('HGET', details, former)
    if owner and cjson.decode(owner).user_id == cjson.decode(description).user_id then leaving = former end
    if came_back and options.wait and not leaving then
      local order = tonumber(came_back)
      if order == 0 then options.wait.class = 0 end
      options.wait.order = order ~= 0 and order or next_order(line, 0, now)
    elseif former and options.resume and options.wait then
      local ticket = remove_ticket(line, former)
      if ticket then
        options.wait.order = ticket.order
        hand_over(ticket.worker)
      end
    end
    if came_back then redis.call('DEL', left) end

    local queue, answer = refusal(leaving)
    if (queue or leaving) and is_held() then  -- also a slot that was granted before the former one has ended
      queue = nil
    elseif leaving and not queue then
      if came_back then  -- its stream has ended: this one takes its slot
        for _, set in ipairs(sets) do redis.call('ZREM', set, leaving) end
        redis.call('HDEL', details, leaving)
        remove(rates, {leaving})
        sum, in_use = nil, nil
        inherit()
      else
        hand_over(cjson.decode(owner).worker)
        queue, answer = refusal(nil)
        options.wait = options.replacing
        local known = ticket_of(line, id)
        if not known or known.order > 0 then
          remove_ticket(line, id)
          options.wait.order = next_order(line, -1, now)
        end
      end
    end
    if queue then
      if not options.wait then return answer end
      set_limits()
      local order = wait_in(queue)
      if not order then return {'line_full', token, redis.call('ZCARD', line)} end
      table.remove(answer, 2)
      answer[2] = redis.call('ZCARD', line)
      return {'waits', token, order, redis.call('ZRANK', line, id) + 1, unpack(answer)}
    end
    remove_ticket(line, id)
  else
    local queue, answer = refusal(nil)
    if queue and not is_held() then return answer end
  end

  -- The lease is admitted.
  if options.trials then
    local position, count, trial = find_full_set(store, sets, options.trials, id, now)
    if position then dry_run = {position, count, trial} end
  end
  if budget > 0 or trial_budget > 0 then
    local expected, sum = bandwidth()
    if redis.call('HEXISTS', details, id) == 1 then sum = sum - (redis.call('HGET', rates, id) or expected) end
    if dry_run[1] == 0 and exceeds(store, trial_budget, sum, expected) then dry_run = {-1, sum, trial_budget, expected} end
    set_rate(rates, id, expected)
    outlive(lease, rates)
  end
  in_use = in_use or redis.call('ZCARD', server_set)
end

local added = enter(generation_key, details, id, sets, is_plain and missing or sets, now + lease, description, lease)
return {'granted', token, in_use + added, unpack(dry_run)}
