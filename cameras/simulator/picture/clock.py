"""The clock strip: the time of drawing, written into the picture so that a program can read it.

32 equal blocks across the top sixteenth of the frame hold the low 32 bits of Unix milliseconds, most significant bit
first, white for 1. They stay readable after scaling and JPEG compression.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[Any]
"""Rows x columns (gray), or rows x columns x channels (BGR, BGRA), 8 bits."""

BITS = 32
WRAP = 1 << BITS
BLACK_BELOW = 80
WHITE_ABOVE = 175


def strip_height(height: int) -> int:
    return height // 16


def draw_clock(image: Image, now_ms: int, black: int = 0, white: int = 255) -> None:
    """Write `now_ms`, Unix milliseconds, over the top of `image`, in place: 32 blocks, one for each low bit.

    `black` and `white` are the pixel values of 0 and 1.
    """
    height, width = image.shape[:2]
    bits = (now_ms >> np.arange(BITS - 1, -1, -1)) & 1
    row = np.repeat(np.where(bits, white, black).astype(image.dtype), np.diff(_edges(width)))
    image[: strip_height(height)] = row if image.ndim == 2 else row[:, np.newaxis]


def read_clock(image: Image) -> int | None:
    """Returns the low 32 bits of the Unix milliseconds that `draw_clock` wrote over the top of `image`.

    Returns None if the blocks are unreadable, or all of one color, as in a black picture.
    """
    rows = strip_height(image.shape[0])
    if not rows or image.shape[1] < BITS:
        return None
    means = _block_means(image[rows // 4 : rows - rows // 4])
    ones = means > WHITE_ABOVE
    if not np.all(ones | (means < BLACK_BELOW)) or ones.all() or not ones.any():
        return None
    return int("".join("1" if one else "0" for one in ones), 2)


def age_ms(image: Image, now_ms: float) -> float | None:
    """Returns the milliseconds from the time that `draw_clock` wrote into `image` to `now_ms`, Unix milliseconds.

    Returns None if `image` has no readable time. The written 32 bits wrap every 49.7 days, so the age with the smallest
    absolute value is returned. It is negative if the written time is later than `now_ms`.
    """
    drawn = read_clock(image)
    if drawn is None:
        return None
    return (now_ms - drawn + WRAP / 2) % WRAP - WRAP / 2


def _edges(width: int) -> npt.NDArray[np.int_]:
    return np.arange(BITS + 1) * width // BITS


def _block_means(strip: Image) -> npt.NDArray[np.float64]:
    """Returns the mean brightness, 0 to 255, of each of the 32 blocks. Only the middle half of its width counts."""
    columns = strip.reshape(*strip.shape[:2], -1)[..., :3].mean(axis=(0, 2))
    sums = np.concatenate(([0.0], np.cumsum(columns)))
    edges = _edges(len(columns))
    margin = np.diff(edges) // 4
    starts, ends = edges[:-1] + margin, edges[1:] - margin
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts))
