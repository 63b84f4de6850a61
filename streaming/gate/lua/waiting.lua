-- Includes gate/line
-- List who waits, in order.
-- KEYS  1 the line
-- ARGV  1 the first to list, 2 the last (from 0)
-- Returns {waiting, {id, ticket (JSON), queue of the limit that refuses it, ...}}
-- Cost: O(log tickets + listed)
local line, first, last = KEYS[1], ARGV[1], ARGV[2]
local listed = {}
for _, id in ipairs(redis.call('ZRANGE', line, first, last)) do
  local text = redis.call('HGET', line .. ':tickets', id)
  if text then  -- else Redis has evicted it
    listed[#listed + 1], listed[#listed + 2], listed[#listed + 3] = id, text, refusing_queue(line, cjson.decode(text))
  end
end
return {redis.call('ZCARD', line), listed}
