-- Includes gate/line
-- List who waits, in order.
-- KEYS  1 the line
-- ARGV  1 the first to list, 2 the last (from 0)
-- Returns {waiting, {id, ticket (JSON), ...}}
-- Cost: O(log tickets + listed)
local line, first, last = KEYS[1], ARGV[1], ARGV[2]
local listed = {}
for _, id in ipairs(redis.call('ZRANGE', line, first, last)) do
  listed[#listed + 1], listed[#listed + 2] = id, redis.call('HGET', line .. ':tickets', id)
end
return {redis.call('ZCARD', line), listed}
