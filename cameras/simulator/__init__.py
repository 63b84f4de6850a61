"""An RTSP camera simulator in pure Python, for the demonstration, the tests and the benchmarks.

It serves H.264 (PyAV) of drawn scenes or looped clips (OpenCV), RTP interleaved in the RTSP connection only,
and breaks on demand.
"""

from .camera import NotOnAir, SimulatedCamera
from .catalogue import default_cameras
from .clip import NotAVideo
from .clock import age_ms, draw_clock, read_clock
from .faults import Fault
from .server import Simulator

__all__ = [
    "Fault",
    "NotAVideo",
    "NotOnAir",
    "SimulatedCamera",
    "Simulator",
    "age_ms",
    "default_cameras",
    "draw_clock",
    "read_clock",
]
