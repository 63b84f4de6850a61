"""How is a camera read, once, for all who watch it?

`hub.py` starts one `Capture` per camera (`capture.py`, a thread) and hands its frames to the viewers. The way of a picture:
`camera_proxy.py` (bytes from the camera) -> `capture.py` (OpenCV) -> `access_units.py` (whole pictures) -> `video.py`
(passed on, or decoded by `pictures.py`) -> `hub.py`. `sharing.py` lets one worker read a camera for all others.
`snapshots.py` takes stills, `probe.py` is *Test connection*.

A capture is opened, read and released by its own thread only. Nothing here asks for a slot.
"""
