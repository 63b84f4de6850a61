"""How do we talk to Redis?

`connection.py` has the two kinds of connection, `scripts.py` runs the Lua scripts on them and translates Redis's errors, and
`keys.py` names every key. `embedded.py` runs a server where none is configured; `worker_events.py` sends small events
between workers over the channel layer.

A script lies in the `lua/` folder of the package that calls it: `run("gate/acquire", ...)`. `lua/common.lua` stands before
each of them.

This package knows nothing of streams. It must never carry a decision about one.
"""
