"""From coded pictures to JPEG: PyAV decodes and scales, libjpeg-turbo encodes. Runs in the capture's thread.

The picture stays in the planes of its video from decoder to encoder, and is never turned into RGB and back.
"""

from dataclasses import dataclass
from typing import Any, cast

import av
import av.error
import numpy as np
import simplejpeg

MAX_MESSAGE = 1_000_000  # bytes: Daphne cuts a connection that is sent more than 1 MiB in one message


@dataclass(frozen=True)
class Quality:
    """The largest picture of a quality, how often, and how finely encoded."""

    width: int  # pixels
    height: int
    rate: float  # frames/s
    jpeg: int  # 0 to 100


QUALITIES = {
    "low": Quality(640, 360, 5, 70),
    "medium": Quality(1280, 720, 10, 80),
    "high": Quality(1920, 1080, 15, 90),
    "original": Quality(7680, 4320, 15, 90),  # where the camera's own video cannot be passed on
}


class DecodingError(Exception):
    """This codec cannot be decoded here, or a picture stays too large to be sent."""


class Decoder:
    """Decodes one camera's access units, in order."""

    def __init__(self, codec: str, extradata: bytes = b"") -> None:
        try:
            self._context = cast(av.VideoCodecContext, av.CodecContext.create(codec, "r"))
        except (av.error.FFmpegError, ValueError) as error:
            raise DecodingError(f"The camera's codec {codec} cannot be decoded.") from error
        if extradata:
            self._context.extradata = extradata
        self._context.thread_count = 1  # each thread more delays the picture by one frame

    def decode(self, data: bytes) -> Any | None:
        """The newest picture (av.VideoFrame) that `data` completes. None: none yet, or the data are damaged."""
        if not data:
            return None  # to FFmpeg nothing at all would mean the end of the stream
        try:
            pictures = self._context.decode(av.Packet(data))
        except av.error.FFmpegError:
            return None
        return pictures[-1] if pictures else None


def encode(picture: Any, name: str) -> tuple[bytes, int, int]:
    """Scale an av.VideoFrame into the quality's box, never up, and encode it. Returns JPEG, width and height in pixels,
    both even: of odd planes libjpeg-turbo reads more than there is.

    Raises DecodingError when the picture stays larger than a message may be.
    """
    quality = QUALITIES[name]
    scale = min(quality.width / picture.width, quality.height / picture.height, 1.0)
    # What JPEG is made of: all values from 0 to 255, in the colours of BT.601, whatever the camera's video has.
    picture = picture.reformat(
        _even(picture.width * scale),
        _even(picture.height * scale),
        format="yuvj420p",
        dst_colorspace="ITU601",
        dst_color_range="JPEG",
        interpolation="AREA",
        threads=1,
    )
    for level in (quality.jpeg, quality.jpeg - 25, quality.jpeg - 50):
        data = simplejpeg.encode_jpeg_yuv_planes(*(_rows(plane) for plane in picture.planes), quality=level)
        if len(data) <= MAX_MESSAGE:
            return data, picture.width, picture.height
    raise DecodingError("The picture is too large to be sent.")


def _even(pixels: float) -> int:
    return max(2, round(pixels) // 2 * 2)


def _rows(plane: Any) -> "np.ndarray[Any, Any]":
    """The bytes of a plane, without what fills its lines up."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
