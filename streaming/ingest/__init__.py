"""How is a camera read, once, for all its viewers?

`hub.py` has one `ActiveCamera` per camera. Its `Capture` is a thread that reads the camera. Its `Feed`s are the viewers'.

The way of a frame: `camera_proxy.py` (bytes from the camera) -> `capture.py` (OpenCV) -> `access_units.py` (whole pictures)
-> `video.py` (H.264 unchanged, or JPEG by `pictures.py`) -> `active_camera.py` (fan-out) -> `frames.py` (a mailbox).

`sharing.py` elects one worker to read a camera; by `relay.py` it publishes the pictures for the other workers.
`snapshots.py` takes stills. `probe.py` is *Test connection*.

Only a capture's own thread opens, reads and releases its camera. This package must never ask for a slot.
"""
