-- Includes gate/leases, gate/rates
-- Stores a worker's report, adds up its counts, and records the current minute. Each worker calls it every second; above 250
-- workers, 250 of them do in a second.
-- KEYS  workers, reports, details, rates, expected, totals, minutes, minute_prefix, refusals, policy, looked, server_set,
--       sent, stills, sequence and orders of this worker, prefix of the numbers of the leases' last changes, generation.
--       The script also sets `<refusals>:<user>:<address>:<dry run>` for a second, to store one refusal per viewer in that time.
-- ARGV  worker id, report (JSON; '': unchanged), details (JSON): {lease (ms), limit, budget (kbit/s, 0: none), recount (ms
--       after which the sum of the rates is recounted), late (ms for which a change of a rate may arrive late), kbps that the worker sends, stills (kbps of them), streams that
--       are not counted as they should be {lease: [rate field, estimated kbps, own measured kbps or 0, number of the last
--       change of its rate]}, fields [rate field of any of its streams...], measured [kbps of each field, 0: not measured;
--       or empty], sequence, counts {name: amount}, refusals [JSON...], peak, done [orders that arrived...]}
-- Returns {version of the limits, 0 if Redis had no report of this worker: the next must be whole, {kbps of each of the
--          fields}, {orders (JSON)...}, number of workers}
-- A reply may be lost. So counts with a known sequence number are not added again, and orders stay until they are in `done`.
-- Cost  O(fields, counts and streams in the report + log(leases)), and the leases that have expired; for one report a second
--       also O(workers), and for one in `recount` ms O(leases)
local workers, reports, details, rates, expected, totals, minutes, minute_prefix, refusals, policy, looked, server_set,
  sent, stills, sequence, orders, change_prefix, generation_key = unpack(KEYS)
local worker, report, given = ARGV[1], ARGV[2], cjson.decode(ARGV[3])
local DAY = 24 * 3600 * 1000
local OF_MINUTE = {arrivals = true, granted = true, refused = true, would_refuse = true, bytes = true, waited = true, gave_up = true}
local now = now_ms()
local minute = math.floor(now / 60000)
local record = minute_prefix .. minute

local function highest(field, value)
  if value > tonumber(redis.call('HGET', record, field) or -1) then redis.call('HSET', record, field, value) end
end

local function keep(hash, field, value)
  if value > 0 then redis.call('HSET', hash, field, value) else redis.call('HDEL', hash, field) end
end

local function sum(hash)
  local total = 0
  for _, value in ipairs(redis.call('HVALS', hash)) do total = total + value end
  return total
end

-- Returns the values of the fields of this worker in the hash of measured rates. `prefix`: of the names.
local function of_fields(prefix)
  local names = {}
  for position, field in ipairs(given.fields) do names[position] = prefix .. field end
  return #names > 0 and redis.call('HMGET', expected, unpack(names)) or {}
end

prune(workers, now, reports, sent, stills)
redis.call('ZADD', workers, now + given.lease, worker)
local known = redis.call('HEXISTS', reports, worker)
if report ~= '' then redis.call('HSET', reports, worker, report) end
redis.call('HSET', sent, worker, given.kbps)
-- Stills hold no lease. All workers' stills count together, as they were measured.
local more_stills = given.stills - (redis.call('HGET', stills, worker) or 0)
if more_stills ~= 0 then
  keep(stills, worker, given.stills)
  redis.call('HINCRBY', rates, 'stills', more_stills)
end
reclaim(generation_key, server_set, now, details, rates, totals)

-- The size of frames varies, so the highest rate fades slowly: by 1 % a second while it is measured, however many workers
-- measure it. A camera that nobody watches keeps its rate.
local before, faded, changed = of_fields(''), #given.measured > 0 and of_fields('faded:'), {}
for position, rate in ipairs(given.measured) do
  if rate > 0 then
    local field, old = given.fields[position], tonumber(before[position] or 0)
    local ms = math.min(math.abs(now - (faded[position] or 0)), 6000)
    local new = math.max(rate, ms >= 1000 and math.ceil(old * 0.99 ^ (ms / 1000)) or old)
    if ms >= 1000 then changed[#changed + 1], changed[#changed + 2] = 'faded:' .. field, now end
    if new ~= old then changed[#changed + 1], changed[#changed + 2], before[position] = field, new, new end
  end
end
if #changed > 0 then redis.call('HSET', expected, unpack(changed)) end
-- A slow stream counts with the full rate of its camera and quality, because its network may recover at any moment.
-- Its own rate is a lower bound of that, also for new viewers.
local rate_of = {}
for position, field in ipairs(given.fields) do rate_of[field] = tonumber(before[position] or nil) end
for id, stream in pairs(given.streams) do
  local field, estimate, own, change = unpack(stream)
  -- A report that crossed a change of the rate has the old one.
  local last_change = tonumber(redis.call('GET', change_prefix .. id) or 0)
  if change > last_change then redis.call('SET', change_prefix .. id, change, 'PX', given.late) end
  if change >= last_change and redis.call('HEXISTS', details, id) == 1 then
    local rate = rate_of[field] or estimate
    if own > rate then
      rate, rate_of[field] = own, own
      redis.call('HSET', expected, field, own)
    end
    set_rate(rates, id, rate)
  end
end

if given.sequence > tonumber(redis.call('GET', sequence) or 0) then
  redis.call('SET', sequence, given.sequence, 'PX', DAY)
  for name, amount in pairs(given.counts) do
    local kind = string.match(name, '^[^:]+')
    if kind ~= 'arrivals' then redis.call('HINCRBYFLOAT', totals, name, amount) end
    if OF_MINUTE[kind] then redis.call('HINCRBYFLOAT', record, name, amount) end
  end
  -- One refusal per viewer and second is stored, over all workers.
  for _, refusal in ipairs(given.refusals) do
    local of = cjson.decode(refusal)
    local viewer = refusals .. ':' .. tostring(of.user_id) .. ':' .. tostring(of.address) .. ':' .. tostring(of.dry_run)
    if redis.call('SET', viewer, 1, 'NX', 'PX', 1000) then redis.call('RPUSH', refusals, refusal) end
  end
  if #given.refusals > 0 then redis.call('LTRIM', refusals, -10000, -1) end
end

-- Once a second, the first worker that reports records the time at the limit and what all send.
local in_use = redis.call('ZCOUNT', server_set, '(' .. now, '+inf')
local last = tonumber(redis.call('GET', looked) or 0)
if now - last >= 900 or now < last then
  redis.call('SET', looked, now, 'PX', DAY)
  keep(rates, 'stills', sum(stills))  -- a dead worker's have left `stills`
  if math.abs(now - (redis.call('HGET', rates, 'recounted') or 0)) >= given.recount then recount(server_set, rates, now) end
  if in_use >= given.limit then redis.call('HINCRBY', record, 'full_ms', math.min(now - last, 2000)) end
  highest('peak_kbps', sum(sent))
end
highest('peak', math.max(in_use, given.peak))
redis.call('HSET', record, 'limit', given.limit, 'max_kbps', given.budget)
redis.call('PEXPIRE', record, 2 * DAY)
redis.call('ZADD', minutes, minute, minute)

for _, key in ipairs({workers, reports, details, rates, sent, stills}) do outlive(given.lease, key) end
redis.call('PEXPIRE', expected, 7 * DAY)
for _, order in ipairs(given.done) do redis.call('LREM', orders, 0, order) end
return {redis.call('GET', policy) or '', known, of_fields(''), redis.call('LRANGE', orders, 0, -1),
  redis.call('ZCARD', workers)}
