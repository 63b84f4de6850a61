"""The number of unexpired leases, asked of Redis without the gate's own scripts."""

COUNT_UNEXPIRED = """
local time = redis.call('TIME')
return redis.call('ZCOUNT', KEYS[1], '(' .. time[1] * 1000 + time[2] / 1000, '+inf')
"""
