"""From coded pictures to JPEG: PyAV decodes and scales, libjpeg-turbo encodes. Runs in the capture's thread.

The picture stays in the planes of its video from decoder to encoder, and is never turned into RGB and back.
"""

from dataclasses import dataclass
from typing import Any, cast

import av
import av.error
import numpy as np
import simplejpeg

from streaming.opencv import cv2

BT_601 = {2, 3, 5, 6}  # color spaces of FFmpeg's that are, or are taken for, BT.601: 2 is "unspecified"
FULL_RANGE = 2  # of FFmpeg's color ranges

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
    width, height = _even(picture.width * scale), _even(picture.height * scale)
    planes = _planes_of_jpeg(picture, width, height)
    for level in (quality.jpeg, quality.jpeg - 25, quality.jpeg - 50):
        data = simplejpeg.encode_jpeg_yuv_planes(*planes, quality=level)
        if len(data) <= MAX_MESSAGE:
            return data, width, height
    raise DecodingError("The picture is too large to be sent.")


def _planes_of_jpeg(picture: Any, width: int, height: int) -> "list[np.ndarray[Any, Any]]":
    """What JPEG is made of: all values from 0 to 255, in the colours of BT.601, whatever the camera's video has."""
    same_size = (picture.width, picture.height) == (width, height)
    is_plain = picture.format.name == "yuv420p" and picture.colorspace in BT_601 and picture.color_range != FULL_RANGE
    if same_size and is_plain:  # most cameras' case, in two fifths of the time
        luma, *chroma = (_rows(plane) for plane in picture.planes)
        return [_stretched(luma, 16, 219, 0), *(_stretched(plane, 128, 224, 128) for plane in chroma)]
    picture = picture.reformat(
        width,
        height,
        format="yuvj420p",
        dst_colorspace="ITU601",
        dst_color_range="JPEG",
        interpolation="AREA",
        threads=1,
    )
    return [_rows(plane) for plane in picture.planes]


def _stretched(plane: Any, base: int, span: int, new_base: int) -> Any:
    """`span` values made 255: those at `base` become `new_base`; what is beyond 0 or 255 then, becomes 0 or 255."""
    factor = 255 / span
    return cv2.addWeighted(plane, factor, plane, 0, new_base - base * factor)


def _even(pixels: float) -> int:
    return max(2, round(pixels) // 2 * 2)


def _rows(plane: Any) -> "np.ndarray[Any, Any]":
    """The bytes of a plane, without what fills its lines up."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
