"""The object that moves slowly through each drawn scene, such as a car: from one side to the other and back."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from .brush import Brush
from .canvas import Bgr

SUPERSAMPLING = 3
POSES = 4

Sprite = npt.NDArray[np.uint16]
"""Rows x columns x 3, values 0 to 255, in 16 bits so that a product fits."""


@dataclass(frozen=True)
class Path:
    """A moving object: how to draw it, and its horizontal path. Lengths are fractions of the picture's sides."""

    draw: Callable[[Brush, int], None]  # takes the sprite's brush and the pose, 0 to 3; black is transparent
    feet: float  # position of its lower edge, from the top
    height: float
    aspect: float  # width / height of the object
    start: float
    end: float  # start and end of its center, from the left
    seconds: float  # for one direction
    pose_ms: int = 250  # milliseconds that each pose is shown


class Mover:
    """Draws a scene's moving object over a copy of a part of `background`, which stays unchanged. `path`: the
    object and the way that it moves along. Each pose (step of the movement) is drawn only once.

    The positions are even pixels, as 4:2:0 chroma requires.
    """

    def __init__(self, path: Path, background: Bgr) -> None:
        rows, columns = background.shape[:2]
        height = max(2, round(path.height * rows) // 2 * 2)
        width = min(columns // 2 * 2, max(2, round(path.height * rows * path.aspect) // 2 * 2))
        self._path = path
        self._size = (width, height)
        self._top = max(0, round(path.feet * rows) // 2 * 2 - height)
        self._background = background
        self._poses = [_pose(path, self._size, pose) for pose in range(POSES)]

    def draw(self, now_ms: int) -> tuple[Bgr, int, int]:
        """Returns the part of the scene with the object at `now_ms`, Unix milliseconds, and its left and top pixel."""
        width, height = self._size
        columns = self._background.shape[1]
        progress = now_ms / 1000 / self._path.seconds % 2
        ahead = progress < 1
        way = progress if ahead else 2 - progress
        middle = self._path.start + (self._path.end - self._path.start) * way
        left = int(np.clip(round(middle * columns) - width // 2, 0, columns - width)) // 2 * 2
        colors, coverage = self._poses[now_ms // self._path.pose_ms % POSES]
        if not ahead:
            colors, coverage = colors[:, ::-1], coverage[:, ::-1]
        behind = self._background[self._top : self._top + height, left : left + width]
        patch = colors + (behind * (256 - coverage) >> 8)
        return patch.astype(np.uint8), left, self._top


@lru_cache(maxsize=64)
def _pose(path: Path, size: tuple[int, int], pose: int) -> tuple[Sprite, Sprite]:
    """Draws the object in one pose, 0 to 3. `size`: its width and height in pixels. Returns its colors, multiplied
    by its coverage, and the coverage of each pixel. Coverage is 0 where the background shows, up to 255 where the
    object hides it.
    """
    width, height = size
    large = np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING, 3), np.uint8)
    path.draw(Brush(large), pose)
    solid = np.repeat(large.any(axis=2, keepdims=True), 3, axis=2).astype(np.uint8) * 255
    return _shrink(large, size), _shrink(solid, size)


def _shrink(large: Bgr, size: tuple[int, int]) -> Sprite:
    return cv2.resize(large, size, interpolation=cv2.INTER_AREA).astype(np.uint16)


def _swing(pose: int) -> float:
    """Returns how far legs or wheels are moved in a pose (0 to 3): a factor from -1 to 1."""
    return (0.0, 1.0, 0.0, -1.0)[pose]


def draw_car(brush: Brush, pose: int) -> None:
    body, shade, glass = (62, 74, 168), (48, 56, 132), (96, 84, 70)
    dark, metal = (28, 28, 30), (150, 150, 152)
    brush.ellipse((40, 42, 44), (0.5, 0.95), 0.47, 0.04)
    brush.polygon(shade, (0.03, 0.50), (0.24, 0.46), (0.80, 0.46), (0.98, 0.58), (0.98, 0.84), (0.02, 0.84))
    brush.polygon(body, (0.03, 0.50), (0.24, 0.46), (0.80, 0.46), (0.98, 0.56), (0.98, 0.72), (0.02, 0.72))
    brush.polygon(body, (0.16, 0.48), (0.28, 0.14), (0.62, 0.12), (0.82, 0.48))
    brush.polygon(glass, (0.22, 0.46), (0.31, 0.19), (0.44, 0.18), (0.44, 0.46))
    brush.polygon(glass, (0.47, 0.46), (0.47, 0.18), (0.60, 0.18), (0.75, 0.46))
    brush.box((190, 232, 240), 0.94, 0.58, 0.98, 0.66)
    brush.box((40, 40, 190), 0.02, 0.54, 0.045, 0.66)
    for wheel in (0.22, 0.78):
        brush.ellipse(dark, (wheel, 0.82), 0.085, 0.17)
        brush.ellipse(metal, (wheel, 0.82), 0.045, 0.09)
        brush.ellipse(dark, (wheel + 0.02 * _swing(pose), 0.82), 0.012, 0.03)


def draw_walker(brush: Brush, pose: int) -> None:
    coat, trousers, skin, hair = (120, 84, 52), (70, 58, 52), (142, 172, 214), (34, 42, 58)
    stride = 0.24 * _swing(pose)
    for side in (-1, 1):
        knee, foot = 0.5 + side * stride * 0.5 + 0.04, 0.5 + side * stride
        brush.lines(trousers, 0.065, (0.5, 0.56), (knee, 0.76), (foot, 0.95))
        brush.lines((30, 30, 34), 0.05, (foot - 0.02, 0.965), (foot + 0.12, 0.965))
    brush.polygon(coat, (0.30, 0.22), (0.68, 0.22), (0.74, 0.60), (0.28, 0.60))
    brush.lines((104, 70, 42), 0.05, (0.50, 0.25), (0.50 - stride * 0.6, 0.42), (0.54 - stride, 0.55))
    brush.ellipse(skin, (0.53, 0.11), 0.15, 0.075)
    brush.ellipse(hair, (0.47, 0.08), 0.16, 0.065)
    brush.box((52, 60, 150), 0.34, 0.19, 0.66, 0.235)


def draw_forklift(brush: Brush, pose: int) -> None:
    yellow, dark, steel, wood = (40, 170, 226), (34, 36, 40), (110, 112, 116), (96, 142, 182)
    brush.lines(dark, 0.03, (0.20, 0.50), (0.24, 0.08), (0.52, 0.08), (0.60, 0.52))
    brush.ellipse((142, 172, 214), (0.40, 0.27), 0.045, 0.07)
    brush.polygon((120, 84, 52), (0.33, 0.36), (0.46, 0.34), (0.50, 0.58), (0.32, 0.58))
    brush.polygon(yellow, (0.06, 0.48), (0.30, 0.46), (0.34, 0.62), (0.66, 0.62), (0.66, 0.86), (0.06, 0.86))
    brush.box(dark, 0.08, 0.74, 0.64, 0.79)
    brush.box(steel, 0.67, 0.02, 0.71, 0.92)
    brush.box(steel, 0.71, 0.86, 0.99, 0.90)
    brush.box(wood, 0.73, 0.78, 0.99, 0.86)
    brush.box((120, 164, 200), 0.74, 0.46, 0.98, 0.78)
    brush.lines((100, 144, 180), 0.015, (0.86, 0.46), (0.86, 0.78))
    for wheel in (0.18, 0.56):
        brush.ellipse(dark, (wheel, 0.87), 0.09, 0.125)
        brush.ellipse(steel, (wheel, 0.87), 0.04, 0.055)
        brush.ellipse(dark, (wheel + 0.02 * _swing(pose), 0.87), 0.012, 0.018)


def draw_cat(brush: Brush, pose: int) -> None:
    fur, shade = (60, 112, 172), (44, 84, 134)
    stride = 0.06 * _swing(pose)
    for hip, side in ((0.28, 1), (0.34, -1), (0.64, -1), (0.70, 1)):
        brush.lines(shade if side > 0 else fur, 0.09, (hip, 0.60), (hip + side * stride, 0.95))
    brush.lines(shade, 0.07, (0.22, 0.50), (0.10, 0.36), (0.06, 0.12))
    brush.ellipse(fur, (0.48, 0.54), 0.29, 0.17)
    brush.ellipse(fur, (0.80, 0.38), 0.10, 0.17)
    brush.polygon(shade, (0.72, 0.28), (0.73, 0.08), (0.80, 0.22))
    brush.polygon(shade, (0.81, 0.22), (0.88, 0.08), (0.89, 0.30))
    brush.ellipse((40, 60, 40), (0.85, 0.36), 0.012, 0.03)


MOVERS = {
    "front-door": Path(draw_walker, feet=0.84, height=0.30, aspect=0.42, start=-0.02, end=1.02, seconds=26),
    "car-park": Path(draw_car, feet=0.62, height=0.15, aspect=2.3, start=0.0, end=1.0, seconds=24),
    "loading-dock": Path(draw_forklift, feet=0.84, height=0.27, aspect=1.35, start=0.12, end=0.9, seconds=20),
    "garden": Path(draw_cat, feet=0.80, height=0.11, aspect=1.7, start=0.05, end=0.95, seconds=32),
}
