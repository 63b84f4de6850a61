-- Become, or stay, the only reader of each camera; where another worker is the reader, follow it.
-- KEYS  for each camera: 1 its reader, 2 "somebody follows", 3 its access units, 4 the list at which its reader listens
-- ARGV  1 worker id, 2 lease ms, 3 how long "somebody follows" holds without being said again, ms,
--       then for each camera: 1 if this worker stands for its reading, 0 if it only follows
-- Returns for each camera: 1 if this worker reads it, 1 if others follow
local answer = {}
for i = 1, #KEYS, 4 do
  local reader = redis.call('GET', KEYS[i])
  if reader == ARGV[1] or (not reader and ARGV[4 + (i - 1) / 4] == '1') then
    redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
    -- What another has left is no picture of now. Not deleted: identifiers must go on from where they were.
    if not reader then redis.call('XTRIM', KEYS[i + 2], 'MAXLEN', 0) end
    answer[#answer + 1] = 1
  else
    if reader and redis.call('EXISTS', KEYS[i + 1]) == 0 then
      redis.call('RPUSH', KEYS[i + 3], ARGV[1])
      redis.call('PEXPIRE', KEYS[i + 3], ARGV[2])
    end
    redis.call('SET', KEYS[i + 1], ARGV[1], 'PX', ARGV[3])
    answer[#answer + 1] = 0
  end
  answer[#answer + 1] = redis.call('EXISTS', KEYS[i + 1])
end
return answer
