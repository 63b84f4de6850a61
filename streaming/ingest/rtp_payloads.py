"""Finds which NAL units begin in an RTP packet of H.264 (RFC 6184) or H.265 (RFC 7798). Pure functions of bytes."""

from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple


class PackingError(ValueError):
    """The NAL units in an RTP packet cannot be found: their packing is not supported (interleaved), or is broken."""


class Begins(Enum):
    """The kinds of NAL units that begin in RTP packets: a picture's first slice, a further slice, and others."""

    PICTURE = auto()  # the first slice of a picture
    KEY = auto()  # the first slice of a keyframe
    SLICE = auto()  # a further slice of a picture
    PREFIX = auto()  # a NAL unit that may only be in front of a picture's slices
    OTHER = auto()


class Codec(NamedTuple):
    """How to find NAL units in the RTP packets of one codec, H.264 or H.265."""

    units: Callable[[bytearray, int, int], list[Begins]]  # what begins in the payload data[start:end], or PackingError
    delimiter: bytes  # the header of the access unit delimiters that `PictureEnds` inserts; no camera sends it
    can_be_checked: bool  # FFmpeg's decoder tells whether a picture lacks slices


def _h264(data: bytearray, start: int, end: int) -> list[Begins]:
    """Returns what each NAL unit is that begins in the RTP payload `data[start:end]`; empty if none begins.

    Raises PackingError if the payload is broken, or packed in a way that is not supported.
    """
    if end - start < 2:
        raise PackingError
    kind = data[start] & 0x1F
    if kind == 28:  # FU-A
        header = data[start + 1]
        return [_h264_unit(header & 0x1F, data, start + 2, end)] if header & 0x80 else []
    if kind == 24:  # STAP-A
        return [_h264_unit(data[at] & 0x1F, data, at + 1, stop) for at, stop in _aggregated(data, start + 1, end)]
    if kind > 24:
        raise PackingError
    return [_h264_unit(kind, data, start + 1, end)]


def _h264_unit(kind: int, data: bytearray, at: int, end: int) -> Begins:
    """Returns what a NAL unit of type `kind` is for its picture. Raises PackingError if a slice is empty.

    `data[at:end]`: the unit, or its first part, without headers. Types 6 to 9 come before slices (H.264, 7.4.1.2.3).
    """
    if kind in (1, 2, 5):
        if at >= end:
            raise PackingError
        first = data[at] & 0x80  # first_mb_in_slice is 0
        return (Begins.KEY if kind == 5 else Begins.PICTURE) if first else Begins.SLICE
    return Begins.PREFIX if 6 <= kind <= 9 else Begins.OTHER


def _h265(data: bytearray, start: int, end: int) -> list[Begins]:
    """Returns what each NAL unit is that begins in the RTP payload `data[start:end]`; empty if none begins.

    Raises PackingError if the payload is broken, or packed in a way that is not supported.
    """
    if end - start < 3:
        raise PackingError
    kind = data[start] >> 1 & 0x3F
    if kind == 49:  # FU
        header = data[start + 2]
        return [_h265_unit(header & 0x3F, data, start, start + 3, end)] if header & 0x80 else []
    if kind == 48:  # AP
        units = _aggregated(data, start + 2, end)
        return [_h265_unit(data[at] >> 1 & 0x3F, data, at, at + 2, stop) for at, stop in units]
    if kind > 48:
        raise PackingError
    return [_h265_unit(kind, data, start, start + 2, end)]


def _h265_unit(kind: int, data: bytearray, header: int, at: int, end: int) -> Begins:
    """Returns what a NAL unit of type `kind` is for its picture. Raises PackingError if a slice is empty.

    `data[at:end]`: the unit, or its first part, without headers. `header`: the index of its header or, for a
    fragmentation unit, of the payload header.
    """
    if data[header] & 1 or data[header + 1] >> 3:  # of another layer
        return Begins.OTHER
    if kind <= 9 or 16 <= kind <= 21:
        if at >= end:
            raise PackingError
        first = data[at] & 0x80  # first_slice_segment_in_pic_flag
        return (Begins.KEY if kind >= 16 else Begins.PICTURE) if first else Begins.SLICE
    return Begins.PREFIX if 32 <= kind <= 37 or kind == 39 or 41 <= kind <= 44 else Begins.OTHER


def _aggregated(data: bytearray, at: int, end: int) -> list[tuple[int, int]]:
    """Returns start and end, in `data`, of each NAL unit (with its header) in an aggregation packet.

    `data[at:end]`: the units, each behind its size. Raises PackingError if a size is wrong.
    """
    units = []
    while at + 2 <= end:
        start = at + 2
        at = start + (data[at] << 8 | data[at + 1])
        if at > end or at - start < 2:
            raise PackingError
        units.append((start, at))
    return units


# FFmpeg looks at the type of a delimiter only. So H.264's nal_ref_idc and H.265's nuh_temporal_id_plus1 tell ours apart.
CODECS = {"H264": Codec(_h264, b"\x69", True), "H265": Codec(_h265, b"\x46\x07", False)}
