"""How many at once, and who is next?

`slots.py` has the Gate: it takes a slot (a lease in a sorted set of Redis), renews it and gives it back. `leases.py` has the
values it works with, `refusals.py` makes the error of a refused admission. `readings.py` asks Redis without a Gate;
`stop_orders.py` and `blocks.py` are what an administrator does to a stream or a user.

All decisions are made inside the scripts in `lua/`, in Redis's own time, so that all workers see one order. The gate must
never count by itself, and knows nothing of cameras and pictures.
"""
