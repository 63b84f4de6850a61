"""A Lua script that counts the unexpired leases (one per running stream) in a sorted set of Redis, without using the
product's own scripts.
"""

COUNT_UNEXPIRED = """
local time = redis.call('TIME')
return redis.call('ZCOUNT', KEYS[1], '(' .. time[1] * 1000 + time[2] / 1000, '+inf')
"""
