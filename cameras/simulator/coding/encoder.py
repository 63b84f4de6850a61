"""Encoders: they take pictures and return access units in the order of sending."""

from typing import Protocol

import numpy as np

from ..stream import BLACK_LUMA, NEUTRAL_CHROMA, AccessUnit, Codec, StreamFormat, Yuv
from .jpeg import JpegEncoder
from .video import VideoEncoder


class Encoder(Protocol):
    """Not thread-safe. Releases the GIL while it encodes."""

    def encode(self, picture: Yuv, ticks: int, drawn_at: float, key: bool) -> list[AccessUnit]:
        """Encode a picture. `ticks` and `drawn_at` are those of AccessUnit; `key` forces an IDR."""

    def flush(self) -> list[AccessUnit]:
        """Returns the delayed units. The encoder cannot be used afterwards."""


def open_encoder(stream: StreamFormat) -> Encoder:
    return JpegEncoder(stream) if stream.codec is Codec.MJPEG else VideoEncoder(stream)


def parameter_sets(stream: StreamFormat) -> tuple[bytes, ...]:
    """The parameter sets of this format, taken from one encoded picture."""
    black = np.full((stream.height * 3 // 2, stream.width), NEUTRAL_CHROMA, np.uint8)
    black[: stream.height] = BLACK_LUMA
    encoder = open_encoder(stream)
    first, *_ = [*encoder.encode(black, 0, 0.0, key=False), *encoder.flush()]
    return first.sets
