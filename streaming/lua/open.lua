-- Make this Redis's generation if it has none.
-- KEYS  1 generation
-- ARGV  1 grace ms, 2 candidate generation
return {(generation(KEYS[1], ARGV[2], tonumber(ARGV[1]), now_ms()))}
