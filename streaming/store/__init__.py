"""How do we talk to Redis?

`scripts.py` runs the Lua scripts and translates Redis's errors, on the connections of `connection.py`. `addresses.py`
finds the server, also through Sentinels. `keys.py` names the keys, but for those of shared pictures (`ingest/relay.py`,
`ingest/stills.py`). `embedded.py` runs a server if none is configured. `worker_events.py` sends small events between
workers over the channel layer.

A script is in the `lua/` folder of the package that calls it: `run("gate/acquire", ...)`. `lua/common.lua` is put in
front of each script.

This package knows nothing of streams. It must never decide about a stream.
"""
