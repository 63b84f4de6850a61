-- Stands before the scripts that must know whether Redis may have lost leases. A generation is the time in which it has lost none.

-- Returns the id of this run of the server: another one after each start, and on each replica. Without it, a restart with old
-- data would go unnoticed, so the script fails.
local function run_id()
  local info = redis.pcall('INFO', 'server')
  assert(type(info) == 'string', 'NOPERM the right to call INFO is missing: ACL SETUSER name +info')
  return (assert(string.match(info, 'run_id:(%x+)'), 'INFO tells no run_id'))
end

-- Returns whether the data of this generation was made or checked by this run of the server. INFO is slow, so its answer
-- counts for 100 ms. It is kept in a key that is neither in the append-only file nor at replicas: a proxy may lead a connection
-- to a promoted replica.
local function is_of_this_run(key, token)
  local checked = key .. ':run'
  if redis.call('GET', checked) == token then return true end
  if redis.call('HGET', key, 'run') ~= run_id() then return false end
  redis.replicate_commands()  -- needed before Redis 7
  redis.set_repl(redis.REPL_NONE)
  redis.call('SET', checked, token, 'PX', 100)
  redis.set_repl(redis.REPL_ALL)
  return true
end

-- Returns whether one of some sets is missing though it has members: Redis has evicted it. Then forgets those that are missing.
local function is_evicted(key, sets)
  local missing, evicted = missing_of(sets), false
  if #missing == 0 then return false end
  for _, has_members in ipairs(redis.call('HMGET', key, unpack(missing))) do evicted = evicted or has_members end
  if evicted then redis.call('HDEL', key, unpack(missing)) end
  return evicted
end

-- Returns the longest grace of any worker, at least `grace`.
local function longest_grace(key, grace)
  return math.max(grace, tonumber(redis.call('HGET', key, 'grace') or 0))
end

-- The generation is a hash that never expires. A new one begins when this Redis is new, or may have lost leases: with another
-- run of the server (whose data may be older), an evicted set, or a clock that stepped forward (leases end too early). Then
-- only re-entries are admitted until `ready_at`. Its fields:
--   token, ready_at     its name, and the end of its grace
--   run, seen           the run of the server, and the time of the last renewal
--   grace, grace_until  the longest grace of any worker, and until when it counts without being claimed again
--   sweep               cursor of renew.lua
--   <key of a set>      is there while the set has members
-- `grace`: that of the caller, in ms. `latest`: the latest time that this server's clock may show now, 0: unknown.
-- Returns its token and `ready_at`. Cost: O(sets)
local function generation(key, sets, grace, latest, now)
  local token, ready_at = unpack(redis.call('HMGET', key, 'token', 'ready_at'))
  ready_at = tonumber(ready_at)
  local evicted = is_evicted(key, sets)
  if not token or evicted or (latest > 0 and now > latest) or not is_of_this_run(key, token) then
    token, ready_at = table.concat(redis.call('TIME'), '.'), now + longest_grace(key, grace)
    redis.call('HSET', key, 'token', token, 'ready_at', ready_at, 'run', run_id())
  elseif ready_at > now and ready_at > now + longest_grace(key, grace) then  -- the clock was set back since it was made
    ready_at = now + longest_grace(key, grace)
    redis.call('HSET', key, 'ready_at', ready_at)
  end
  return token, ready_at
end

-- Claims the grace of a worker. Returns the longest one, which counts until no worker has claimed it for twice that time.
local function claim_grace(key, grace, now)
  local longest, counts_until = unpack(redis.call('HMGET', key, 'grace', 'grace_until'))
  if longest and grace < tonumber(longest) and now <= tonumber(counts_until) then return tonumber(longest) end
  redis.call('HSET', key, 'grace', grace, 'grace_until', now + 2 * grace)
  return grace
end
