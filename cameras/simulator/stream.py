"""What passes between a camera's parts: a picture, the format of a stream, and an encoded picture."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Yuv = npt.NDArray[np.uint8]
"""A 4:2:0 picture, (height * 3 / 2) x width: the luma plane, then both chroma planes, rows packed."""

BLACK_LUMA, NEUTRAL_CHROMA = 16, 128


class Codec(StrEnum):
    H264 = "h264"
    H265 = "h265"
    MJPEG = "mjpeg"


LARGEST_JPEG_SIDE = 2040
"""Pixels; RFC 2435 counts them in eights, in a byte."""

MACROBLOCK = 16
"""Pixels; a slice of H.264 has one row of them at least."""


@dataclass(frozen=True)
class StreamFormat:
    """What decides the parameter sets."""

    width: int
    height: int
    rate: Fraction  # frames per second
    bit_rate: int  # bits per second; not of MJPEG, whose quality is fixed
    gop_seconds: float
    codec: Codec = Codec.H264
    b_frames: int = 0
    slices: int = 1
    intra_refresh: bool = False
    open_gop: bool = False
    profile: str = ""


@dataclass(frozen=True)
class AccessUnit:
    """One encoded picture."""

    parts: tuple[bytes, ...]  # NAL units without start codes and without parameter sets, or one JPEG file
    sets: tuple[bytes, ...]  # the parameter sets it is decoded with, in their order; none of a JPEG
    key: bool  # a viewer may begin here: an IDR, a recovery point or a JPEG
    ticks: int  # the slot it was drawn for, 90 kHz of the monotonic clock; when it is to be shown
    drawn_at: float  # Unix seconds
    stream: StreamFormat  # compared by identity: one run of a camera
    lost: bool = False  # spends its packets' numbers and is not sent


def check_format(codec: Codec, transport: str, slices: int, width: int, height: int) -> None:
    """Raise ValueError for a size, in pixels, that the stream cannot have."""
    counted_in_eights = codec is Codec.MJPEG and transport == "rtsp"
    if counted_in_eights and (width % 8 or height % 8 or max(width, height) > LARGEST_JPEG_SIDE):
        raise ValueError(
            f"Over RTSP, mjpeg has sides of eights and at most {LARGEST_JPEG_SIDE} pixels, not {width}x{height}"
        )
    if slices > height // MACROBLOCK:
        raise ValueError(f"A picture {height} pixels high has {height // MACROBLOCK} slices at most, not {slices}")
