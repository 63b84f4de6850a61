-- Includes gate/leases, gate/generation, gate/rates, gate/room, gate/enter, gate/line
-- Renew the leases of one worker. A lease that is gone is reported, and never added again.
-- KEYS  1 generation, 2 details, 3 rates, 4 rates measured last, 5 totals, 6 the line, 7.. the limited sets, the server's first
-- ARGV  1 lease in ms, 2 grace in ms, 3 longest grace of other workers in ms, 4 latest time that Redis's clock may show now
--       (0: unknown), 5 the leases, each with the positions of its sets among the limited sets (JSON: [[id, 1, 2], ...])
-- Returns {generation, now in Unix ms, longest grace of all workers in ms, ids of the leases that are gone...}
-- Cost: O(leases * sets of each * log leases of the server), what has expired, what `promote` gives to those who wait, and an
--       INFO each 100 ms; after the clock was set back once also O(leases of the server)
local generation_key, details, rates = unpack(KEYS, 1, 3)
local sets = {unpack(KEYS, 7)}
local lease, grace, others_grace, latest = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local leases = cjson.decode(ARGV[5])
local now = now_ms()

-- Returns the sets among the fields of the generation, which `fields` lists with their values.
local function sets_of(fields)
  local found = {}
  for i = 1, #fields, 2 do
    if string.find(fields[i], ':set:', 1, true) then found[#found + 1] = fields[i] end
  end
  return found
end

-- If the clock was set back, no lease lasts longer than a grace from now. By then its holder has renewed it or ended.
if tonumber(redis.call('HGET', generation_key, 'seen') or 0) > now then
  local longest = now + longest_grace(generation_key, math.max(grace, others_grace))
  for _, set in ipairs(sets_of(redis.call('HGETALL', generation_key))) do
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', set, '(' .. longest, '+inf')) do redis.call('ZADD', set, longest, id) end
  end
end

if prune(sets[1], now - lease, details, rates) > 0 then forget_empty(generation_key, {sets[1]}) end  -- their details may have expired
local ends = string.format('%.0f', now + lease)  -- once: Redis's own conversion from number to text is slow

-- Renews the leases with one call for each set. Returns whether all were there; if not, each lease is looked at below.
local function renew_together()
  local members, complete = {}, true
  for _, member in ipairs(leases) do
    for i = 2, #member do
      local of_set = members[member[i]] or {}
      members[member[i]] = of_set
      of_set[#of_set + 1], of_set[#of_set + 2] = ends, member[1]
    end
  end
  for position, of_set in pairs(members) do
    local changed = redis.call('ZADD', sets[position], 'XX', 'CH', unpack(of_set))
    complete = complete and changed == #of_set / 2
  end
  return complete
end

local together = renew_together()
local has_renewed, shrunk = together and #leases > 0, {}
-- Sets whose leases are all there have not been evicted.
local token = generation(generation_key, has_renewed and {} or sets, math.max(grace, others_grace), latest, now)
local longest = claim_grace(generation_key, grace, now)
local answer = {token, now, longest}
for _, member in ipairs(together and {} or leases) do
  local id, held = member[1], true
  for i = 2, #member do held = held and redis.call('ZSCORE', sets[member[i]], id) end
  for i = 2, #member do
    local set = sets[member[i]]
    if held then
      redis.call('ZADD', set, 'XX', ends, id)
      has_renewed = true
    elseif redis.call('ZREM', set, id) == 1 then
      shrunk[#shrunk + 1] = set
    end
  end
  if not held then
    redis.call('HDEL', details, id)
    remove(rates, {id})
    answer[#answer + 1] = id
  end
end
if has_renewed then
  outlive(lease, details)
  outlive(lease, rates)
end

redis.call('HSET', generation_key, 'seen', now)
forget_empty(generation_key, shrunk)
if #shrunk > 0 then promote_after(store_of(sets[1]), shrunk, latest, now) end

-- Looks at some of all sets, others each time. No admission prunes a set without a limit, or one that nobody uses any more.
-- The server's set is pruned with its details, by others.
local cursor, fields = unpack(redis.call('HSCAN', generation_key, redis.call('HGET', generation_key, 'sweep') or '0', 'COUNT', 20))
for _, set in ipairs(sets_of(fields)) do
  -- Leases that have ended and are still there would count again if the clock stepped back.
  local removed = set ~= sets[1] and redis.call('ZREMRANGEBYSCORE', set, '-inf', now) or 0
  if removed > 0 then forget_empty(generation_key, {set}) end
end
redis.call('HSET', generation_key, 'sweep', cursor)
return answer
