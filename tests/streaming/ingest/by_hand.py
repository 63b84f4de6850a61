"""Access units and reads of H.264 that are written by hand, and a `Video` that takes them."""

import itertools

from streaming.ingest.access_units import H264, START, AccessUnit, units_of
from streaming.ingest.frames import Frame
from streaming.ingest.streams import Shape
from streaming.ingest.video import Video

SET, PICTURE_SET = b"\x67\x42\xc0\x1e\xab", b"\x68\xce\x3c\x80"
SETS = START + SET + START + PICTURE_SET
MESSAGE = START + b"\x06\x06\x01\xc4\x80"  # a recovery point
DELIMITER = START + b"\x09\xf0"


# A slice's first bit after its header is set if it begins a picture (first_mb_in_slice is 0).


def key(number: int = 0, *, goes_on: bool = False) -> bytes:
    return START + bytes([0x65, 0x00 if goes_on else 0x80, number, 0xAA])


def other(number: int = 0, *, goes_on: bool = False) -> bytes:
    return START + bytes([0x41, 0x00 if goes_on else 0x80, number, 0xAA])


def pushed(units: H264, *reads: bytes) -> list[bytes]:
    return [unit.data for read in reads for unit in units.push(read, 0)]


def facts(unit: AccessUnit) -> tuple[bytes, bool, float, str]:
    return unit.data, unit.key, unit.presented_at, unit.codec


def only(units: list[AccessUnit]) -> AccessUnit:
    (unit,) = units
    return unit


def units_of_reads(*reads: bytes) -> list[AccessUnit]:
    units = H264(SETS)
    return [unit for read in reads for unit in units.push(read, 0)]


class Hand:
    """A Video without a camera, and what it has delivered."""

    def __init__(self, codec: str = "h264", extradata: bytes = SETS) -> None:
        self.frames: list[Frame] = []
        self.videos: list[bool] = []
        self.shapes: list[Shape] = []
        self.wanted: frozenset[str] = frozenset()
        epochs = itertools.count()
        self.groups: list[list[Frame]] = []
        self.units = units_of(codec, extradata)
        self.on_frame = self.frames.append
        self.on_group = self.groups.append
        self.on_passes_video = self.videos.append
        self.on_shape = self.shapes.append
        self.video = Video(codec, extradata, lambda: next(epochs), lambda: self.wanted, self)

    def push(self, *reads: bytes) -> list[bytes]:
        """Returns what is passed on of these reads."""
        known = len(self.frames)
        for number, read in enumerate(reads):
            for unit in self.units.push(read, 40_000.0 * number, 1000.0 + number):
                self.video.take(unit)
        return [frame.data for frame in self.frames[known:]]
