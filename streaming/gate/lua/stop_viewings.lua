-- Have viewings stopped: an order to each holder's worker, and a block of the user where one is asked for, which ends all
-- streams of that user.
-- KEYS  1 details, 2 the server-wide set, 3 totals, 4 the blocked users
-- ARGV  1 prefix of the workers' orders, 2 prefix of the users' blocks, 3 how long an order is kept, ms, 4 what is asked: 'id' or 'camera_id',
--       5 its value, 6 message, 7 ms of block (0: none), 8 who blocks, 9 the user who is not blocked ('': none)
-- Returns the ids of the viewings that are told
local now, ms = now_ms(), tonumber(ARGV[7])
local viewings, blocked = {}, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. now, '+inf')) do
  local found = redis.call('HGET', KEYS[1], id)
  local holder = found and cjson.decode(found)
  if holder then
    local meant = (ARGV[4] == 'id' and id or holder[ARGV[4]]) == ARGV[5]
    viewings[#viewings + 1] = {id = id, holder = holder, meant = meant}
    if meant and ms > 0 and holder.user_id ~= ARGV[9] then blocked[holder.user_id] = holder.user end
  end
end

local told = {}
for _, viewing in ipairs(viewings) do
  local id, worker, user = viewing.id, viewing.holder.worker, viewing.holder.user_id
  if viewing.meant or blocked[user] then
    local order = cjson.encode({id = id, message = ARGV[6], block = blocked[user] and ms or 0})
    -- Told again, it is the same order: its reply may have been lost.
    if redis.call('LREM', ARGV[1] .. worker, 0, order) == 0 then redis.call('HINCRBY', KEYS[3], 'stopped', 1) end
    redis.call('RPUSH', ARGV[1] .. worker, order)
    redis.call('PEXPIRE', ARGV[1] .. worker, ARGV[3])
    told[#told + 1] = id
  end
end
for user, name in pairs(blocked) do
  redis.call('SET', ARGV[2] .. user, ARGV[6], 'PX', ms)
  redis.call('HSET', KEYS[4], user, cjson.encode({user = name, by = ARGV[8]}))
  if redis.call('PTTL', KEYS[4]) < ms then redis.call('PEXPIRE', KEYS[4], ms) end
end
return told
