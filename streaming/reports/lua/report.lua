-- Take a worker's report, add up what it has counted, and note what the minute saw; each second, from every worker.
-- KEYS  1 workers, 2 reports, 3 details, 4 rates, 5 rates last measured, 6 totals, 7 minutes,
--       8 refusals (what begins so: a viewer whose refusal was stored within a second), 9 the limits' version,
--       10 when the gate was last looked at, 11 the server-wide set, 12 what each worker sends, 13 the worker's sequence number,
--       14 its orders, 15 what each worker's stills take
-- ARGV  1 worker id, 2 lease ms, 3 report (JSON), 4 sequence number of the counts, 5 the server's limit, 6 prefix of a minute,
--       7 JSON: {peak, kbps that it sends, stills: kbps of them, counters {name: amount}, measured {field: kbit/s}, streams {lease: [field,
--       kbit/s if that was not measured, its own kbit/s as measured or 0]}, refusals [JSON...], done [orders that arrived...]},
--       8 the budget in kbit/s (0: none)
-- Returns {the limits' version, orders (JSON)...}
-- Counts with a number that was here before are not added again, and orders come until the worker says that they have arrived: a
-- reply may be lost.
local DAY = 24 * 3600 * 1000
local worker, lease, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[5])
local given = cjson.decode(ARGV[7])
local now = now_ms()
local minute = math.floor(now / 60000)
local record = ARGV[6] .. minute

local function highest(field, value)
  if value > tonumber(redis.call('HGET', record, field) or -1) then redis.call('HSET', record, field, value) end
end

local function keep(hash, field, value)
  if value > 0 then redis.call('HSET', hash, field, value) else redis.call('HDEL', hash, field) end
end

prune(KEYS[1], now, KEYS[2], KEYS[12], KEYS[15])
redis.call('ZADD', KEYS[1], now + lease, worker)
redis.call('HSET', KEYS[2], worker, ARGV[3])
redis.call('HSET', KEYS[12], worker, given.kbps)
-- Stills hold no lease: they are counted as they are, by all workers together.
local stills = 0
keep(KEYS[15], worker, given.stills)
for _, kbps in ipairs(redis.call('HVALS', KEYS[15])) do stills = stills + kbps end
keep(KEYS[4], 'stills', stills)
local reclaimed = prune(KEYS[11], now, KEYS[3], KEYS[4])
if reclaimed > 0 then redis.call('HINCRBY', KEYS[6], 'reclaimed', reclaimed) end

-- Pictures differ in size, so that the highest rate stays known for a while: it loses a hundredth each second, in which every
-- worker may measure it once.
local kept = 0.99 ^ (1 / redis.call('ZCARD', KEYS[1]))
for field, rate in pairs(given.measured) do
  local before = tonumber(redis.call('HGET', KEYS[5], field) or 0)
  redis.call('HSET', KEYS[5], field, math.ceil(math.max(rate, before * kept)))
end
-- A stream is counted with what its camera and quality take, though it be slow itself: a link may recover at any moment. What it
-- takes itself, though it misses pictures, is the least that they take, for newcomers too.
for id, stream in pairs(given.streams) do
  if redis.call('HEXISTS', KEYS[3], id) == 1 then
    local field, own = stream[1], stream[3]
    local expected = tonumber(redis.call('HGET', KEYS[5], field) or stream[2])
    if own > expected then redis.call('HSET', KEYS[5], field, own) end
    redis.call('HSET', KEYS[4], id, math.max(expected, own))
  end
end

if tonumber(ARGV[4]) > tonumber(redis.call('GET', KEYS[13]) or 0) then
  redis.call('SET', KEYS[13], ARGV[4], 'PX', DAY)
  for name, amount in pairs(given.counters) do
    local of = string.match(name, '^[^:]+')
    if of ~= 'arrivals' then redis.call('HINCRBYFLOAT', KEYS[6], name, amount) end
    if of == 'arrivals' or of == 'granted' or of == 'refused' or of == 'would_refuse' or of == 'bytes' then
      redis.call('HINCRBYFLOAT', record, name, amount)
    end
  end
  -- At most one per viewer and second, over all workers.
  for _, refusal in ipairs(given.refusals) do
    local of = cjson.decode(refusal)
    local viewer = KEYS[8] .. ':' .. tostring(of.user_id) .. ':' .. tostring(of.address) .. ':' .. tostring(of.dry_run)
    if redis.call('SET', viewer, 1, 'NX', 'PX', 1000) then redis.call('RPUSH', KEYS[8], refusal) end
  end
  if #given.refusals > 0 then redis.call('LTRIM', KEYS[8], -10000, -1) end
end

-- However many workers report, the gate is looked at once a second.
local in_use = redis.call('ZCOUNT', KEYS[11], '(' .. now, '+inf')
local last = tonumber(redis.call('GET', KEYS[10]) or 0)
if now - last >= 900 or now < last then
  redis.call('SET', KEYS[10], now, 'PX', DAY)
  if in_use >= limit then redis.call('HINCRBY', record, 'full_ms', math.min(now - last, 2000)) end
  local sent = 0
  for _, kbps in ipairs(redis.call('HVALS', KEYS[12])) do sent = sent + kbps end
  highest('peak_kbps', sent)
end
highest('peak', math.max(in_use, given.peak))
redis.call('HSET', record, 'limit', limit, 'max_kbps', ARGV[8])
redis.call('PEXPIRE', record, 2 * DAY)
redis.call('ZADD', KEYS[7], minute, minute)

for _, key in ipairs({KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[12], KEYS[15]}) do outlive(lease, key) end
redis.call('PEXPIRE', KEYS[5], 7 * DAY)
for _, order in ipairs(given.done) do redis.call('LREM', KEYS[14], 0, order) end
local answer = {redis.call('GET', KEYS[9]) or ''}
for _, order in ipairs(redis.call('LRANGE', KEYS[14], 0, -1)) do answer[#answer + 1] = order end
return answer
