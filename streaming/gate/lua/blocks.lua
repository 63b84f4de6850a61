-- Who is blocked. The key of each user tells, which `acquire` looks at; what the list has beyond those is removed.
-- KEYS  1 the blocked users
-- ARGV  1 prefix of the users' blocks
-- Returns {user id, ms left, message, JSON of user and by, ...}
local answer, listed = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #listed, 2 do
  local block = ARGV[1] .. listed[i]
  local message = redis.call('GET', block)
  if message then
    for _, fact in ipairs({listed[i], redis.call('PTTL', block), message, listed[i + 1]}) do answer[#answer + 1] = fact end
  else
    redis.call('HDEL', KEYS[1], listed[i])
  end
end
return answer
