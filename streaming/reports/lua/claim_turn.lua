-- Lets one of all workers do a task, once in an interval.
-- KEYS  the task
-- ARGV  token of this call, interval (ms)
-- Returns {1} if the caller does the task now, else {0}
-- Cost  O(1)
local task = KEYS[1]
local token, interval = unpack(ARGV)
if redis.call('SET', task, token, 'NX', 'PX', interval) then return {1} end
return {redis.call('GET', task) == token and 1 or 0}
