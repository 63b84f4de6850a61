"""A camera simulator for the demo, the tests and the benchmarks.

It sends drawn scenes (OpenCV) or a clip in a loop as H.264, H.265 (PyAV) or MJPEG. The transport is RTP inside the RTSP
connection, or MJPEG over HTTP. Settings imitate how the streams of real cameras differ: in size, profile, B-frames,
slices, parameter sets and lost pictures. Faults, such as a camera that stops sending, can be switched on at any time.
"""

from .camera import TRANSPORTS, NotOnAir, SimulatedCamera
from .catalogue import default_cameras, substream_of
from .coding.repetition import Repetition
from .picture.clip import NotAVideo
from .picture.clock import age_ms, draw_clock, read_clock
from .server.faults import Fault
from .server.server import Simulator
from .stream import Codec

__all__ = [
    "TRANSPORTS",
    "Codec",
    "Fault",
    "NotAVideo",
    "NotOnAir",
    "Repetition",
    "SimulatedCamera",
    "Simulator",
    "age_ms",
    "default_cameras",
    "draw_clock",
    "read_clock",
    "substream_of",
]
