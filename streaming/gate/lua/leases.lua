-- Stands before the scripts that add or remove leases.
-- A limited set is a sorted set: member = lease id, score = end of the lease in Redis's own Unix milliseconds.
-- Membership is the count; nothing else is counted. Without the key nobody holds a lease.

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

-- Returns whether a set is missing though a lease in it has not ended: Redis has evicted it. Forgets the ends of missing sets.
local function is_evicted(key, sets, now)
  if #sets == 0 or redis.call('EXISTS', unpack(sets)) == #sets then return false end
  local missing, evicted = {}, false
  for _, set in ipairs(sets) do
    if redis.call('EXISTS', set) == 0 then missing[#missing + 1] = set end
  end
  for _, last_end in ipairs(redis.call('HMGET', key, unpack(missing))) do
    evicted = evicted or tonumber(last_end or 0) > now
  end
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
--   <key of a set>      the end of the last lease in it
-- `grace`: that of the caller, in ms. `latest`: the latest time that this server's clock may show now, 0: unknown.
-- Returns its token and `ready_at`. Cost: O(sets)
local function generation(key, sets, grace, latest, now)
  local token, ready_at = unpack(redis.call('HMGET', key, 'token', 'ready_at'))
  ready_at = tonumber(ready_at)
  local evicted = is_evicted(key, sets, now)
  if not token or evicted or (latest > 0 and now > latest) or not is_of_this_run(key, token) then
    token, ready_at = table.concat(redis.call('TIME'), '.'), now + longest_grace(key, grace)
    redis.call('HSET', key, 'token', token, 'ready_at', ready_at, 'run', run_id())
  elseif ready_at > now and ready_at > now + longest_grace(key, grace) then  -- the clock was set back since it was made
    ready_at = now + longest_grace(key, grace)
    redis.call('HSET', key, 'ready_at', ready_at)
  end
  return token, ready_at
end

-- Claims the grace of a worker. Returns the longest one, which counts until no worker has claimed it for long.
local function claim_grace(key, grace, now)
  local longest, counts_until = unpack(redis.call('HMGET', key, 'grace', 'grace_until'))
  if longest and grace < tonumber(longest) and now <= tonumber(counts_until) then return tonumber(longest) end
  redis.call('HSET', key, 'grace', grace, 'grace_until', now + 2 * grace)
  return grace
end

-- Notes the ends of the last leases of sets from which leases were removed. Cost: O(sets)
local function note_ends(key, sets)
  local notes, empty = {}, {}
  for _, set in ipairs(sets) do
    local last = redis.call('ZRANGE', set, -1, -1, 'WITHSCORES')
    if last[2] then notes[#notes + 1], notes[#notes + 2] = set, last[2] else empty[#empty + 1] = set end
  end
  if #notes > 0 then redis.call('HSET', key, unpack(notes)) end
  if #empty > 0 then redis.call('HDEL', key, unpack(empty)) end
end

-- Removes fields from a hash, and their values from its field 'sum', if it has one.
-- Returns how many fields there were. Cost: O(fields)
local function remove(hash, fields)
  local sum = redis.call('HGET', hash, 'sum')
  if sum then
    for _, value in ipairs(redis.call('HMGET', hash, unpack(fields))) do sum = sum - (value or 0) end
    redis.call('HSET', hash, 'sum', sum)
  end
  return redis.call('HDEL', hash, unpack(fields))
end

-- Removes the expired leases from a set, and their fields from the hashes.
-- Returns how many leases they were. Cost: O(expired * log leases)
local function prune(set, now, ...)
  local removed = 0
  while true do
    local expired = redis.call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, 500)
    if #expired == 0 then return removed end
    redis.call('ZREM', set, unpack(expired))
    for _, hash in ipairs({...}) do remove(hash, expired) end
    removed = removed + #expired
  end
end

-- Removes the expired leases from the server's set, and counts them. Returns how many they were.
local function reclaim(server_set, now, details, rates, totals)
  local expired = prune(server_set, now, details, rates)
  if expired > 0 then redis.call('HINCRBY', totals, 'reclaimed', expired) end
  return expired
end

-- The hash of rates: lease -> kbit/s that it is counted with; 'stills' -> those of all stills; 'sum' -> those of all leases,
-- kept by each change; 'recounted' -> time of the last recount. Reports recount the sum. If none does, nobody is admitted by a
-- sum whose recount is older than this:
local SUM_EXPIRES = 10000  -- ms

-- Counts a lease with a rate. Cost: O(1)
local function set_rate(rates, id, rate)
  local before, sum = unpack(redis.call('HMGET', rates, id, 'sum'))
  if tonumber(before) == rate then return end
  if sum then
    redis.call('HSET', rates, id, rate, 'sum', sum - (before or 0) + rate)
  else
    redis.call('HSET', rates, id, rate)
  end
end

-- Returns the kbit/s of all leases of a set. Cost: O(leases)
local function add_up(set, rates, now)
  local leases, sum = redis.call('ZRANGEBYSCORE', set, '(' .. now, '+inf'), 0
  for first = 1, #leases, 500 do
    for _, rate in ipairs(redis.call('HMGET', rates, unpack(leases, first, math.min(first + 499, #leases)))) do
      sum = sum + (rate or 0)
    end
  end
  return sum
end

-- Mends a sum that has drifted. Returns it. Cost: O(leases)
local function recount(set, rates, now)
  local sum = add_up(set, rates, now)
  redis.call('HSET', rates, 'sum', sum, 'recounted', now)
  return sum
end

-- Returns the kbit/s that all leases and stills are counted with; a lease of `details` without a rate counts with `unknown`.
-- Cost: O(1); once in SUM_EXPIRES O(leases), if no report has recounted
local function committed(set, rates, now, unknown, details)
  local stills, sum, recounted = unpack(redis.call('HMGET', rates, 'stills', 'sum', 'recounted'))
  if not recounted or math.abs(now - recounted) >= SUM_EXPIRES then sum = recount(set, rates, now) end
  local known = redis.call('HLEN', rates) - (stills and 3 or 2)
  local without = details and math.max(redis.call('HLEN', details) - known, 0) or 0
  return sum + (stills or 0) + without * unknown
end
