"""How many streams may run at once, and who is next?

`slots.py` has the Gate. It holds a slot, the right to one stream, while a viewer watches. In Redis a slot is a lease,
in sorted sets. `heartbeat.py` renews the leases, `keeper.py` releases those of ended streams, and `held_slots.py` has
the slots that this worker holds. `waiting_line.py` has the viewers who wait for a slot.

`lease_scripts.py` runs the Lua scripts, `leases.py` has the data classes, and `refusals.py` makes the error of a
refused viewer. Whatever needs no Gate is apart: `readings.py` has queries of streams and workers, `line_readings.py`
reads the waiting line and changes it for administrators, and `eviction.py` warns of a Redis that may evict leases. An
administrator stops streams with `stop_orders.py`, and sees and lifts blocks of users with `blocks.py`.

The scripts in `lua/` decide, by Redis's clock, so all workers see one order: `acquire.lua` grants a slot or refuses it,
and `line.lua` grants freed slots to those who wait. `room.lua` tells both which limit is reached. This package must
never count streams outside Redis, and never opens a camera.
"""
