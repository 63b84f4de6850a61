-- Hands finished minutes and refusals to one writer, as a batch that stays until the writer confirms the commit. Counts that
-- arrive later for these minutes belong to another batch.
-- KEYS  the writer's lease, the batch, minutes and refusals to write, prefix of a minute's key
-- ARGV  token of this call, lease (ms), most minutes, most refusals
-- Returns {'busy'}: another writer has the lease
--         {'nothing'}: there is nothing to write
--         {'taken', batch id, JSON of [[[minute, [field, value, ...]], ...], [refusal, ...]]}; the same batch until
--         `discard_batch`
-- Cost  O(minutes and refusals in the batch)
local lease, batch, minutes, refusals, minute_prefix = unpack(KEYS)
local token, lease_ms, max_minutes, max_refusals = unpack(ARGV)
local writer = redis.call('GET', lease)
if writer and writer ~= token then return {'busy'} end

if redis.call('EXISTS', batch) == 0 then
  local found, current = {}, math.floor(now_ms() / 60000)
  for _, minute in ipairs(redis.call('ZRANGEBYSCORE', minutes, '-inf', '(' .. current, 'LIMIT', 0, max_minutes)) do
    local fields = redis.call('HGETALL', minute_prefix .. minute)
    if #fields > 0 then found[#found + 1] = {minute, fields} end  -- the key expires if no worker runs for two days
    redis.call('DEL', minute_prefix .. minute)
    redis.call('ZREM', minutes, minute)
  end
  local refused = redis.call('LRANGE', refusals, 0, max_refusals - 1)
  if #found + #refused == 0 then return {'nothing'} end
  redis.call('LTRIM', refusals, #refused, -1)
  redis.call('HSET', batch, 'id', token, 'content', cjson.encode({found, refused}))
end
redis.call('SET', lease, token, 'PX', lease_ms)
local id, content = unpack(redis.call('HMGET', batch, 'id', 'content'))
return {'taken', id, content}
