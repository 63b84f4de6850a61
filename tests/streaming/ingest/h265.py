"""H.265 for tests: streams of libx265, and NAL units that are written by hand."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np

from cameras.simulator.coding.nal import split
from streaming.ingest.access_units import START

VPS, SPS, PPS, DELIMITER = 32, 33, 34, 35  # nal_unit_type
CRA = 21
CODEC = "hev1.1.6.L60.90"  # of `encode`: Main, level 2


def encode(count: int, options: str = "", pixels: str = "yuv420p", size: tuple[int, int] = (320, 240)) -> list[bytes]:
    """Returns `count` access units, each with another picture. By default only the first one is a keyframe."""
    context: Any = av.CodecContext.create("libx265", "w")
    context.width, context.height, context.pix_fmt = *size, pixels
    context.time_base, context.framerate = Fraction(1, 25), 25
    quiet = "log-level=none:info=0:pools=none:frame-threads=1"
    context.options = {"preset": "ultrafast", "tune": "zerolatency", "x265-params": f"{quiet}:{options}"}
    units: list[bytes] = []
    for number in range(count):
        picture = av.VideoFrame.from_ndarray(np.full((*size[::-1], 3), 5 * number + 20, np.uint8)).reformat(
            format=pixels
        )
        picture.pts = number
        units += [bytes(packet) for packet in context.encode(picture)]
    return units + [bytes(packet) for packet in context.encode(None)]


def decode(units: Sequence[bytes]) -> list[av.VideoFrame]:
    """Decodes these access units, and nothing else."""
    context: Any = av.CodecContext.create("hevc", "r")
    context.thread_count = 1
    return [picture for unit in [*units, None] for picture in context.decode(unit and av.Packet(unit))]


def type_of(nal: bytes) -> int:
    return nal[0] >> 1 & 0x3F


def types(unit: bytes) -> list[int]:
    return [type_of(nal) for nal in split(unit)]


def joined(nals: Sequence[bytes]) -> bytes:
    return b"".join(START + nal for nal in nals)


def sets_of(unit: bytes) -> bytes:
    """The parameter sets of a keyframe."""
    return joined([nal for nal in split(unit) if type_of(nal) in (VPS, SPS, PPS)])


def without_sets(unit: bytes) -> bytes:
    return joined([nal for nal in split(unit) if type_of(nal) not in (VPS, SPS, PPS)])


def unit_of_type(kind: int, *rest: int) -> bytes:
    """A NAL unit by hand. The highest bit of the first of `rest` is set if a slice begins a picture."""
    return START + bytes([kind << 1, 1, *rest])
