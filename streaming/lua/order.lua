-- Have viewings stopped: an order to each holder's worker, and a block of the user where one is asked for.
-- KEYS  1 details, 2 the server-wide set, 3 totals
-- ARGV  1 prefix of the workers' orders, 2 prefix of the users' blocks, 3 how long an order is kept, ms, 4 what is asked: 'id' or 'camera_id',
--       5 its value, 6 message, 7 ms of block (0: none)
-- Returns the ids of the viewings that are told
local told, now = {}, now_ms()
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. now, '+inf')) do
  local found = redis.call('HGET', KEYS[1], id)
  local holder = found and cjson.decode(found)
  if holder and (ARGV[4] == 'id' and id or holder[ARGV[4]]) == ARGV[5] then
    local orders = ARGV[1] .. holder.worker
    local order = cjson.encode({id = id, message = ARGV[6], block = tonumber(ARGV[7])})
    -- Told again, it is the same order: its reply may have been lost.
    if redis.call('LREM', orders, 0, order) == 0 then redis.call('HINCRBY', KEYS[3], 'stopped', 1) end
    redis.call('RPUSH', orders, order)
    redis.call('PEXPIRE', orders, ARGV[3])
    if tonumber(ARGV[7]) > 0 then redis.call('SET', ARGV[2] .. holder.user_id, ARGV[6], 'PX', ARGV[7]) end
    told[#told + 1] = id
  end
end
return told
