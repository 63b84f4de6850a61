"""Encoders: they take pictures and return access units (encoded pictures) in the order of sending."""

from typing import Protocol

import numpy as np

from ..stream import BLACK_LUMA, NEUTRAL_CHROMA, AccessUnit, Codec, StreamFormat, Yuv
from .jpeg import JpegEncoder
from .video import VideoEncoder


class Encoder(Protocol):
    """Encodes the pictures of one stream. Not thread-safe. Releases the GIL while it encodes."""

    def encode(self, picture: Yuv, ticks: int, drawn_at: float, key: bool) -> list[AccessUnit]:
        """Encode a picture. Returns the encoded pictures that are ready. B-frames delay a picture to a later call.

        `ticks` is the presentation time in 1/90,000 s of the monotonic clock. `drawn_at` is the time of drawing in Unix
        seconds. `key` forces an IDR in any H.264 or H.265 stream. Without it, keyframes come every `gop_seconds`.
        """

    def flush(self) -> list[AccessUnit]:
        """Returns the encoded pictures that were delayed by B-frames. The encoder cannot be used afterwards."""


def open_encoder(stream: StreamFormat) -> Encoder:
    return JpegEncoder(stream) if stream.codec is Codec.MJPEG else VideoEncoder(stream)


def parameter_sets(stream: StreamFormat) -> tuple[bytes, ...]:
    """Returns the parameter sets of this format, as NAL units without start codes: SPS and PPS for H.264; VPS, SPS and
    PPS for H.265; none for MJPEG. Encodes one picture to get them.
    """
    black = np.full((stream.height * 3 // 2, stream.width), NEUTRAL_CHROMA, np.uint8)
    black[: stream.height] = BLACK_LUMA
    encoder = open_encoder(stream)
    first, *_ = [*encoder.encode(black, 0, 0.0, key=False), *encoder.flush()]
    return first.sets
