"""A camera simulator in pure Python, for the demonstration, the tests and the benchmarks.

It serves H.264, H.265 (PyAV) or MJPEG of drawn scenes or looped clips (OpenCV), RTP interleaved in the RTSP
connection only or MJPEG over HTTP, in the many shapes that real cameras send, and breaks on demand.
"""

from .camera import TRANSPORTS, NotOnAir, SimulatedCamera
from .catalogue import default_cameras
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
]
