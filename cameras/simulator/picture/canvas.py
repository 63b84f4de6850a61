"""Converts images to YUV 4:2:0, the encoder's color space, and draws into such pictures.

A drawn frame needs only a copy of the converted background and a few small pastes.
"""

import cv2
import numpy as np
import numpy.typing as npt

from ..stream import NEUTRAL_CHROMA, Yuv
from .clock import draw_clock, strip_height

Bgr = npt.NDArray[np.uint8]
"""Rows x columns x 3."""

BLACK, WHITE = 16, 235
"""Luma of limited range (BT.601)."""


def to_yuv(image: Bgr) -> Yuv:
    """Convert a BGR image to YUV 4:2:0. Its sides must be even."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), dtype=np.uint8)


def luma(picture: Yuv) -> Yuv:
    """Returns the luma plane, height x width, as a view: writing to it changes the picture."""
    return picture[: picture.shape[0] * 2 // 3]


def chroma(picture: Yuv) -> tuple[Yuv, Yuv]:
    """Returns the U and V planes, height / 2 x width / 2 each, as views: writing to them changes the picture."""
    rows, width = picture.shape
    half = (rows // 3, width // 2)
    u, v = picture[rows * 2 // 3 :].reshape(2, *half)
    return u, v


def paste(picture: Yuv, patch: Bgr, x: int, y: int) -> None:
    """Copy `patch` into the picture, with its upper left corner at x, y.

    It must lie inside the picture. Its sides, x and y must be even.
    """
    height, width = patch.shape[:2]
    small = to_yuv(patch)
    luma(picture)[y : y + height, x : x + width] = luma(small)
    for plane, part in zip(chroma(picture), chroma(small), strict=True):
        plane[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2] = part


def stamp(picture: Yuv, now_ms: int) -> None:
    """Draw the clock strip over the top of the picture, in place.

    The strip is a row of black and white blocks: the low 32 bits of `now_ms`, Unix milliseconds, for programs to read.
    """
    bright = luma(picture)
    rows = strip_height(len(bright))
    draw_clock(bright, now_ms, BLACK, WHITE)
    for plane in chroma(picture):
        plane[: (rows + 1) // 2] = NEUTRAL_CHROMA
