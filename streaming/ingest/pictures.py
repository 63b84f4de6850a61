"""Converts coded pictures to JPEG: PyAV decodes and scales, libjpeg-turbo encodes.

Runs in threads other than the event loop's. From decoder to encoder the picture stays in YCbCr planes, never RGB.
"""

from typing import Any, NamedTuple, cast

import av
import av.error
import numpy as np
import simplejpeg

from streaming.ingest.opencv import cv2
from streaming.ingest.qualities import MAX_FRAME_BYTES, QUALITIES, SMALLER

# FFmpeg's numbers and names of color spaces, color ranges and pixel formats
BT_709, UNSPECIFIED, BT_601 = 1, 2, (5, 6)
FULL_RANGE = 2
PLAIN = ("yuv420p", "yuvj420p")  # 8-bit 4:2:0; the second has full range
HD = 720  # lines from which video of limited range that does not name its colors counts as BT.709, as in browsers


class Values(NamedTuple):
    """The range of a picture's luma and chroma values: limited ("TV") or full."""

    black: int  # luma of black
    luma: int  # steps from black to white
    color: int  # steps of Cb and Cr, around 128


LIMITED, FULL = Values(16, 219, 224), Values(0, 255, 255)

# Conversion from BT.709 to BT.601, which JPEG uses: the weights of (Cb, Cr) in Y, Cb and Cr.
IN_LUMA, IN_BLUE, IN_RED = (0.1016, 0.1961), (0.9899, -0.1107), (-0.0725, 0.9834)

SIZED_BY = 16_384  # bytes of a keyframe, in which nearly all cameras send the parameter sets and the first slice
MAX_PIXELS = 64_000_000  # of a picture: twice 8K, 96 MB of memory


class DecodingError(Exception):
    """FFmpeg has no decoder for the camera's codec. The message is for viewers."""


class Decoder:
    """Decodes one camera's access units, in order. The constructor raises DecodingError for an unknown codec.

    `codec`: FFmpeg's name. `extradata`: codec parameters from the session description. `at_once`: return each picture
    as soon as it is decoded, even if a later one may have to be shown before it (low delay).
    """

    def __init__(self, codec: str, extradata: bytes = b"", *, at_once: bool = False) -> None:
        try:
            self._context = cast(av.VideoCodecContext, av.CodecContext.create(codec, "r"))
        except (av.error.FFmpegError, ValueError) as error:
            raise DecodingError(f"The camera's codec {codec} cannot be decoded.") from error
        if extradata:
            self._context.extradata = extradata
        self._context.options = {"max_pixels": str(MAX_PIXELS), **({"flags": "low_delay"} if at_once else {})}
        self._context.thread_count = 1  # each additional thread delays the picture by one frame

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the video in pixels; 0, 0 before its parameter sets have come."""
        return self._context.width, self._context.height

    def decode(self, data: bytes) -> Any | None:
        """Decode one access unit. Returns the newest picture (av.VideoFrame) that is complete now.

        Returns None if there is no picture yet, or FFmpeg cannot decode the data.
        """
        if not data:
            return None  # FFmpeg takes an empty packet as the end of the stream
        try:
            pictures = self._context.decode(av.Packet(data))
        except av.error.FFmpegError:
            return None
        return pictures[-1] if pictures else None


def is_whole(data: bytes) -> bool:
    """Returns whether `data` is an H.264 keyframe without missing parts, by decoding it. False also if the decoder
    returns no picture. Of H.265 this cannot be told: FFmpeg ignores missing slices.
    """
    decoder = Decoder("h264", at_once=True)
    picture = decoder.decode(data)
    return picture is not None and not picture.is_corrupt


def size_of(codec: str, extradata: bytes, keyframe: bytes) -> tuple[int, int]:
    """Returns the width and height of a video in pixels, by decoding `keyframe`; 0, 0 if that fails.

    `codec`: FFmpeg's name. `extradata`: codec parameters from the session description.
    """
    for data in (keyframe[:SIZED_BY], keyframe):  # decodes the beginning only, if that has all parameter sets
        try:
            decoder = Decoder(codec, extradata)
        except DecodingError:
            break
        decoder.decode(data)
        if decoder.size[0]:
            return decoder.size
    return 0, 0


def encode(picture: Any, name: str) -> tuple[bytes, int, int]:
    """Encode an av.VideoFrame as JPEG, scaled down to fit a quality's size. Returns the JPEG, its width and height.

    `name`: of the quality, a key of QUALITIES. To stay within MAX_FRAME_BYTES, the JPEG becomes coarser, and
    then smaller. The aspect ratio is kept, but width and height (pixels) are rounded to even numbers: libjpeg-turbo
    reads beyond the end of odd planes.
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
    """Returns the planes Y, Cb and Cr of an av.VideoFrame, scaled to `width` x `height` pixels.

    Their values are those that JPEG needs: full range, and the color matrix of BT.601.
    """
    is_full = picture.color_range == FULL_RANGE or picture.format.name.startswith("yuvj")
    colors = picture.colorspace
    if colors == UNSPECIFIED:
        colors = BT_709 if picture.height >= HD and not is_full else BT_601[0]
    if picture.format.name not in PLAIN or colors not in (BT_709, *BT_601):
        return _planes_by_swscale(picture, width, height, colors)
    # Nearly all cameras. OpenCV is much faster here than swscale.
    if (picture.width, picture.height) != (width, height):
        picture = picture.reformat(width, height, interpolation="AREA", threads=1)
    luma, blue, red = (_rows(plane) for plane in picture.planes)
    if is_full and colors != BT_709:
        return [luma, blue, red]
    return _converted(luma, blue, red, FULL if is_full else LIMITED, is_709=colors == BT_709)


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
    """Returns the planes Y, Cb and Cr in full range and the color matrix of BT.601, clipped to 0..255.

    `luma`, `blue` (Cb) and `red` (Cr): 2-D arrays of bytes, which are not changed. Cb and Cr usually have half the
    width and half the height. `values`: the range of these planes, LIMITED or FULL. `is_709`: their color matrix is
    BT.709; otherwise it is BT.601.
    """

    def mixed(*parts: float) -> Any:
        """Returns the plane `parts[0]` * Cb + `parts[1]` * Cr, extended to full range. Gray stays at 128."""
        by_blue, by_red = (part * 255 / values.color for part in parts)
        return cv2.addWeighted(blue, by_blue, red, by_red, 128 - 128 * (by_blue + by_red))

    factor = 255 / values.luma
    offset = -values.black * factor
    if not is_709:
        return [cv2.addWeighted(luma, factor, luma, 0, offset), mixed(1, 0), mixed(0, 1)]
    more = cv2.resize(mixed(*IN_LUMA), luma.shape[::-1], interpolation=cv2.INTER_NEAREST)
    # Reusing a plane takes a third of the time.
    luma = cv2.addWeighted(luma, factor, more, 1, offset - 128, dst=more)
    return [luma, mixed(*IN_BLUE), mixed(*IN_RED)]


def _even(pixels: float) -> int:
    return max(2, round(pixels) // 2 * 2)


def _rows(plane: Any) -> "np.ndarray[Any, Any]":
    """Returns the bytes of a plane (av.VideoPlane) as a 2-D array, without the padding at the end of each row."""
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
