"""One viewing is one viewer's stream of one camera, from the request to its end. This package runs it in a worker
process.

A viewing holds a *slot*: a lease in Redis that gives it one of the limited number of concurrent streams. It gets frames
from a *feed*, its subscription to a camera that the worker reads once for all of its viewers.

`cameras/permissions.py: may_watch` decides who may watch a camera. `access.py` checks the log-in, this rule, and that
the camera exists, is enabled and has an address. `web/handshake.py` (database) and `gate/lua/acquire.lua` (Redis)
refuse a blocked user; `rechecks.py` ends their running streams.

`viewing.py` takes a slot, joins the camera's feed and releases both, however it ends. `camera_news.py` tells the viewer
when the camera is lost, and ends the viewing if it stays lost. `stream_switch.py` changes the quality. `delivery.py`
sends the frames of the feed, and `accounting.py` counts them against the bandwidth budget. `viewer.py` describes the
viewer and their request; `services.py` lists the parts of a worker that all viewings share.

`protocol.py` has the messages, close codes and frame header, and `fast_path.py` the fast path to the socket under
Daphne, past ASGI. `rechecks.py` checks the access of running streams again; `open_streams.py` describes an open socket.
`still_limits.py` limits still pictures. `log.py` gives all log lines of a viewing the same id; `milestones.py` logs its
start and end.

While others wait for a slot, `idle.py` asks viewers whether they are still there, `wall_yields.py` ends streams of
walls (pages with many cameras), and `preemption.py` ends streams of ordinary viewers for operators, users of a
privileged group. `looks.py` runs these jobs periodically. With the tokens of `resume_tokens.py`, a viewer takes back
their slot after a lost connection.

A slot is held only inside `async with`. The feed is left before the slot is released.
"""
