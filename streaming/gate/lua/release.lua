-- Includes gate/leases
-- Remove leases from their sets, and tickets from the line. Unknown ids change nothing. Those who wait get the slots.
-- KEYS  1 generation, 2 details, 3 rates, 4 rates measured last, 5 totals, 6 the line, 7.. the sets, the server's first
-- ARGV  1 ms for which the viewers may come back to the front of the line, or to their place in it (0: not),
--       2 latest time that Redis's clock may show now (0: unknown), 3 the ids, 500 at most (JSON)
-- Returns how many had details
-- Cost: O(sets * ids * log leases), and what `promote` gives to those who wait
local generation_key, details, rates, line = KEYS[1], KEYS[2], KEYS[3], KEYS[6]
local sets, resume_ms, latest, ids = {unpack(KEYS, 7)}, tonumber(ARGV[1]), tonumber(ARGV[2]), cjson.decode(ARGV[3])
local shrunk = {}  -- a set that Redis has evicted is not among them: the generation must still know that it is missing
for _, set in ipairs(sets) do
  if redis.call('ZREM', set, unpack(ids)) > 0 then shrunk[#shrunk + 1] = set end
end
forget_empty(generation_key, shrunk)
remove(rates, ids)
local function may_come_back(id, order)
  if resume_ms == 0 or redis.call('EXISTS', line .. ':heir:' .. id) == 1 then return end
  redis.call('SET', line .. ':left:' .. id, order, 'PX', resume_ms)
end
local removed = 0
for _, id in ipairs(ids) do
  if redis.call('HDEL', details, id) == 1 then
    may_come_back(id, 0)
    removed = removed + 1
  end
end
if redis.call('ZCARD', line) == 0 then return removed end

-- The rest is not even defined if nobody waits: Lua would make its functions anew in each call, and collect them in the next.
-- Includes gate/generation, gate/rates, gate/room, gate/enter, gate/line
for _, id in ipairs(ids) do
  local ticket = remove_ticket(line, id)
  if ticket then may_come_back(id, string.format('%.0f', ticket.order)) end
end
promote_after(store_of(sets[1]), shrunk, latest, now_ms())
return removed
