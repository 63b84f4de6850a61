"""Types that the simulator's parts exchange: a picture, a stream's format and an encoded picture."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Yuv = npt.NDArray[np.uint8]
"""A 4:2:0 picture, (height * 3 / 2) x width: the luma plane, then both chroma planes, without padding."""

BLACK_LUMA, NEUTRAL_CHROMA = 16, 128


class Codec(StrEnum):
    H264 = "h264"
    H265 = "h265"
    MJPEG = "mjpeg"


MAX_JPEG_SIDE = 2040
"""Pixels: RFC 2435 stores a side in units of eight pixels, in one byte."""

MACROBLOCK = 16
"""Pixels: a slice of H.264 has at least one row of macroblocks."""


@dataclass(frozen=True)
class StreamFormat:
    """The encoder settings of one stream. They determine its parameter sets (SPS, PPS; of H.265 also VPS)."""

    width: int  # pixels
    height: int  # pixels
    rate: Fraction  # frames per second
    bit_rate: int  # bits per second; not used by MJPEG, which has a fixed quality
    gop_seconds: float  # between keyframes
    codec: Codec = Codec.H264
    b_frames: int = 0  # in a row
    slices: int = 1  # per picture
    intra_refresh: bool = False  # recovery points instead of IDR pictures, after the first
    open_gop: bool = False  # I-frames with leading B-frames instead of IDR pictures, after the first
    profile: str = ""  # of H.264: "baseline", "main", "high"; empty: baseline, or high with B-frames


@dataclass(frozen=True)
class AccessUnit:
    """One encoded picture, with the parameter sets and times that sending it needs."""

    parts: tuple[bytes, ...]  # NAL units without start codes and without parameter sets, or one JPEG file
    sets: tuple[bytes, ...]  # its parameter sets, in the order of sending; empty for JPEG
    key: bool  # decoding can start here: an IDR, a recovery point, an open GOP's I-frame or a JPEG
    ticks: int  # presentation time, in 1/90,000 s of the monotonic clock
    drawn_at: float  # Unix seconds
    stream: StreamFormat  # compared by identity: each `resize` or `change_codec` makes a new one
    lost: bool = False  # uses its sequence numbers and is not sent


def check_format(codec: Codec, transport: str, slices: int, width: int, height: int) -> None:
    """Raises ValueError if a stream cannot have this size, in pixels, or so many slices per picture.

    `transport` is "rtsp" or "http". MJPEG over RTSP needs sides that are multiples of 8 up to 2040. A slice needs 16
    rows. Even sides are checked elsewhere (camera.check_size).
    """
    counted_in_eights = codec is Codec.MJPEG and transport == "rtsp"
    if counted_in_eights and (width % 8 or height % 8 or max(width, height) > MAX_JPEG_SIDE):
        raise ValueError(
            f"Over RTSP, sides of mjpeg are multiples of 8 up to {MAX_JPEG_SIDE} pixels, not {width}x{height}"
        )
    if slices > height // MACROBLOCK:
        raise ValueError(f"A picture {height} pixels high has {height // MACROBLOCK} slices at most, not {slices}")
