-- List the blocked users. The key of each block decides, as in acquire.lua; users in the list without such a key are removed.
-- KEYS  1 the blocked users
-- ARGV  1 prefix of the users' blocks
-- Returns {user id, ms left, message, JSON of user and by, ...}
-- Cost: O(blocked users)
local blocked, prefix = KEYS[1], ARGV[1]
local answer, listed = {}, redis.call('HGETALL', blocked)
for i = 1, #listed, 2 do
  local user, facts = listed[i], listed[i + 1]
  local message = redis.call('GET', prefix .. user)
  if message then
    for _, fact in ipairs({user, redis.call('PTTL', prefix .. user), message, facts}) do answer[#answer + 1] = fact end
  else
    redis.call('HDEL', blocked, user)
  end
end
return answer
