"""How is a camera read, once, for all who watch it?

`hub.py` has one `ActiveCamera` for each open stream of a camera (main stream or substream). Its `Capture` is a thread
that reads the stream, and reconnects when the camera is lost. Each of its `Feed`s serves one viewer, or takes a still.
`condition.py` has the states of a camera's connection.

The route of a frame: `camera_proxy.py` (bytes from the camera) -> `reader.py` (reads them with OpenCV, in the thread
of `capture.py`; raises if the camera is lost) -> `access_units.py` (coded pictures) -> `video.py` (H.264 and H.265
unchanged, or JPEG by `pictures.py`) -> `active_camera.py` (fan-out) -> `frames.py` (each viewer's queue).

`sharing.py` elects one worker process to read a camera. That worker publishes the pictures in Redis for the others, by
`relay.py`; if it loses the camera again and again, another worker tries. `stills.py` takes single pictures (stills).
`probe.py` is the button *Test connection*.

A camera is opened, read and released by one thread: a release in another thread during a read crashes the process. This
package must never ask the gate for a slot (the right to stream). Its callers do where one is needed.
"""
