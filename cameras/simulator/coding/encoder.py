"""One picture in, access units out, in the order in which they are sent."""

from typing import Protocol

import numpy as np

from ..stream import BLACK_LUMA, NEUTRAL_CHROMA, AccessUnit, Codec, StreamFormat, Yuv
from .jpeg import JpegEncoder
from .video import VideoEncoder


class Encoder(Protocol):
    """Not thread-safe; releases the GIL while it encodes."""

    def encode(self, picture: Yuv, ticks: int, drawn_at: float, key: bool) -> list[AccessUnit]:
        """`ticks` and `drawn_at` as in AccessUnit; `key` forces an IDR."""

    def flush(self) -> list[AccessUnit]:
        """What was held back; the encoder is of no use after that."""


def open_encoder(stream: StreamFormat) -> Encoder:
    return JpegEncoder(stream) if stream.codec is Codec.MJPEG else VideoEncoder(stream)


def parameter_sets(stream: StreamFormat) -> tuple[bytes, ...]:
    """The sets that every encoder of this format writes, from one encoded picture."""
    black = np.full((stream.height * 3 // 2, stream.width), NEUTRAL_CHROMA, np.uint8)
    black[: stream.height] = BLACK_LUMA
    encoder = open_encoder(stream)
    first, *_ = [*encoder.encode(black, 0, 0.0, key=False), *encoder.flush()]
    return first.sets
