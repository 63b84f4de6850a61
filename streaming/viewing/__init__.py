"""What is one viewing, from admission to its end?

`cameras/permissions.py: may_watch` decides who may watch a camera. `access.py` checks the log-in, this rule, and that
the camera exists, is enabled and has an address. `web/handshake.py` (database) and `gate/lua/acquire.lua` (Redis) refuse a
blocked user; `rechecks.py` ends their running streams.

`viewing.py` takes a slot, joins the camera's feed and releases both, however it ends. It also ends a viewing when its camera
stays lost. `delivery.py` sends the frames of the feed, and `accounting.py` counts them against the bandwidth budget.
`viewer.py` describes the viewer and their request; `services.py` lists the parts of a worker that all viewings share.

`protocol.py` has the messages, close codes and frame header, and `fast_path.py` the fast path to the socket under Daphne.
`rechecks.py` checks the access of running streams again; `open_streams.py` describes an open socket. `still_limits.py`
limits still pictures. `log.py` gives all log lines of a viewing the same id; `milestones.py` logs its start and end.

A slot is held only inside `async with`. The feed is left before the slot is released.
"""
