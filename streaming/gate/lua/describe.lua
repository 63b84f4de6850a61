-- Replace the details of leases that are held; the others stay gone.
-- KEYS  1 details
-- ARGV  for each lease: its id, its details (JSON)
for i = 1, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return 0
