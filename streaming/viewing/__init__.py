"""What is one viewing, from admission to its end? It is one viewer's stream of one camera.

`access.py` checks the log-in, `cameras/permissions.py: may_watch`, and that the camera exists, is enabled and has an
address. `rechecks.py` checks running streams again, also for blocked users (`gate/blocks.py`). `viewing.py` takes a
*slot*, a lease in Redis that gives the viewing one of the limited number of concurrent streams. It also joins a *feed*,
its subscription to a camera that the worker reads once for all its viewers. It releases both, however it ends: a slot
is held only inside `async with`.

`delivery.py` sends the frames of the feed, by `fast_path.py` past ASGI. `camera_news.py` tells the viewer when the
camera is lost, and ends the viewing if it stays lost. `stream_switch.py` changes the quality, and `accounting.py`
counts frames and bandwidth. `protocol.py` has the messages, close codes and the frame header.

While others wait for a slot, `looks.py` runs what makes room: `idle.py`, `wall_yields.py` and `preemption.py`. With
`resume_tokens.py`, a viewer takes back their slot after a lost connection. Only the package `gate` counts slots.
"""
