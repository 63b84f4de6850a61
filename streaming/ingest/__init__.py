"""How is a camera read, once, for all its viewers?

`hub.py` has one `ActiveCamera` per camera. Its `Capture` is a thread that reads the camera, and opens it again when it is
lost. Each of its `Feed`s is for one viewer. `condition.py` has the states of a camera.

The route of a frame: `camera_proxy.py` (bytes from the camera) -> `capture.py` (OpenCV) -> `access_units.py` (pictures)
-> `video.py` (H.264 and H.265 unchanged, or JPEG by `pictures.py`) -> `active_camera.py` (fan-out) -> `frames.py` (a
mailbox).

`sharing.py` elects one worker to read a camera. That worker publishes the pictures for the others through `relay.py`.
`stills.py` takes stills. `probe.py` is *Test connection*.

Only a capture's own thread opens, reads and releases its camera. This package must never ask for a slot.
"""
