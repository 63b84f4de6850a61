"""How many at once, and who is next?

`slots.py` has the Gate. It holds a slot, which is a lease in a sorted set of Redis, while a viewing lasts.
`heartbeat.py` renews the leases, `keeper.py` releases them, and `held_slots.py` owns the slots in between.
`lease_scripts.py` runs the scripts, `leases.py` has the values, and `refusals.py` makes the error of a refused viewer.
`readings.py` asks Redis without a Gate, and `eviction.py` warns of one that may evict slots. An administrator stops
viewings with `stop_orders.py`, and sees and lifts blocks with `blocks.py`.

The scripts in `lua/` decide, in Redis's own time, so all workers see one order. The gate must never count by itself, and
knows nothing of cameras and pictures.
"""
