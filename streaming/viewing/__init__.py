"""What is one viewing, from admission to its end?

`cameras/permissions.py: may_watch` decides who may watch a camera. `access.py` checks the log-in, this rule, and that
the camera exists, is enabled and has an address. `web/handshake.py` (database) and `gate/lua/acquire.lua` (Redis) refuse a
blocked user; `rechecks.py` ends their running streams.

`viewing.py` takes a slot, joins the camera's feed and releases both, however it ends. `camera_news.py` tells the viewer when
the camera is lost, and ends the viewing if it stays lost. `stream_switch.py` changes the quality. `delivery.py` sends the
frames of the feed, and `accounting.py` counts them against the bandwidth budget.
`viewer.py` describes the viewer and their request; `services.py` lists the parts of a worker that all viewings share.

`protocol.py` has the messages, close codes and frame header, and `fast_path.py` the fast path to the socket under Daphne.
`rechecks.py` checks the access of running streams again; `open_streams.py` describes an open socket. `still_limits.py`
limits still pictures. `log.py` gives all log lines of a viewing the same id; `milestones.py` logs its start and end.

While others wait for a slot, `idle.py` asks whether somebody is there, `wall_yields.py` ends background streams, and
`preemption.py` gives operators a slot; `looks.py` calls them again and again. With `resume_tokens.py` a viewer comes back.

A slot is held only inside `async with`. The feed is left before the slot is released.
"""
