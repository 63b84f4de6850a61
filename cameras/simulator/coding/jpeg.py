"""Motion JPEG: every picture a baseline file of its own, with the standard Huffman tables and 4:2:0 color."""

from dataclasses import dataclass

import cv2
import numpy as np

from ..stream import AccessUnit, StreamFormat, Yuv

QUALITY = 75

QUANTISATION, SCAN = 0xDB, 0xDA
"""Second bytes of the markers that the simulator reads (ITU-T T.81, table B.1)."""


class JpegEncoder:
    def __init__(self, stream: StreamFormat) -> None:
        self._stream = stream

    def encode(self, picture: Yuv, ticks: int, drawn_at: float, key: bool) -> list[AccessUnit]:
        image = cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420)
        settings = [
            cv2.IMWRITE_JPEG_QUALITY,
            QUALITY,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
        ]
        _, file = cv2.imencode(".jpg", image, settings)
        return [AccessUnit((np.asarray(file).tobytes(),), (), True, ticks, drawn_at, self._stream)]

    def flush(self) -> list[AccessUnit]:
        return []


@dataclass(frozen=True)
class JpegParts:
    """What RTP carries of a file; the receiver makes the rest up again (RFC 2435, appendix B)."""

    tables: bytes  # quantisation tables of luma and chroma, 64 bytes each, in zigzag order
    scan: bytes  # entropy-coded


def take_apart(file: bytes) -> JpegParts:
    """`file` is this encoder's, whole or cut short within its scan."""
    tables = b""
    start = 2
    while True:
        marker, length = file[start + 1], int.from_bytes(file[start + 2 : start + 4], "big")
        end = start + 2 + length
        if marker == QUANTISATION:
            tables += file[start + 5 : end]
        if marker == SCAN:
            return JpegParts(tables, file[end:].removesuffix(b"\xff\xd9"))
        start = end
