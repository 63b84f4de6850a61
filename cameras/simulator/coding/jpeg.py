"""Motion JPEG: each picture is a baseline JPEG file with the standard Huffman tables and 4:2:0 color."""

from dataclasses import dataclass

import cv2
import numpy as np

from ..stream import AccessUnit, StreamFormat, Yuv

QUALITY = 75

QUANTIZATION, SCAN = 0xDB, 0xDA
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
    """The parts of a JPEG file that RTP carries as they are. The receiver restores the rest (RFC 2435, appendix B)."""

    tables: bytes  # quantization tables of luma and chroma, 64 bytes each, in zigzag order
    scan: bytes  # entropy-coded data


def parse_jpeg(file: bytes) -> JpegParts:
    """Returns the parts for RTP of a file from JpegEncoder, which may be truncated in the entropy-coded data."""
    tables = b""
    start = 2
    while True:
        marker, length = file[start + 1], int.from_bytes(file[start + 2 : start + 4], "big")
        end = start + 2 + length
        if marker == QUANTIZATION:
            tables += file[start + 5 : end]
        if marker == SCAN:
            return JpegParts(tables, file[end:].removesuffix(b"\xff\xd9"))
        start = end
