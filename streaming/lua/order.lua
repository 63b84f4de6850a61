-- Have viewings stopped: an order to each holder's worker, and a block of the user where one is asked for.
-- KEYS  1 details, 2 the server-wide set, 3 totals, 4 the blocked users
-- ARGV  1 prefix of the workers' orders, 2 prefix of the users' blocks, 3 how long an order is kept, ms, 4 what is asked: 'id' or 'camera_id',
--       5 its value, 6 message, 7 ms of block (0: none), 8 who blocks, 9 the user who is not blocked ('': none)
-- Returns the ids of the viewings that are told
local told, now = {}, now_ms()
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. now, '+inf')) do
  local found = redis.call('HGET', KEYS[1], id)
  local holder = found and cjson.decode(found)
  if holder and (ARGV[4] == 'id' and id or holder[ARGV[4]]) == ARGV[5] then
    local orders = ARGV[1] .. holder.worker
    local block = holder.user_id ~= ARGV[9] and tonumber(ARGV[7]) or 0
    local order = cjson.encode({id = id, message = ARGV[6], block = block})
    -- Told again, it is the same order: its reply may have been lost.
    if redis.call('LREM', orders, 0, order) == 0 then redis.call('HINCRBY', KEYS[3], 'stopped', 1) end
    redis.call('RPUSH', orders, order)
    redis.call('PEXPIRE', orders, ARGV[3])
    if block > 0 then
      redis.call('SET', ARGV[2] .. holder.user_id, ARGV[6], 'PX', block)
      redis.call('HSET', KEYS[4], holder.user_id, cjson.encode({user = holder.user, by = ARGV[8]}))
      if redis.call('PTTL', KEYS[4]) < block then redis.call('PEXPIRE', KEYS[4], block) end
    end
    told[#told + 1] = id
  end
end
return told
