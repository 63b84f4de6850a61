-- Hand finished minutes and refusals to one writer, as a batch that stays until the writer confirms the commit. What
-- comes for these minutes later begins them anew, and is another batch's.
-- KEYS  1 the writer's lease, 2 the batch, 3 minutes to be written, 4 refusals to be written, 5 what a minute's key begins with
-- ARGV  1 a token of this call's own, 2 lease ms, 3 most minutes, 4 most refusals
-- Returns {'busy'}  another writes
--         {'nothing'}  is to be written
--         {'taken', batch id, JSON of [[[minute, [field, value, ...]], ...], [refusal, ...]]}; the same one until it is `written`
local writer = redis.call('GET', KEYS[1])
if writer and writer ~= ARGV[1] then return {'busy'} end

if redis.call('EXISTS', KEYS[2]) == 0 then
  local minutes, current = {}, math.floor(now_ms() / 60000)
  for _, minute in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(' .. current, 'LIMIT', 0, ARGV[3])) do
    local found = redis.call('HGETALL', KEYS[5] .. minute)
    if #found > 0 then minutes[#minutes + 1] = {minute, found} end  -- it may have ended while no worker ran
    redis.call('DEL', KEYS[5] .. minute)
    redis.call('ZREM', KEYS[3], minute)
  end
  local refusals = redis.call('LRANGE', KEYS[4], 0, ARGV[4] - 1)
  if #minutes + #refusals == 0 then return {'nothing'} end
  redis.call('LTRIM', KEYS[4], #refusals, -1)
  redis.call('HSET', KEYS[2], 'id', ARGV[1], 'content', cjson.encode({minutes, refusals}))
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local batch = redis.call('HMGET', KEYS[2], 'id', 'content')
return {'taken', batch[1], batch[2]}
