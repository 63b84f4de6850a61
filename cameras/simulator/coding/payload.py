"""Splits NAL units and JPEG files into RTP payloads: H.264 (RFC 6184), H.265 (RFC 7798) and JPEG (RFC 2435)."""

import struct
from collections.abc import Callable, Iterator

from ..stream import Codec
from .jpeg import parse_jpeg

MAX_PAYLOAD = 1400
"""Bytes: with all headers, a packet fits into an Ethernet frame."""

H264_FU_A = 28
H265_FU = 49

JPEG_420 = 1
"""Type of RFC 2435, 4.1: 4:2:0, no restart markers."""

JPEG_TABLES_IN_BAND = 255
"""Q of RFC 2435, 4.2: each picture has its own tables."""


def h264_payloads(nal: bytes) -> Iterator[bytes]:
    """Yields the RTP payloads of a NAL unit: the whole unit up to 1400 bytes, else FU-A fragments (RFC 6184, 5.8)."""
    indicator = bytes((nal[0] & 0xE0 | H264_FU_A,))
    return _fragments(nal, 1, indicator, nal[0] & 0x1F)


def h265_payloads(nal: bytes) -> Iterator[bytes]:
    """Yields the RTP payloads of a NAL unit: the whole unit up to 1400 bytes, else fragments (RFC 7798, 4.4.3)."""
    header = bytes((nal[0] & 0x81 | H265_FU << 1, nal[1]))
    return _fragments(nal, 2, header, nal[0] >> 1 & 0x3F)


def jpeg_payloads(width: int, height: int, file: bytes) -> Iterator[bytes]:
    """Yields the RTP payloads of a file from JpegEncoder (RFC 2435): headers, then a piece of the entropy-coded data.

    The first payload also holds both quantization tables. `width` and `height` are pixels, multiples of 8.
    """
    parts = parse_jpeg(file)
    tables = struct.pack("!BBH", 0, 0, len(parts.tables)) + parts.tables
    start = 0
    while start < len(parts.scan):
        size = struct.pack("!BBBB", JPEG_420, JPEG_TABLES_IN_BAND, width // 8, height // 8)
        head = start.to_bytes(4, "big") + size + (b"" if start else tables)
        step = MAX_PAYLOAD - len(head)
        yield head + parts.scan[start : start + step]
        start += step


PAYLOADS: dict[Codec, Callable[[bytes], Iterator[bytes]]] = {Codec.H264: h264_payloads, Codec.H265: h265_payloads}

PAYLOAD_TYPES = {Codec.H264: 96, Codec.H265: 96, Codec.MJPEG: 26}
"""That of JPEG is assigned by RFC 3551, table 5."""


def _fragments(nal: bytes, header: int, indicator: bytes, kind: int) -> Iterator[bytes]:
    if len(nal) <= MAX_PAYLOAD:
        yield nal
        return
    step = MAX_PAYLOAD - header - 1
    for start in range(header, len(nal), step):
        first, last = start == header, start + step >= len(nal)
        yield indicator + bytes((first << 7 | last << 6 | kind,)) + nal[start : start + step]
