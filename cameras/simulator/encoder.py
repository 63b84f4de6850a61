"""H.264 from PyAV's libx264: one picture in, one access unit out, without delay."""

import re
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

Yuv = npt.NDArray[np.uint8]
"""A 4:2:0 picture, (height * 3 / 2) x width: the luma plane, then both chroma planes, rows packed."""

SPS, PPS, SEI, IDR = 7, 8, 6, 5
"""NAL unit types, H.264 table 7-1."""

BLACK_LUMA, NEUTRAL_CHROMA = 16, 128


def nal_type(nal: bytes) -> int:
    return nal[0] & 0x1F


@dataclass(frozen=True)
class StreamFormat:
    """What decides the parameter sets."""

    width: int
    height: int
    rate: Fraction  # frames per second
    bit_rate: int  # bits per second
    gop_seconds: float


@dataclass(frozen=True)
class ParameterSets:
    sps: bytes
    pps: bytes


@dataclass(frozen=True)
class AccessUnit:
    """One encoded picture."""

    nals: tuple[bytes, ...]  # without start codes; parameter sets come first in a key frame
    key: bool
    ticks: int  # the slot it was drawn for, 90 kHz of the monotonic clock
    drawn_at: float  # Unix seconds


class Encoder:
    """One run of the codec. Not thread-safe; releases the GIL while it encodes."""

    def __init__(self, stream: StreamFormat) -> None:
        self._context = _open_context(stream)
        self._count = 0

    def encode(self, picture: Yuv, key: bool = False) -> tuple[bytes, ...]:
        """The NAL units of `picture`; `key` forces an IDR."""
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts = self._count
        self._count += 1
        if key:
            frame.pict_type = PictureType.I
        stream = b"".join(bytes(packet) for packet in self._context.encode(frame))
        return _split(stream)


def parameter_sets(stream: StreamFormat) -> ParameterSets:
    """The sets that every Encoder of this format writes, from one encoded picture."""
    black = np.full((stream.height * 3 // 2, stream.width), NEUTRAL_CHROMA, np.uint8)
    black[: stream.height] = BLACK_LUMA
    nals = {nal_type(nal): nal for nal in Encoder(stream).encode(black)}
    return ParameterSets(nals[SPS], nals[PPS])


def _open_context(stream: StreamFormat) -> VideoCodecContext:
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = stream.width, stream.height, "yuv420p"
    context.framerate, context.time_base = stream.rate, 1 / stream.rate
    context.bit_rate = stream.bit_rate
    context.gop_size = max(1, round(stream.gop_seconds * stream.rate))
    context.thread_count = 1
    rate = str(stream.bit_rate)
    context.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "forced-idr": "1",
        "maxrate": rate,
        "bufsize": rate,
        "sc_threshold": "0",
    }
    return context


def _split(stream: bytes) -> tuple[bytes, ...]:
    """Cut an Annex B stream at its start codes. libx264's banner (SEI) is left out."""
    nals = re.split(rb"\x00{2,3}\x01", stream)
    return tuple(nal for nal in nals if nal and nal_type(nal) != SEI)
