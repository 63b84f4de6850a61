"""From coded pictures to JPEG: PyAV decodes and scales, libjpeg-turbo encodes. Runs in the capture's thread.

The picture stays in the planes of its video from decoder to encoder, and is never turned into RGB and back.
"""

from typing import Any, NamedTuple, cast

import av
import av.error
import numpy as np
import simplejpeg

from streaming.ingest.opencv import cv2
from streaming.ingest.qualities import MAX_FRAME_BYTES, QUALITIES, SMALLER

# Of FFmpeg's color spaces, color ranges and pixel formats:
BT_709, UNSPECIFIED, BT_601 = 1, 2, (5, 6)
FULL_RANGE = 2
PLAIN = ("yuv420p", "yuvj420p")  # the second is of the full range by its name
HD = (
    720  # lines from which on video of 16 to 235 that says nothing of its colors has those of BT.709: for browsers, too
)


class Values(NamedTuple):
    black: int  # in the plane of luma
    luma: int  # steps from black to white
    color: int  # steps of a difference of colors, 128 in their middle


OF_VIDEO, FULL = Values(16, 219, 224), Values(0, 255, 255)

# What (Cb, Cr) of BT.709 are in BT.601, which is JPEG's: their parts in Y, Cb and Cr, by the weights of R, G and B in both.
IN_LUMA, IN_BLUE, IN_RED = (0.1016, 0.1961), (0.9899, -0.1107), (-0.0725, 0.9834)

MOST_PIXELS = 64_000_000  # of a picture: twice 8K; three bytes of memory for two of them


class DecodingError(Exception):
    """This codec cannot be decoded here."""


class Decoder:
    """Decodes one camera's access units, in order."""

    def __init__(self, codec: str, extradata: bytes = b"") -> None:
        try:
            self._context = cast(av.VideoCodecContext, av.CodecContext.create(codec, "r"))
        except (av.error.FFmpegError, ValueError) as error:
            raise DecodingError(f"The camera's codec {codec} cannot be decoded.") from error
        if extradata:
            self._context.extradata = extradata
        self._context.options = {"max_pixels": str(MOST_PIXELS)}
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
    both even: of odd planes libjpeg-turbo reads more than there is. A picture that stays larger than a message may be is
    made coarser, and then smaller.
    """
    quality = QUALITIES[name]
    scale = min(quality.width / picture.width, quality.height / picture.height, 1.0)
    width, height = _even(picture.width * scale), _even(picture.height * scale)
    planes = _planes_of_jpeg(picture, width, height)
    for level in (quality.jpeg, quality.jpeg - 25, quality.jpeg - 50):
        data = simplejpeg.encode_jpeg_yuv_planes(*planes, quality=level)
        if len(data) <= MAX_FRAME_BYTES:
            return data, width, height
    return encode(picture, SMALLER[name])


def _planes_of_jpeg(picture: Any, width: int, height: int) -> "list[np.ndarray[Any, Any]]":
    """What JPEG is made of: all values from 0 to 255, in the colors of BT.601, whatever the camera's video has."""
    is_full = picture.color_range == FULL_RANGE or picture.format.name.startswith("yuvj")
    colors = picture.colorspace
    if colors == UNSPECIFIED:
        colors = BT_709 if picture.height >= HD and not is_full else BT_601[0]
    if picture.format.name not in PLAIN or colors not in (BT_709, *BT_601):
        return _planes_by_swscale(picture, width, height, colors)
    # Nearly all cameras'. By OpenCV: swscale takes longer for the values, and by far longer for the colors.
    if (picture.width, picture.height) != (width, height):
        picture = picture.reformat(width, height, interpolation="AREA", threads=1)
    luma, blue, red = (_rows(plane) for plane in picture.planes)
    if is_full and colors != BT_709:
        return [luma, blue, red]
    return _converted(luma, blue, red, FULL if is_full else OF_VIDEO, is_709=colors == BT_709)


def _planes_by_swscale(picture: Any, width: int, height: int, colors: int) -> "list[np.ndarray[Any, Any]]":
    picture = picture.reformat(
        width,
        height,
        format="yuvj420p",
        src_colorspace=colors,
        dst_colorspace="ITU601",
        dst_color_range="JPEG",
        interpolation="AREA",
        threads=1,
    )
    return [_rows(plane) for plane in picture.planes]


def _converted(luma: Any, blue: Any, red: Any, values: Values, *, is_709: bool) -> "list[np.ndarray[Any, Any]]":
    """What is beyond 0 or 255 then, becomes 0 or 255."""

    def mixed(*parts: float) -> Any:
        by_blue, by_red = (part * 255 / values.color for part in parts)
        return cv2.addWeighted(blue, by_blue, red, by_red, 128 - 128 * (by_blue + by_red))

    factor = 255 / values.luma
    offset = -values.black * factor
    if not is_709:
        return [cv2.addWeighted(luma, factor, luma, 0, offset), mixed(1, 0), mixed(0, 1)]
    more = cv2.resize(mixed(*IN_LUMA), luma.shape[::-1], interpolation=cv2.INTER_NEAREST)
    # Into a plane that is there: in a third of the time.
    luma = cv2.addWeighted(luma, factor, more, 1, offset - 128, dst=more)
    return [luma, mixed(*IN_BLUE), mixed(*IN_RED)]


def _even(pixels: float) -> int:
    return max(2, round(pixels) // 2 * 2)


def _rows(plane: Any) -> "np.ndarray[Any, Any]":
    """The bytes of a plane, without what fills its lines up."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
